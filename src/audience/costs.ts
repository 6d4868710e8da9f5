/** How the rules of one package are asked: all in one document, or each by itself. */
export type Way = 'package' | 'rules';

/** Below so many rules the package, which may hold far more than what is wanted, is not tried. */
const fewestRules = 8;
/** After so many asks at least the other way is looked at again; … */
const leastPatience = 64;
/** … and so seldom that looking costs a sixteenth of the time at most. */
const patienceFactor = 16;
/** Asking rule by rule is not tried while the package takes less than this for each rule (ms): a request costs more. */
const requestFloor = 0.5;
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
    const costs = this.#of(name);
    costs.asks++;
    const other = otherWay(costs.way);
    if (costs.asks > this.#patience(costs, rules) && mayPay(costs, other, rules)) {
      costs.asks = 0;
      return other;
    }
    return costs.way;
  }

  /** Tells what an ask took, in ms. */
  record(name: string, way: Way, rules: number, ms: number): void {
    if (rules < fewestRules) return;
    const costs = this.#of(name);
    if (way === 'package') costs.package = average(costs.package, ms);
    else costs.rule = average(costs.rule, ms / rules);
    if (costs.package === undefined || costs.rule === undefined) return;
    costs.way = costs.package <= costs.rule * rules ? 'package' : 'rules';
  }

  /** The package as a whole has no answer: some rule fails. */
  failed(name: string): void {
    const costs = this.#of(name);
    costs.package = undefined;
    costs.way = 'rules';
    costs.asks = 0;
  }

  #of(name: string): Costs {
    let costs = this.#costs.get(name);
    if (costs === undefined) {
      costs = { package: undefined, rule: undefined, way: 'package', asks: 0 };
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
