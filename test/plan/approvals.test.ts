import { describe, expect, it } from 'vitest';
import { membersOf, noMembers } from '../../src/domain/members.ts';
import type { Block } from '../../src/domain/plan.ts';
import { planTargets } from '../../src/plan/plan.ts';
import { names, outline, World } from '../support/plan-model.ts';

const users = (count: number, from = 0): readonly string[] => names('u', count, from);

function blocked(
  before: readonly string[],
  after: readonly string[],
): { readonly world: World; readonly block: Block } {
  const world = new World();
  world.add('f', before);
  world.add('other', users(5_000));
  world.apply(planTargets(world.input()));
  world.now += 3_600_000;
  world.answers.set('f', after);
  const [block] = planTargets(world.input()).blocked;
  if (!block) throw new Error('nothing was blocked');
  return { world, block };
}

function stillBlocked(world: World, answer: readonly string[]): boolean {
  world.answers.set('f', answer);
  return planTargets(world.input()).blocked.length > 0;
}

describe('an approval', () => {
  it('lets exactly that through, and the change names it', () => {
    const { world, block } = blocked(users(900), users(88));
    world.approve(block);
    const [change] = planTargets(world.input()).changes;
    expect(change).toMatchObject({ kind: 'placement', approval: block.id });
    if (change?.kind !== 'placement') throw new Error('no placement');
    expect(change.approved?.revoked.size).toBe(812);
  });

  it('covers less, and up to the numbers always allowed more', () => {
    const { world, block } = blocked(users(900), users(100));
    world.approve(block);
    expect(stillBlocked(world, users(500))).toBe(false);
    expect(stillBlocked(world, users(95))).toBe(false);
    expect(stillBlocked(world, users(94))).toBe(true);
    expect(stillBlocked(world, users(800, 100))).toBe(false);
    expect(stillBlocked(world, users(500, 400))).toBe(true);
  });

  it('does not grow by the numbers always allowed, pass after pass', () => {
    const { world, block } = blocked(users(900), users(100));
    world.approve(block);
    world.answers.set('f', users(95));
    world.apply(planTargets(world.input()));
    world.now += 1_000;
    expect(stillBlocked(world, users(94))).toBe(true);
  });

  it('for grants covers those who were to come', () => {
    const { world, block } = blocked(users(60), users(500));
    expect(block.reason).toBe('grants');
    world.approve(block);
    expect(stillBlocked(world, users(500))).toBe(false);
    expect(stillBlocked(world, users(550))).toBe(false);
    expect(stillBlocked(world, users(551))).toBe(true);
  });

  it('lets a placement become empty only if all its members were approved', () => {
    const { world, block } = blocked(users(900), users(3));
    world.approve(block);
    expect(stillBlocked(world, users(1))).toBe(false);
    expect(stillBlocked(world, [])).toBe(true);
    const [empty] = planTargets(world.input()).blocked;
    if (empty) world.approve(empty);
    expect(stillBlocked(world, [])).toBe(false);
  });

  it('ends at its time', () => {
    const { world, block } = blocked(users(900), users(88));
    world.approve(block);
    world.now += 3_600_000;
    expect(stillBlocked(world, users(88))).toBe(true);
  });

  it('is for that audience only', () => {
    const { world, block } = blocked(users(900), users(88));
    world.add('g', users(900));
    world.apply(planTargets(world.input()));
    world.now += 3_600_000;
    world.approve(block);
    world.answers.set('g', users(88));
    const { blocked: left } = planTargets(world.input());
    expect(left.map(({ placements }) => placements[0]?.toggle)).toEqual(['g']);
  });

  it('of a sum does not let through what has a block of its own', () => {
    const world = new World();
    for (const toggle of ['a', 'b']) world.add(toggle, users(100));
    world.apply(planTargets(world.input()));
    world.now += 3_600_000;
    world.answers.set('a', users(10));
    world.answers.set('b', users(80));
    const sum = planTargets(world.input()).blocked.find(({ scope }) => scope === 'source');
    if (sum) world.approve(sum);
    expect(outline(planTargets(world.input()))).toEqual([
      'revoke: placement b ld production on +0 -20',
      'blocked audience revocations: a production',
    ]);
  });

  it('of a sum covers the same and what is always allowed', () => {
    const world = new World();
    for (const toggle of ['a', 'b']) world.add(toggle, users(10));
    world.apply(planTargets(world.input()));
    world.now += 3_600_000;
    for (const toggle of ['a', 'b']) world.answers.set(toggle, users(6));
    const [sum] = planTargets(world.input()).blocked;
    expect(sum).toMatchObject({ scope: 'source', of: 20 });
    if (sum) world.approve(sum);
    expect(planTargets(world.input()).blocked).toEqual([]);
    for (const toggle of ['a', 'b']) world.answers.set(toggle, users(5, 5));
    expect(planTargets(world.input()).blocked.map(({ scope }) => scope)).toEqual(['source']);
  });

  it('of an adoption says that it may close', () => {
    const world = new World();
    world.add('f', ['alice'], { adopt: true });
    const openRule = { kind: 'rule' as const, what: 'rule 2 serves true to 20 %', open: true };
    world.target.plant('f', [], { waysIn: [openRule] });
    const [block] = planTargets(world.input()).blocked;
    expect(block?.message).toContain('rule 2 serves true to 20 %');
    if (block) world.approve(block);
    expect(outline(planTargets(world.input()))).toEqual([
      'revoke: adopt f ld',
      'replace: placement f ld production on +1 -0 closes 1',
    ]);
    world.target.plant('f', [], { waysIn: [{ ...openRule, what: 'everybody by default' }] });
    expect(planTargets(world.input()).blocked).toHaveLength(1);
  });

  it('of users is none of a closing, nor the other way round', () => {
    const { world, block } = blocked(users(900), users(88));
    world.approve({ ...block, revoked: membersOf(users(900)) });
    world.edit('f', { targets: {} });
    const closing = planTargets(world.input()).blocked[0];
    expect(closing?.reason).toBe('revocations');
    world.approvals = [];
    if (closing) world.approve(closing);
    expect(outline(planTargets(world.input()))).toEqual(['off: placement f ld production off +0 -900']);
    world.edit('f', { targets: { ld: 'f' } });
    expect(stillBlocked(world, [])).toBe(true);
  });

  it('of unknown contents is for an empty answer there', () => {
    const world = new World();
    world.add('f', []);
    world.target.plant('f', ['x'], { owner: 'ours', seen: 'unknown', metadata: { name: 'f' } });
    world.sources.set('opal', { state: 'ready', by: 'nothing', instanceId: null });
    const [block] = planTargets(world.input()).blocked;
    expect(block).toMatchObject({ reason: 'unknown-contents', revoked: noMembers });
    if (block) world.approve(block);
    expect(outline(planTargets(world.input()))).toEqual(['revoke: placement f ld production on +0 -0']);
  });
});

describe('a window opened beforehand', () => {
  it('covers all blocks of that source until its time', () => {
    const { world } = blocked(users(900), users(88));
    const window = { source: 'opal', until: world.now + 1, reason: 'migration', by: 'test' };
    const plan = planTargets(world.input({ windows: [window] }));
    expect(plan.blocked).toEqual([]);
    expect(plan.changes[0]).toMatchObject({ approval: 'window of opal' });
    expect(planTargets(world.input({ windows: [{ ...window, source: 's2' }] })).blocked).toHaveLength(1);
    expect(planTargets(world.input({ windows: [{ ...window, until: world.now }] })).blocked).toHaveLength(1);
  });
});
