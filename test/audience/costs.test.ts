import { describe, expect, it } from 'vitest';
import { CostBook, type Way } from '../../src/audience/costs.ts';

/** Asks so often, with these costs in ms, and counts the ways. */
function run(costs: CostBook, times: number, packageMs: number, ruleMs: number, rules = 100): Record<Way, number> {
  const counts = { package: 0, rules: 0 };
  for (let index = 0; index < times; index++) {
    const way = costs.choose('p', rules);
    counts[way]++;
    costs.record('p', way, rules, way === 'package' ? packageMs : ruleMs * rules);
  }
  return counts;
}

describe('CostBook', () => {
  it('one rule is asked by itself', () => {
    expect(run(new CostBook(), 1000, 1, 100, 1)).toEqual({ package: 0, rules: 1000 });
  });

  it('a few rules begin one by one, and go on as a package where that is quicker', () => {
    const costs = new CostBook();
    expect(run(costs, 10, 1, 100, 7)).toEqual({ package: 0, rules: 10 });
    expect(run(costs, 1000, 1, 100, 7).package).toBeGreaterThan(900);
  });

  it('a package that was not asked yet gets little time where its rules are known to be quick', () => {
    const costs = new CostBook();
    expect(costs.patience('p', 7)).toBeUndefined();
    run(costs, 10, 1, 0.5, 7);
    expect(costs.patience('p', 7)).toBe(250);
    expect(costs.patience('p', 1000)).toBe(2000);
    run(costs, 1000, 1, 0.5, 7);
    expect(costs.patience('p', 7)).toBeUndefined();
  });

  it('many rules begin with the package, and stay there while it is quick', () => {
    expect(run(new CostBook(), 1000, 10, 0.4)).toEqual({ package: 1000, rules: 0 });
  });

  it('a slow package is left for rules, and seldom tried again', () => {
    const costs = new CostBook();
    const { package: tried } = run(costs, 5000, 3000, 0.5);
    expect(tried).toBeGreaterThanOrEqual(65);
    expect(tried).toBeLessThan(75);
    // Looking again costs a sixteenth of the time at most.
    const { package: later } = run(costs, 5000, 3000, 0.5);
    expect(later * 3000).toBeLessThan((5000 * 50) / 15);
    expect(later).toBeGreaterThan(0);
  });

  it('a package that became quick is found again', () => {
    const costs = new CostBook();
    run(costs, 500, 3000, 0.5);
    run(costs, 5000, 5, 0.5);
    expect(costs.choose('p', 100)).toBe('package');
  });

  it('a package that failed is asked rule by rule for a while', () => {
    const costs = new CostBook();
    expect(costs.choose('p', 100)).toBe('package');
    costs.failed('p');
    const ways = Array.from({ length: 200 }, () => {
      const way = costs.choose('p', 100);
      if (way === 'package') costs.failed('p');
      else costs.record('p', 'rules', 100, 50);
      return way;
    });
    expect(ways.filter(way => way === 'package').length).toBeLessThanOrEqual(3);
    expect(ways.filter(way => way === 'package').length).toBeGreaterThan(0);
  });
});
