/** How the rules of one package are asked: all in one document, or each by itself. */
export type Way = 'package' | 'rules';

/** A single rule is asked by itself. */
const fewestRules = 2;
/** Below so many rules the package, which may hold far more than what is wanted, is not how it begins. */
const manyRules = 8;
/** After so many asks at least the other way is looked at again; … */
const leastPatience = 64;
/** … and so seldom that looking costs a sixteenth of the time at most. */
const patienceFactor = 16;
/** Asking rule by rule is not tried while the package takes less than this for each rule (ms): a request costs more. */
const requestFloor = 0.5;
/** While the other way is known to be good, the package gets so many times what that takes, … */
const trialFactor = 4;
/** … and at least so long (ms), to answer: it may hold rules that nobody here wants and that take minutes. */
const leastTrial = 250;
/** Weight of the newest measurement. */
const weight = 0.3;

interface Costs {
  /** ms; undefined: not measured yet. */
  package: number | undefined;
  /** ms for each rule. */
  rule: number | undefined;
  way: Way;
  /** Asks since both ways were compared. */
  asks: number;
}

/**
 * Which way is cheaper, by what was measured: a package document of 2,000 small rules takes 0.3 s where single requests
 * take 0.8 s, but one with large rules that nobody wants can take seconds.
 */
export class CostBook {
  readonly #costs = new Map<string, Costs>();

  /** How to ask now for `rules` rules of a package. */
  choose(name: string, rules: number): Way {
    if (rules < fewestRules) return 'rules';
    const costs = this.#of(name, rules);
    costs.asks++;
    const other = otherWay(costs.way);
    if (costs.asks > this.#patience(costs, rules) && mayPay(costs, other, rules)) {
      costs.asks = 0;
      return other;
    }
    return costs.way;
  }

  /** How long the package may take now, in ms; undefined: as long as any answer. */
  patience(name: string, rules: number): number | undefined {
    const costs = this.#costs.get(name);
    if (costs?.way !== 'rules' || costs.rule === undefined) return undefined;
    return Math.max(leastTrial, costs.rule * rules * trialFactor);
  }

  /** Tells what an ask took, in ms. */
  record(name: string, way: Way, rules: number, ms: number): void {
    if (rules < fewestRules) return;
    const costs = this.#of(name, rules);
    if (way === 'package') costs.package = average(costs.package, ms);
    else costs.rule = average(costs.rule, ms / rules);
    if (costs.package === undefined || costs.rule === undefined) return;
    // One request more or less is within what such a short time can be measured to.
    costs.way = costs.package <= costs.rule * rules + requestFloor ? 'package' : 'rules';
  }

  /** The package as a whole has no answer: some rule fails. */
  failed(name: string): void {
    const costs = this.#costs.get(name);
    if (costs === undefined) return;
    costs.package = undefined;
    costs.way = 'rules';
    costs.asks = 0;
  }

  #of(name: string, rules: number): Costs {
    let costs = this.#costs.get(name);
    if (costs === undefined) {
      costs = { package: undefined, rule: undefined, way: rules < manyRules ? 'rules' : 'package', asks: 0 };
      this.#costs.set(name, costs);
    }
    return costs;
  }

  #patience(costs: Costs, rules: number): number {
    if (costs.package === undefined || costs.rule === undefined) return leastPatience;
    const single = costs.rule * rules;
    const ratio = costs.way === 'package' ? single / costs.package : costs.package / single;
    return Math.max(leastPatience, ratio * patienceFactor);
  }
}

function mayPay(costs: Costs, other: Way, rules: number): boolean {
  return other === 'package' || (costs.package ?? 0) > requestFloor * rules;
}

function otherWay(way: Way): Way {
  return way === 'package' ? 'rules' : 'package';
}

function average(before: number | undefined, now: number): number {
  return before === undefined ? now : before * (1 - weight) + now * weight;
}
