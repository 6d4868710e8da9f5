import { describe, expect, it } from 'vitest';
import type { GuardConfig } from '../../src/domain/plan.ts';
import type { GuardOverride } from '../../src/domain/toggle.ts';
import { planTargets } from '../../src/plan/plan.ts';
import {
  type AnswerModel,
  fullTarget,
  guardDefaults,
  names,
  outline,
  TargetModel,
  World,
} from '../support/plan-model.ts';

/** A world with these toggles applied in production long ago, each following the rule of its name. */
function applied(toggles: Readonly<Record<string, readonly string[]>>, over: Partial<GuardConfig> = {}): World {
  const world = new World();
  world.guard = { ...guardDefaults, ...over };
  for (const [toggle, who] of Object.entries(toggles)) world.add(toggle, who);
  world.apply(planTargets(world.input()));
  world.now += 3_600_000;
  return world;
}

function answered(world: World, answers: Readonly<Record<string, AnswerModel>>): World {
  for (const [rule, answer] of Object.entries(answers)) world.answers.set(rule, answer);
  return world;
}

/** Plans and writes; a minute passes. */
function step(world: World, answers: Readonly<Record<string, AnswerModel>>): readonly string[] {
  const plan = planTargets(answered(world, answers).input());
  world.apply(plan);
  world.now += 60_000;
  return outline(plan);
}

const users = (count: number, from = 0): readonly string[] => names('u', count, from);

describe('one placement', () => {
  const rows: readonly {
    readonly says: string;
    readonly before: readonly string[];
    readonly after: readonly string[];
    readonly guard?: GuardOverride;
    readonly config?: Partial<GuardConfig>;
    readonly blocked: string | undefined;
  }[] = [
    { says: 'within the number', before: users(6), after: users(1), blocked: undefined },
    { says: 'over the number, within the share', before: users(900), after: users(630), blocked: undefined },
    { says: 'over both', before: users(900), after: users(629), blocked: 'revocations' },
    { says: 'over the share, within the number', before: users(10), after: users(5), blocked: undefined },
    { says: 'two become none', before: users(2), after: [], blocked: 'becomes-empty' },
    { says: 'one becomes none', before: users(1), after: [], blocked: undefined },
    { says: 'two become none, allowed', before: users(2), after: [], guard: { allowEmpty: true }, blocked: undefined },
    {
      says: 'all of many, allowed to be empty',
      before: users(9),
      after: [],
      guard: { allowEmpty: true },
      blocked: 'revocations',
    },
    { says: 'doubles', before: users(60), after: users(120), blocked: undefined },
    { says: 'more than doubles', before: users(60), after: users(121), blocked: 'grants' },
    { says: 'more than doubles, within the number', before: users(1), after: users(51), blocked: undefined },
    {
      says: 'the file is tighter in number',
      before: users(6),
      after: users(3),
      guard: { alwaysAllowedRevocations: 2 },
      blocked: 'revocations',
    },
    {
      says: 'the file is tighter in share',
      before: users(900),
      after: users(800),
      guard: { maxRevokedShare: 0.1 },
      blocked: 'revocations',
    },
    {
      says: 'the file cannot be looser',
      before: users(900),
      after: users(600),
      guard: { maxRevokedShare: 0.9 },
      blocked: 'revocations',
    },
    {
      says: 'more than its maxUsers',
      before: users(60),
      after: users(70),
      guard: { maxUsers: 65 },
      blocked: 'max-users',
    },
    {
      says: 'more than the configured maxUsers',
      before: users(60),
      after: users(70),
      config: { maxUsers: 65 },
      blocked: 'max-users',
    },
    {
      says: 'more than maxUsers already, nobody new',
      before: users(70),
      after: users(69),
      config: { maxUsers: 65 },
      blocked: undefined,
    },
  ];
  it.each(rows)('$says', ({ before, after, guard, config, blocked }) => {
    const world = applied({ f: before });
    world.guard = { ...guardDefaults, ...config };
    world.edit('f', { guard: guard ?? {} });
    const plan = planTargets(answered(world, { f: after }).input());
    expect(plan.blocked.map(({ reason }) => reason)).toEqual(blocked === undefined ? [] : [blocked]);
    expect(plan.changes.length).toBe(blocked === undefined ? 1 : 0);
  });

  it('says the numbers, the id and the exact command', () => {
    const world = applied({ 'us-feature': users(900) });
    const [block] = planTargets(answered(world, { 'us-feature': users(88) }).input()).blocked;
    expect(block?.message).toBe(
      'policy app.us-feature of opal would take us-feature from 812 of 900 users in ld production (90 %, allowed 30 %). ' +
        `If that is right: optoggles approve ${block?.id}`,
    );
    expect(block?.id).toMatch(/^[0-9a-f]{16}$/);
    expect(block).toMatchObject({ scope: 'audience', source: 'opal', of: 900, instance: null, removals: [] });
    expect([block?.revoked.size, block?.granted.size]).toEqual([812, 0]);
  });

  it('is frozen whole, its grants too', () => {
    const world = applied({ f: users(900) });
    expect(outline(planTargets(answered(world, { f: [...users(100), 'new'] }).input()))).toEqual([
      'blocked audience revocations: f production',
    ]);
  });

  it('over maxUsers its revocations still go out', () => {
    const world = applied({ f: users(60) }, { maxUsers: 65 });
    expect(outline(planTargets(answered(world, { f: users(70, 2) }).input()))).toEqual([
      'revoke: placement f ld production on +0 -2',
      'blocked audience max-users: f production',
    ]);
  });

  it('may take any number at its first fill, but not more than maxUsers', () => {
    const world = applied({});
    world.add('f', users(5_000));
    expect(planTargets(world.input()).blocked).toEqual([]);
    world.guard = { ...guardDefaults, maxUsers: 1_000 };
    expect(outline(planTargets(world.input()))).toEqual([
      'prepare: create f ld',
      'blocked audience max-users: f production',
    ]);
  });

  it('is filled first whenever its answer comes', () => {
    const world = applied({});
    world.add('f', { state: 'undefined' });
    expect(step(world, {})).toEqual(['prepare: create f ld', 'held undefined: f production']);
    expect(step(world, { f: users(5_000) })).toEqual(['grant: placement f ld production on +5000 -0']);
  });

  it('off needs no guard, blocked or not', () => {
    const world = answered(applied({ f: users(900) }), { f: [] });
    world.edit('f', { environments: { production: { rule: 'f', state: 'off' } } });
    expect(outline(planTargets(world.input()))).toEqual(['off: placement f ld production off +0 -900']);
  });

  it('without a record everybody counts: a lost state takes nobody out', () => {
    const world = applied({ f: users(900) });
    world.target.applied.clear();
    expect(outline(planTargets(answered(world, { f: users(10) }).input()))).toEqual([
      'blocked audience revocations: f production',
    ]);
    expect(outline(planTargets(answered(world, { f: users(2_000) }).input()))).toEqual([
      'blocked audience grants: f production',
    ]);
  });

  it('an unanswered first fill is no reason to block the second try', () => {
    const world = applied({});
    world.add('f', { state: 'undefined' });
    step(world, {});
    world.target.leaveUnanswered('f', users(500), world.now);
    world.target.placement('f').seen = 'remembered';
    expect(outline(planTargets(answered(world, { f: users(510) }).input()))).toEqual([
      'grant: placement f ld production on +510 -0',
    ]);
  });

  it('of an unanswered grant may be taken back whoever was not in before', () => {
    const world = applied({ f: users(10) });
    world.target.leaveUnanswered('f', users(100), world.now);
    expect(outline(planTargets(answered(world, { f: users(10) }).input()))).toEqual([
      'revoke: placement f ld production on +0 -90',
    ]);
  });
});

it('too many users let only revocations out, but not until nobody is left: that needs approval of all who are in', () => {
  const world = applied({ f: ['alice', 'bob'] });
  world.edit('f', { environments: { production: { rule: 'f' } }, guard: { maxUsers: 4 } });
  const plan = planTargets(answered(world, { f: users(7) }).input());
  expect(outline(plan)).toEqual(['blocked audience becomes-empty: f production']);
  expect([...(plan.blocked[0]?.revoked.values() ?? [])]).toEqual(['alice', 'bob']);
});

describe('an unanswered write', () => {
  it('of before the window has been there since: what it let in counts', () => {
    const world = applied({ f: users(10) });
    world.target.leaveUnanswered('f', users(100), world.now);
    world.now += guardDefaults.window;
    expect(outline(planTargets(answered(world, { f: users(10) }).input()))).toEqual([
      'blocked audience revocations: f production',
    ]);
  });

  it("that waits for the platform's own approval let nobody in, however long it waits", () => {
    const world = applied({ f: users(10) });
    world.target.leaveUnanswered('f', users(100), world.now, 'https://example.com/request');
    world.now += guardDefaults.window;
    expect(outline(planTargets(answered(world, { f: users(10) }).input()))).toEqual([
      'revoke: placement f ld production on +0 -90',
    ]);
  });

  it('may have been the first fill: whoever it let in counts', () => {
    const world = applied({});
    world.add('f', { state: 'undefined' });
    step(world, {});
    world.target.leaveUnanswered('f', users(500), world.now);
    world.target.placement('f').seen = 'remembered';
    expect(outline(planTargets(answered(world, { f: users(10) }).input()))).toEqual([
      'blocked audience revocations: f production',
    ]);
  });
});

describe('the window', () => {
  it('slices add up', () => {
    const world = applied({ f: users(100) });
    expect(step(world, { f: users(80) })).toEqual(['revoke: placement f ld production on +0 -20']);
    expect(step(world, { f: users(70) })).toEqual(['revoke: placement f ld production on +0 -10']);
    expect(step(world, { f: users(69) })).toEqual(['blocked audience revocations: f production']);
    world.now += guardDefaults.window;
    expect(step(world, { f: users(69) })).toEqual(['revoke: placement f ld production on +0 -1']);
  });

  it('who left and came back does not count', () => {
    const world = applied({ f: users(100) });
    step(world, { f: users(80) });
    expect(step(world, { f: users(100) })).toEqual(['grant: placement f ld production on +20 -0']);
    expect(step(world, { f: users(70) })).toEqual(['revoke: placement f ld production on +0 -30']);
  });

  it('grants add up too', () => {
    const world = applied({ f: users(60) });
    step(world, { f: users(110) });
    step(world, { f: users(120) });
    expect(step(world, { f: users(121) })).toEqual(['blocked audience grants: f production']);
  });

  it('a younger placement is judged from its first fill on', () => {
    const world = applied({});
    world.add('f', users(100));
    step(world, {});
    expect(step(world, { f: users(69) })).toEqual(['blocked audience revocations: f production']);
  });

  it('three become one and then none: not within the window', () => {
    const world = applied({ f: users(3) });
    step(world, { f: users(1) });
    expect(step(world, { f: [] })).toEqual(['blocked audience becomes-empty: f production']);
  });

  it('nor do grants after one', () => {
    const world = applied({ f: users(60) });
    step(world, { f: users(110) });
    world.edit('f', { targets: { ld: 'f2' } });
    step(world, {});
    expect(step(world, { f: users(121) })).toEqual(['blocked audience grants: f production']);
    expect(step(world, { f: users(120) })).toEqual(['grant: placement f ld production on +10 -0']);
  });

  it('off and on again is no way round', () => {
    const world = applied({ f: users(100) });
    world.edit('f', { environments: { production: { rule: 'f', state: 'off' } } });
    step(world, {});
    world.edit('f', { environments: { production: { rule: 'f' } } });
    expect(step(world, { f: users(69) })).toEqual(['blocked audience revocations: f production']);
    expect(step(world, { f: users(70) })).toEqual(['grant: placement f ld production on +70 -0']);
  });

  it('nor is a file that goes and comes back', () => {
    const world = applied({ f: users(100) });
    const { files } = world;
    world.files = [];
    step(world, {});
    world.files = files;
    expect(step(world, { f: users(69) })).toEqual([
      'prepare: restore f ld',
      'blocked audience revocations: f production',
    ]);
    expect(step(world, { f: users(101) })).toEqual(['grant: placement f ld production on +101 -0']);
  });

  it('a move to another key does not start anew', () => {
    const world = applied({ f: users(100) });
    world.edit('f', { targets: { ld: 'f2' } });
    step(world, { f: users(80) });
    expect(step(world, { f: users(69) })).toEqual(['blocked audience revocations: f production']);
    expect(step(world, { f: users(70) })).toEqual(['revoke: placement f ld production on +0 -10']);
  });
});

describe('sums', () => {
  const many = Object.fromEntries(names('t', 10).map(toggle => [toggle, users(10)]));

  it('over the placements of one source in one environment: all that would revoke are blocked, the rest goes on', () => {
    const world = applied({ ...many, other: users(20) });
    const answers = Object.fromEntries(names('t', 10).map(toggle => [toggle, users(6)]));
    const plan = planTargets(answered(world, { ...answers, other: users(21) }).input());
    const toggles = names('t', 10).map(toggle => `${toggle} production`);
    expect(outline(plan)).toEqual([
      'grant: placement other ld production on +1 -0',
      `blocked source revocations: ${toggles.join(', ')}`,
    ]);
    expect(plan.blocked[0]?.message).toMatch(
      /^source opal would revoke 40 of 120 users in ld production, summed over its toggles \(33 %, allowed 30 %\)\. If/,
    );
  });

  it('a blocked one counts, so that what it hides is found', () => {
    const world = applied({ a: users(100), b: users(100) });
    const plan = planTargets(answered(world, { a: users(10), b: users(99) }).input());
    expect(outline(plan)).toEqual([
      'blocked audience revocations: a production',
      'blocked source revocations: b production',
    ]);
  });

  it('approved ones do not', () => {
    const world = applied({ a: users(100), b: users(100) });
    answered(world, { a: users(10), b: users(99) });
    const [block] = planTargets(world.input()).blocked;
    if (block) world.approve(block);
    expect(outline(planTargets(world.input()))).toEqual([
      'revoke: placement a ld production on +0 -90',
      'revoke: placement b ld production on +0 -1',
    ]);
  });

  it('not by way of the approval, once written', () => {
    const world = applied({ a: users(100), b: users(100) });
    answered(world, { a: users(10) });
    const [block] = planTargets(world.input()).blocked;
    if (block) world.approve(block);
    step(world, {});
    world.approvals = [];
    expect(step(world, { b: users(75) })).toEqual(['revoke: placement b ld production on +0 -25']);
  });

  it('slices over several toggles add up', () => {
    const world = applied(many);
    const rest = (done: number) => Object.fromEntries(names('t', done).map(toggle => [toggle, users(5)]));
    expect(step(world, rest(6))).toHaveLength(6);
    expect(step(world, rest(7))).toEqual(['blocked source revocations: t0006 production']);
  });

  it('each source, environment and target has its own', () => {
    const world = new World(new TargetModel('ld', fullTarget, ['production', 'test']), new TargetModel('two'));
    for (const toggle of names('t', 4)) {
      const source = toggle.endsWith('3') ? 's2:' : '';
      world.answers.set(`${source}${toggle}`, users(20));
      world.files.push({
        toggle,
        environments: { production: { rule: `${source}${toggle}` } },
        targets: { ld: toggle },
      });
    }
    world.apply(planTargets(world.input()));
    world.now += 3_600_000;
    for (const rule of [...names('t', 2), 's2:t0003']) world.answers.set(rule, users(14));
    expect(outline(planTargets(world.input()))).toEqual([
      'revoke: placement t0000 ld production on +0 -6',
      'revoke: placement t0001 ld production on +0 -6',
      'revoke: placement t0003 ld production on +0 -6',
    ]);
  });

  it('grants are summed too, first fills of new files are not', () => {
    const world = applied(many);
    world.add('fresh', users(5));
    expect(planTargets(world.input()).blocked).toEqual([]);
    const answers = Object.fromEntries(names('t', 10).map(toggle => [toggle, users(21)]));
    const plan = planTargets(answered(world, answers).input());
    expect(plan.blocked.map(({ scope, reason }) => `${scope} ${reason}`)).toEqual(['source grants']);
    expect(outline(plan).slice(0, 2)).toEqual([
      'prepare: create fresh ld',
      'grant: placement fresh ld production on +5 -0',
    ]);
  });

  it('a state of off is no part of it', () => {
    const world = applied(many);
    for (const toggle of names('t', 5))
      world.edit(toggle, { environments: { production: { rule: toggle, state: 'off' } } });
    expect(step(world, { t0009: users(7) })).toEqual([
      ...names('t', 5).map(toggle => `off: placement ${toggle} ld production off +0 -10`),
      'revoke: placement t0009 ld production on +0 -3',
    ]);
  });
});

describe('one audience, many placements', () => {
  function shared(): World {
    const world = new World(new TargetModel('ld', fullTarget, ['production', 'test']), new TargetModel('rest'));
    for (const toggle of ['a', 'b'])
      world.add(toggle, users(100), { environments: { production: { rule: 'r' }, test: { rule: 'r' } } });
    world.answers.set('r', users(100));
    world.apply(planTargets(world.input()));
    world.now += 3_600_000;
    return world;
  }

  it('is one block over targets and environments', () => {
    const plan = planTargets(answered(shared(), { r: users(10) }).input());
    expect(plan.changes).toEqual([]);
    expect(plan.blocked).toHaveLength(1);
    expect(plan.blocked[0]?.placements).toHaveLength(6);
    expect(plan.blocked[0]?.message).toContain(' and 5 more like it. If that is right');
  });

  it('where one is blocked, those of the same audience and environment are frozen along, and no others', () => {
    const world = new World(new TargetModel('ld', fullTarget, ['production', 'test']), new TargetModel('rest'));
    const production = { production: { rule: 'r' } };
    world.add('a', [], { environments: production, guard: { maxRevokedShare: 0.05 } });
    world.add('b', [], { environments: { ...production, test: { rule: 'r' } } });
    world.answers.set('r', users(100));
    world.apply(planTargets(world.input()));
    world.now += 3_600_000;
    const plan = planTargets(answered(world, { r: users(90) }).input());
    expect(plan.blocked).toHaveLength(1);
    expect(plan.blocked[0]?.placements).toEqual(
      ['ld', 'rest'].flatMap(target => ['a', 'b'].map(toggle => ({ toggle, target, environment: 'production' }))),
    );
    expect(plan.changes.map(({ id }) => id)).toEqual(['placement b ld test']);
  });

  it('has the same id in every target, and another for another answer', () => {
    const both = planTargets(answered(shared(), { r: users(10) }).input()).blocked[0]?.id;
    const world = shared();
    world.targets.pop();
    expect(planTargets(answered(world, { r: users(10) }).input()).blocked[0]?.id).toBe(both);
    expect(planTargets(answered(world, { r: users(11) }).input()).blocked[0]?.id).not.toBe(both);
  });
});
