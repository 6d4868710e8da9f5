import { afterEach, describe, expect, it, vi } from 'vitest';
import { membersOf } from '../../src/domain/members.ts';
import { planTargets } from '../../src/plan/plan.ts';
import { names, World } from '../support/plan-model.ts';

const hash = vi.spyOn(Object.getPrototypeOf(membersOf(['a'])) as { hash: string }, 'hash', 'get');
afterEach(() => hash.mockClear());

/** Many toggles that share a few policies, applied. */
function applied(count: number): World {
  const world = new World();
  for (const toggle of names('t', count)) {
    world.files.push({ toggle, environments: { production: { rule: `r${Number(toggle.slice(1)) % 3}` } } });
  }
  for (const rule of ['r0', 'r1', 'r2']) world.answers.set(rule, names(rule, 100));
  world.apply(planTargets(world.input()));
  world.now += 3_600_000;
  hash.mockClear();
  return world;
}

describe('what a plan costs', () => {
  it('no hash of members where nothing is blocked, changed or not', () => {
    const world = applied(30);
    expect(planTargets(world.input()).changes).toEqual([]);
    world.answers.set('r1', names('r1', 99));
    expect(planTargets(world.input()).changes).toHaveLength(10);
    expect(hash).not.toHaveBeenCalled();
  });

  it('toggles with the same answer share one difference', () => {
    const world = applied(30);
    world.answers.set('r1', names('r1', 101));
    const input = world.input();
    const granted = planTargets(input).changes.map(change =>
      change.kind === 'placement' ? change.granted : undefined,
    );
    expect(granted).toHaveLength(10);
    expect(new Set(granted).size).toBe(1);
  });

  it('the window is asked for only where somebody would lose or get it', () => {
    const world = applied(30);
    const baseline = vi.fn(() => undefined);
    planTargets(world.input({ baseline }));
    expect(baseline).not.toHaveBeenCalled();
  });
});
