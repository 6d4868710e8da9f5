import { describe, expect, it } from 'vitest';
import { planTargets } from '../../src/plan/plan.ts';
import { names, outline, World } from '../support/plan-model.ts';

/** So many toggles of 100 users each, applied long ago. */
function applied(count: number): World {
  const world = new World();
  for (const toggle of names('t', count)) world.add(toggle, names('u', 100));
  world.apply(planTargets(world.input()));
  world.now += 3_600_000;
  return world;
}

function without(world: World, gone: number): World {
  world.files = world.files.slice(gone);
  return world;
}

describe('removals', () => {
  it.each([
    [20, 5, false],
    [10, 5, false],
    [20, 6, false],
    [20, 7, true],
    [6, 6, true],
    [5, 5, false],
  ])('of %i toggles %i at once: blocked %s', (count, gone, blocked) => {
    const plan = planTargets(without(applied(count), gone).input());
    expect(plan.blocked.map(({ scope }) => scope)).toEqual(blocked ? ['removal'] : []);
    expect(plan.changes.length).toBe(blocked ? 0 : gone * 2);
  });

  it('are judged by their own rule only: no sum, no share of users', () => {
    const plan = planTargets(without(applied(20), 6).input());
    expect(plan.blocked).toEqual([]);
    expect(plan.changes.filter(({ kind }) => kind === 'placement')).toHaveLength(6);
  });

  it('block all, list all, and the rest goes on', () => {
    const world = without(applied(20), 8);
    world.answers.set('t0019', names('u', 99));
    const plan = planTargets(world.input());
    expect(outline(plan)[0]).toBe('revoke: placement t0019 ld production on +0 -1');
    expect(plan.changes).toHaveLength(1);
    expect(plan.blocked[0]).toMatchObject({ reason: 'removals', of: 20, removals: names('t', 8) });
    expect(plan.blocked[0]?.message).toMatch(/^the files of 8 toggles of 20 are gone \(40 %, allowed 30 %\); none/);
  });

  it('of toggles that were off do not count', () => {
    const world = applied(20);
    for (const toggle of names('t', 4))
      world.edit(toggle, { environments: { production: { rule: toggle, state: 'off' } } });
    world.apply(planTargets(world.input()));
    expect(planTargets(without(world, 8).input()).blocked).toEqual([]);
  });

  it('in slices add up within the window', () => {
    const world = applied(20);
    world.apply(planTargets(without(world, 6).input()));
    world.now += 60_000;
    expect(planTargets(without(world, 1).input()).blocked.map(({ scope }) => scope)).toEqual(['removal']);
    world.now += 600_000;
    expect(planTargets(world.input()).blocked).toEqual([]);
  });

  it('go with an approval of those and what is always allowed', () => {
    const world = without(applied(40), 15);
    const [block] = planTargets(world.input()).blocked;
    if (block) world.approve(block);
    expect(planTargets(world.input()).blocked).toEqual([]);
    expect(planTargets(without(world, 5).input()).blocked).toEqual([]);
    expect(planTargets(without(world, 1).input()).blocked).toHaveLength(1);
  });

  it('are what a reviewed commit causes', () => {
    const world = without(applied(20), 10);
    expect(planTargets(world.input()).blocked).toHaveLength(1);
    expect(planTargets(world.input({ definitionsReviewed: true })).blocked).toEqual([]);
  });
});
