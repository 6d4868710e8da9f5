import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Capabilities } from '../../src/domain/listing.ts';
import { membersOf, union } from '../../src/domain/members.ts';
import type { Overrides } from '../../src/domain/override.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { gathered, noOverrides } from '../../src/plan/overrides.ts';
import { planTargets } from '../../src/plan/plan.ts';
import {
  type AnswerModel,
  type FileModel,
  fullTarget,
  groupTarget,
  guardDefaults,
  names,
  outline,
  plainTarget,
  TargetModel,
  World,
} from '../support/plan-model.ts';

const facts = { id: 'x', since: 0, until: null, by: 'oncall', reason: '' };
const denied = (...members: string[]): Overrides => ({ ...noOverrides, denied: membersOf(members) });
const off = (toggle: string, environment: string | null = null): Overrides =>
  gathered([{ ...facts, kind: 'off', toggle, environment }], membersOf([]));
const paused = (what: 'source' | 'target' | 'toggle', name: string): Overrides =>
  gathered([{ ...facts, kind: 'pause', what, name }], membersOf([]));

/** Each toggle follows the rule of its name and was applied long ago. */
function applied(toggles: Readonly<Record<string, readonly string[]>>): World {
  const world = new World();
  for (const [toggle, who] of Object.entries(toggles)) world.add(toggle, who);
  world.apply(planTargets(world.input()));
  world.now += 3_600_000;
  return world;
}

function step(world: World, overrides: Overrides): Plan {
  world.overrides = overrides;
  const plan = planTargets(world.input());
  world.apply(plan);
  return plan;
}

function planned(world: World, overrides: Overrides): readonly string[] {
  return outline(step(world, overrides));
}

const open = (world: World, toggle: string): readonly string[] => world.target.open(toggle);
const users = (count: number): readonly string[] => names('u', count);

describe('who is denied', () => {
  it.each<[string, AnswerModel]>([
    ['answered', ['alice', 'bob']],
    ['undefined', { state: 'undefined' }],
    ['failed', { state: 'failed' }],
    ['not ready', { state: 'not-ready' }],
  ])('loses a toggle whose policy is %s, and only that member', (_, answer) => {
    const world = applied({ beta: ['alice', 'bob'] });
    world.answers.set('beta', answer);
    const plan = step(world, denied('alice'));
    expect(plan.changes).toMatchObject([{ phase: 'revoke', causes: expect.arrayContaining(['operator']) }]);
    expect(open(world, 'beta')).toEqual(['bob']);
    expect(planTargets(world.input()).changes).toEqual([]);
  });

  it('loses it at once where the answer is too old to be written with, and the rest waits for a new one', () => {
    const world = applied({ beta: ['alice', 'bob'] });
    world.answers.set('beta', ['bob', 'carol']);
    world.age = 60_000;
    const [change] = step(world, denied('alice')).changes;
    expect(change).toMatchObject({ causes: ['operator'], unfinished: true });
    expect(change).not.toHaveProperty('from');
    expect(open(world, 'beta')).toEqual(['bob']);
    const [rest] = planTargets(world.input()).changes;
    expect(rest).toMatchObject({ from: { answeredAt: world.now - 60_000 } });
  });

  it('is no question for the guard: neither alone nor in a sum', () => {
    const everybody = users(20);
    const world = applied({ beta: everybody, gamma: everybody });
    const plan = step(world, denied(...everybody));
    expect(plan.blocked).toEqual([]);
    expect([...open(world, 'beta'), ...open(world, 'gamma')]).toEqual([]);
  });

  it('goes while the others of a block stay, and does not count in it', () => {
    const world = applied({ beta: users(20) });
    world.answers.set('beta', users(4));
    const plan = step(world, denied('u0001', 'u0019'));
    expect(plan.blocked).toMatchObject([{ reason: 'revocations', of: 18 }]);
    expect(plan.blocked[0]?.revoked.size).toBe(15);
    expect(open(world, 'beta')).toEqual(users(20).filter(one => one !== 'u0001' && one !== 'u0019'));
  });

  it('goes where the last write was not answered, and who was just being revoked does not come back for it', () => {
    const world = applied({ beta: ['alice', 'bob', 'carol'] });
    world.answers.set('beta', { state: 'undefined' });
    const last = { on: true, who: membersOf(['alice', 'bob']) };
    world.target.leaveUnanswered('beta', ['alice', 'bob'], world.now);
    world.target.placement('beta').seen = 'remembered';
    const listing = world.target.applied.get('beta');
    const placements = listing?.placements.map(one => ({ ...one, intent: { ...last, at: world.now, last } }));
    if (listing && placements) world.target.applied.set('beta', { ...listing, placements });
    step(world, denied('alice'));
    expect(open(world, 'beta')).toEqual(['bob']);
  });

  it('comes back when it is taken back, and no guard asks', () => {
    const world = applied({ beta: users(3) });
    step(world, denied('u0001'));
    step(world, noOverrides);
    expect(open(world, 'beta')).toEqual(users(3));
  });

  it('loses what is left alone: a file that does not validate, one that is gone while nothing is removed', () => {
    const world = applied({ beta: ['alice', 'bob'], gamma: ['alice'] });
    world.files = [];
    world.invalid = ['beta'];
    world.confirmed = false;
    step(world, denied('alice'));
    expect(open(world, 'beta')).toEqual(['bob']);
    expect(open(world, 'gamma')).toEqual([]);
    expect(world.target.listings.get('gamma')).toMatchObject({ removed: false });
  });
});

describe('what is switched off', () => {
  it('goes off at once, whatever the policy or the guard says, and the commit is not the cause', () => {
    const world = applied({ beta: users(100) });
    world.answers.set('beta', { state: 'failed' });
    const checksum = planTargets(world.input()).checksum;
    const plan = step(world, off('beta'));
    expect(plan.changes).toMatchObject([{ phase: 'off', causes: ['operator'] }]);
    expect(plan.checksum).toBe(checksum);
    expect(open(world, 'beta')).toEqual([]);
  });

  it('is off only in the environment that is named', () => {
    const world = new World(new TargetModel('ld', fullTarget, ['production', 'test']));
    world.add('beta', ['alice']);
    world.apply(planTargets(world.input()));
    step(world, off('beta', 'production'));
    expect(world.target.open('beta', 'production')).toEqual([]);
    expect(world.target.open('beta', 'test')).toEqual(['alice']);
  });

  it('comes back only with an answer', () => {
    const world = applied({ beta: ['alice'] });
    step(world, off('beta'));
    world.answers.set('beta', { state: 'undefined' });
    step(world, noOverrides);
    expect(open(world, 'beta')).toEqual([]);
    world.answers.set('beta', ['alice']);
    step(world, noOverrides);
    expect(open(world, 'beta')).toEqual(['alice']);
  });

  it('goes off where its file does not validate any more', () => {
    const world = applied({ beta: ['alice'] });
    world.files = [];
    world.invalid = ['beta'];
    step(world, off('beta'));
    expect(open(world, 'beta')).toEqual([]);
  });
});

describe('what is paused', () => {
  it('a toggle is not written, neither its users nor anything else of it, and is held', () => {
    const world = applied({ beta: ['alice'], gamma: ['alice'] });
    world.answers.set('beta', ['bob']).set('gamma', ['bob']);
    world.edit('beta', { name: 'another' });
    world.add('fresh', ['alice']);
    const pauses = ['beta', 'fresh'].map(name => ({ ...facts, kind: 'pause' as const, what: 'toggle' as const, name }));
    const plan = step(world, gathered(pauses, membersOf([])));
    expect(plan.changes.map(({ toggle }) => toggle)).toEqual(['gamma']);
    expect(plan.held).toMatchObject([
      { toggle: 'beta', reason: 'paused', problem: { message: expect.stringContaining('paused by oncall') } },
      { toggle: 'fresh', reason: 'paused' },
    ]);
    expect(plan.blocked).toEqual([]);
  });

  it('a target is not written; another one is', () => {
    const world = new World(new TargetModel('one'), new TargetModel('two'));
    world.add('beta', ['alice'], { targets: { one: 'beta', two: 'beta' } });
    world.apply(planTargets(world.input()));
    world.answers.set('beta', ['bob']);
    step(world, paused('target', 'one'));
    expect(world.target.open('beta')).toEqual(['alice']);
    expect(world.targets[1]?.open('beta')).toEqual(['bob']);
  });

  it('a source holds its toggles, and what is not ready is not compared', () => {
    const world = applied({ beta: ['alice'] });
    world.answers.set('beta', { state: 'suspect', candidate: ['alice'] });
    world.sources.set('opal', { state: 'suspect', by: 'nothing', instanceId: 'i2' });
    const plan = step(world, paused('source', 'opal'));
    expect(plan).toMatchObject({ changes: [], accepted: [], blocked: [], held: [{ reason: 'paused' }] });
  });

  it('lets go whoever is denied, and what is switched off goes off', () => {
    const world = applied({ beta: ['alice', 'bob'], gamma: ['alice'] });
    world.answers.set('beta', ['carol']);
    const all = { ...paused('target', 'ld'), denied: membersOf(['alice']), off: new Map([['gamma', null]]) };
    const plan = step(world, all);
    expect(plan.changes.map(({ causes }) => causes)).toEqual([['operator'], ['operator']]);
    expect(open(world, 'beta')).toEqual(['bob']);
    expect(open(world, 'gamma')).toEqual([]);
  });

  it('is not removed while its file is gone, and is when that is taken back', () => {
    const world = applied({ beta: ['alice'] });
    world.files = [];
    expect(planned(world, paused('toggle', 'beta'))).toEqual([]);
    step(world, noOverrides);
    expect(open(world, 'beta')).toEqual([]);
  });

  it('is not left over for where it has moved to', () => {
    const world = applied({ beta: ['alice'] });
    world.edit('beta', { targets: { ld: 'beta-2' } });
    expect(planned(world, paused('toggle', 'beta'))).toEqual(['held paused: beta production']);
    step(world, noOverrides);
    expect(world.target.open('beta-2')).toEqual(['alice']);
  });
});

const people = names('p', 12);
const toggles = ['a', 'b', 'c'] as const;
const rules = ['r0', 's2:r1'] as const;
const someone = fc.subarray([...people]);
const answer: fc.Arbitrary<AnswerModel> = fc.oneof(
  { weight: 4, arbitrary: someone },
  {
    weight: 2,
    arbitrary: fc.constantFrom<AnswerModel>({ state: 'undefined' }, { state: 'failed' }, { state: 'not-ready' }),
  },
);
const file = (toggle: string): fc.Arbitrary<FileModel> =>
  fc
    .record({
      rule: fc.constantFrom(...rules),
      other: fc.constantFrom(...rules),
      state: fc.constantFrom('on' as const, 'on' as const, 'off' as const),
      key: fc.constantFrom(toggle, toggle, `${toggle}-2`),
      name: fc.constantFrom('one', 'two'),
    })
    .map(({ rule, other, state, key, name }) => ({
      toggle,
      environments: { production: { rule, state }, test: { rule: other } },
      targets: { ld: key },
      name,
    }));
const files = fc
  .tuple(file('a'), file('b'), file('c'), fc.subarray([...toggles]))
  .map(([a, b, c, there]) => [a, b, c].filter(({ toggle }) => there.includes(toggle as 'a')));
const said = fc
  .record({
    denied: fc.subarray([...people], { maxLength: 3 }),
    off: fc.subarray([...toggles], { maxLength: 1 }),
    where: fc.constantFrom(null, 'production', 'test'),
    toggle: fc.subarray([...toggles], { maxLength: 1 }),
    target: fc.boolean(),
    source: fc.boolean(),
  })
  .map(one => {
    const pauses = [
      ...one.toggle.map(name => ({ what: 'toggle' as const, name })),
      ...(one.target ? [{ what: 'target' as const, name: 'ld' }] : []),
      ...(one.source ? [{ what: 'source' as const, name: 's2' }] : []),
    ];
    const list = [
      ...one.off.map(toggle => ({ ...facts, kind: 'off' as const, toggle, environment: one.where })),
      ...pauses.map(pause => ({ ...facts, kind: 'pause' as const, ...pause })),
    ];
    return gathered(list, membersOf(one.denied));
  });
const kinds = fc.constantFrom<Capabilities>(
  fullTarget,
  { ...fullTarget, metadataAlone: false },
  { ...plainTarget, environments: 'many' },
  groupTarget,
  { ...fullTarget, groups: { above: 0, back: 0 } },
);
const story = fc.record({
  can: kinds,
  before: fc.record({ files, answers: fc.tuple(answer, answer) }),
  after: fc.record({ files, answers: fc.tuple(answer, answer) }),
  broken: fc.subarray([...toggles], { maxLength: 1 }),
  old: fc.boolean(),
  byHand: fc.option(fc.record({ toggle: fc.constantFrom(...toggles), who: someone }), { nil: undefined }),
  said,
});
type Story = typeof story extends fc.Arbitrary<infer T> ? T : never;

function set(world: World, { files, answers }: Story['before']): void {
  world.files = [...files];
  for (const [index, rule] of rules.entries()) world.answers.set(rule, answers[index] as AnswerModel);
}

/** Everybody was in by one state of files and answers; then these changed, and an operator said something. */
function told({ can, before, after, broken, old, byHand, said }: Story): World {
  const world = new World(new TargetModel('ld', can, ['production', 'test']));
  set(world, before);
  settle(world);
  world.now += 3_600_000;
  set(world, after);
  world.invalid = broken;
  world.files = world.files.filter(({ toggle }) => !broken.includes(toggle as 'a'));
  if (byHand) {
    const found = world.target.listings.get(byHand.toggle)?.placements.get('production');
    if (found && found.group === undefined) found.who = membersOf([...found.who.values(), ...byHand.who]);
  }
  world.age = old ? 60_000 : 0;
  world.overrides = said;
  return world;
}

function settle(world: World): Plan[] {
  const plans = [planTargets(world.input())];
  world.apply(plans[0] as Plan);
  for (let round = 0; isUnfinished(plans.at(-1) as Plan); round++) {
    expect(round).toBeLessThan(5);
    const next = planTargets(world.input());
    world.apply(next);
    plans.push(next);
  }
  return plans;
}

function isUnfinished({ changes }: Plan): boolean {
  return changes.some(change => change.kind === 'placement' && change.unfinished);
}

function everywhere(world: World): { toggle: string; environment: string; who: readonly string[] }[] {
  return [...world.target.listings]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, { placements }]) =>
      [...placements.keys()].map(environment => ({
        toggle: key.slice(0, 1),
        environment,
        who: world.target.open(key, environment),
      })),
    );
}

describe('whatever policy, git, the guard and hands do', () => {
  it('nobody who is denied has anything, and nobody has what is switched off', () => {
    fc.assert(
      fc.property(story, one => {
        const world = told(one);
        settle(world);
        for (const { toggle, environment, who } of everywhere(world)) {
          expect(who.filter(member => one.said.denied.has(member))).toEqual([]);
          const where = one.said.off.get(toggle);
          if (where === null || where?.has(environment)) expect(who).toEqual([]);
        }
      }),
      { numRuns: 1_500 },
    );
  });

  it('nothing else is written to what is paused', () => {
    fc.assert(
      fc.property(story, one => {
        const world = told(one);
        const { toggle, target } = one.said.paused;
        for (const change of settle(world).flatMap(({ changes }) => changes)) {
          if (!toggle.has(change.toggle) && !target.has('ld')) continue;
          if (change.kind !== 'placement') throw new Error(`${change.id} of what is paused`);
          expect(change.granted.size).toBe(0);
          expect(change.writesMetadata).toBe(false);
          if (change.after.on)
            for (const member of change.revoked.values()) expect(one.said.denied.has(member)).toBe(true);
        }
      }),
      { numRuns: 1_500 },
    );
  });

  it('taken back, everything comes to be as if nothing had been said', () => {
    const guard = { ...guardDefaults, alwaysAllowedRevocations: 1_000, alwaysAllowedGrants: 1_000 };
    fc.assert(
      fc.property(story, fc.tuple(someone, someone), (one, answers) => {
        const world = told({ ...one, byHand: undefined, broken: [], old: false });
        const plain = told({ ...one, byHand: undefined, broken: [], old: false, said: noOverrides });
        for (const each of [world, plain]) {
          each.guard = guard;
          for (const file of each.files) each.edit(file.toggle, { guard: { allowEmpty: true } });
          settle(each);
          each.overrides = noOverrides;
          set(each, { files: one.after.files.map(file => ({ ...file, guard: { allowEmpty: true } })), answers });
          settle(each);
        }
        const told_ = everywhere(world).filter(({ who }) => who.length > 0);
        expect(told_).toEqual(everywhere(plain).filter(({ who }) => who.length > 0));
      }),
      { numRuns: 800 },
    );
  });

  it('who is denied is in no set that the guard judges', () => {
    fc.assert(
      fc.property(story, one => {
        const world = told(one);
        for (const { revoked, granted } of settle(world).flatMap(({ blocked }) => blocked)) {
          for (const member of union(revoked, granted).values()) expect(one.said.denied.has(member)).toBe(false);
        }
      }),
      { numRuns: 800 },
    );
  });
});
