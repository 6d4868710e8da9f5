import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { membersOf, subtract, union } from '../../src/domain/members.ts';
import { type Change, type Plan, phases } from '../../src/domain/plan.ts';
import type { Capabilities } from '../../src/domain/listing.ts';
import { planTargets } from '../../src/plan/plan.ts';
import {
  type AnswerModel,
  type FileModel,
  fullTarget,
  groupTarget,
  guardDefaults,
  names,
  planText,
  plainTarget,
  TargetModel,
  World,
} from '../support/plan-model.ts';

const environments = ['production', 'test'] as const;
const toggles = ['a', 'b', 'c', 'd'] as const;
const rules = ['r0', 'r1', 's2:r2'] as const;
const people = names('p', 14);

const someone = fc.subarray([...people]);
const defined: fc.Arbitrary<AnswerModel> = someone;
const silent: fc.Arbitrary<AnswerModel> = fc.constantFrom<AnswerModel>(
  { state: 'undefined' },
  { state: 'failed' },
  { state: 'not-ready' },
);
const answer = fc.oneof({ weight: 5, arbitrary: defined }, { weight: 1, arbitrary: silent });

const placement = fc.record({ rule: fc.constantFrom(...rules), state: fc.constantFrom('on', 'on', 'on', 'off') });
const fileOf = (toggle: string): fc.Arbitrary<FileModel> =>
  fc
    .record({
      production: fc.option(placement, { nil: undefined }),
      test: placement,
      key: fc.constantFrom(toggle, toggle, `${toggle}-moved`),
      everywhere: fc.boolean(),
      adopt: fc.boolean(),
      name: fc.constantFrom('one', 'two'),
    })
    .map(({ production, test, key, everywhere, adopt, name }) => ({
      toggle,
      environments: { ...(production && { production }), test },
      targets: everywhere ? { one: key, two: key } : { one: key },
      adopt,
      name,
      guard: { allowEmpty: true },
    }));
const files = fc
  .record({ a: fileOf('a'), b: fileOf('b'), c: fileOf('c'), d: fileOf('d'), chosen: fc.subarray([...toggles]) })
  .map(all => all.chosen.map(toggle => all[toggle]));
const answers = fc.tuple(answer, answer, answer);
const kinds = fc.constantFrom<Capabilities>(
  fullTarget,
  { ...fullTarget, metadataAlone: false },
  { ...plainTarget, environments: 'many' },
  { ...fullTarget, onOff: false },
  groupTarget,
  { ...fullTarget, groups: { above: 0, back: 0 } },
);

interface Hand {
  readonly toggle: string;
  readonly environment: string;
  readonly who: readonly string[];
  readonly archived: boolean;
}

const hands = fc.array(
  fc.record({
    toggle: fc.constantFrom(...toggles),
    environment: fc.constantFrom(...environments),
    who: someone,
    archived: fc.boolean(),
  }),
  { maxLength: 2 },
);

const planted = fc.array(
  fc.record({
    toggle: fc.constantFrom(...toggles),
    who: someone,
    owner: fc.constantFrom('none' as const, { mark: 'x' }),
  }),
  { maxLength: 1 },
);

/** Everything that happens to a world before it is planned: it was in one state, then files, answers and hands changed. */
const story = fc.record({
  kinds: fc.tuple(kinds, kinds),
  planted,
  before: fc.record({ files, answers }),
  after: fc.record({ files, answers }),
  hands,
});
type Story = typeof story extends fc.Arbitrary<infer T> ? T : never;

const open = { ...guardDefaults, alwaysAllowedRevocations: 1_000, alwaysAllowedGrants: 1_000 };

function set(world: World, { files, answers }: Story['before']): void {
  world.files = [...files];
  for (const [index, rule] of rules.entries()) world.answers.set(rule, answers[index] as AnswerModel);
}

function told({ kinds, planted, before, after, hands }: Story, guard = open): World {
  const [one, two] = kinds;
  const world = new World(new TargetModel('one', one, environments), new TargetModel('two', two, environments));
  world.guard = guard;
  for (const { toggle, who, owner } of planted) world.target.plant(toggle, who, { owner });
  set(world, before);
  const first = planTargets(world.input());
  world.apply(first);
  finish(world, first, false);
  world.now += 3_600_000;
  set(world, after);
  for (const hand of hands) interfere(world, hand);
  return world;
}

/** What a plan says is not finished is planned again, a few times at most. */
function finish(world: World, plan: Plan, definitionsReviewed: boolean): void {
  let last = plan;
  for (let round = 0; last.changes.some(change => change.kind === 'placement' && change.unfinished); round++) {
    expect(round).toBeLessThan(4);
    last = planTargets(world.input({ definitionsReviewed }));
    world.apply(last);
  }
}

function interfere(world: World, { toggle, environment, who, archived }: Hand): void {
  const listing = world.target.listings.get(toggle);
  const found = listing?.placements.get(environment);
  if (!listing || !found || listing.owner !== 'ours') return;
  found.who = membersOf([...found.who.values(), ...who]);
  if (archived && world.target.can.archive) listing.archived = true;
}

function isRefused(plan: Plan, target: string, toggle: string): boolean {
  return plan.refused.some(one => one.target === target && one.toggle === toggle);
}

describe('a plan', () => {
  it('applied gives the desired state, and then there is nothing left to do', () => {
    fc.assert(
      fc.property(story, told_ => {
        const world = told(told_);
        const plan = planTargets(world.input({ definitionsReviewed: true }));
        expect(plan.blocked).toEqual([]);
        world.apply(plan);
        finish(world, plan, true);
        for (const target of world.targets) {
          for (const listing of world.desired(target)) {
            if (isRefused(plan, target.name, listing.toggle)) continue;
            const held = plan.held.some(one => one.target === target.name && one.toggle === listing.toggle);
            for (const { environment, state } of listing.placements) {
              const rule = world.files.find(({ toggle }) => toggle === listing.toggle)?.environments[environment]?.rule;
              const wanted = world.answers.get(rule ?? '');
              const now = target.open(listing.key, environment);
              if (held && target.listings.get(listing.key)?.owner !== 'ours') continue;
              if (held && target.listings.get(listing.key)?.archived) continue;
              if (state === 'off') expect(now).toEqual([]);
              else if (wanted && !('state' in wanted)) expect(now).toEqual([...membersOf([...wanted]).values()]);
            }
          }
          const present = new Set(world.files.map(({ toggle }) => toggle));
          for (const [key, { toggle }] of target.applied) {
            if (present.has(toggle)) continue;
            for (const environment of environments) expect(target.open(key, environment)).toEqual([]);
          }
        }
        const again = planTargets(world.input({ definitionsReviewed: true }));
        expect(again.changes).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('applied under the guard leaves nothing to do either: what is blocked stays blocked', () => {
    const tight = { ...guardDefaults, alwaysAllowedRevocations: 2, alwaysAllowedGrants: 3 };
    fc.assert(
      fc.property(story, told_ => {
        const world = told(told_, tight);
        const plan = planTargets(world.input());
        world.apply(plan);
        finish(world, plan, false);
        expect(planTargets(world.input()).changes).toEqual([]);
      }),
      { numRuns: Number(process.env.PLANS ?? 1_000) },
    );
  }, 600_000);

  it('takes before it gives, in one target', () => {
    fc.assert(
      fc.property(story, told_ => {
        const world = told(told_);
        const { changes } = planTargets(world.input({ definitionsReviewed: true }));
        const order = changes.map(({ phase }) => phases.indexOf(phase));
        expect(order).toEqual(order.toSorted((a, b) => a - b));
        for (const { name } of world.targets) {
          const placements = changes.filter(change => change.target === name && change.kind === 'placement');
          const isTaking = (index: number): boolean => {
            const change = placements[index];
            return change?.kind === 'placement' && change.revoked.size > 0;
          };
          const firstGrant = placements.findIndex(
            change => change.kind === 'placement' && change.granted.size > 0 && change.phase !== 'replace',
          );
          const lastTaking = placements.findLastIndex((_, index) => isTaking(index));
          if (firstGrant >= 0) expect(lastTaking).toBeLessThan(firstGrant);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('of all targets is the plans of each: none waits for another', () => {
    const tight = { ...guardDefaults, alwaysAllowedRevocations: 1, alwaysAllowedGrants: 2 };
    fc.assert(
      fc.property(story, fc.boolean(), (told_, isTight) => {
        const input = told(told_, isTight ? tight : open).input();
        const together = planTargets(input).changes;
        const alone = input.targets.flatMap(view => planTargets({ ...input, targets: [view] }).changes);
        const ids = (changes: readonly Change[]) => changes.map(({ id, phase }) => `${phase} ${id}`).sort();
        expect(ids(together)).toEqual(ids(alone));
      }),
      { numRuns: 500 },
    );
  });

  it('needs only what comes before it', () => {
    fc.assert(
      fc.property(story, told_ => {
        const seen = new Set<string>();
        for (const { id, needs } of planTargets(told(told_).input({ definitionsReviewed: true })).changes) {
          for (const need of needs) expect(seen).toContain(need);
          expect(seen).not.toContain(id);
          seen.add(id);
        }
      }),
    );
  });
});

describe('undefined, failed and suspect', () => {
  const mute = fc.oneof(
    silent,
    someone.map((candidate): AnswerModel => ({ state: 'suspect', candidate })),
  );
  const by = fc.constantFrom('sentinels', 'system.opal', 'nothing');

  it('never revoke, never grant', () => {
    fc.assert(
      fc.property(story, fc.tuple(mute, mute, mute), by, (told_, silences, by) => {
        const world = told({ ...told_, after: { ...told_.before, answers: silences }, hands: [] });
        for (const source of ['opal', 's2']) world.sources.set(source, { state: 'suspect', by, instanceId: 'i2' });
        // Nothing differs so little that the answers would be accepted.
        world.guard = { ...world.guard, alwaysAllowedRevocations: -1, alwaysAllowedGrants: -1 };
        const text = (): string =>
          JSON.stringify(
            world.targets.map(target =>
              [...target.listings].map(([key, { placements }]) =>
                [...placements].map(([environment]) => [key, environment, target.open(key, environment)]),
              ),
            ),
          );
        const before = text();
        const plan = planTargets(world.input());
        fc.pre(plan.accepted.length === 0);
        world.apply(plan);
        expect(text()).toBe(before);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the order of files, members and targets', () => {
  it('never changes a byte', () => {
    const tight = { ...guardDefaults, alwaysAllowedRevocations: 1, alwaysAllowedGrants: 2 };
    fc.assert(
      fc.property(story, fc.boolean(), fc.integer(), (told_, isTight, seed) => {
        const world = told(told_, isTight ? tight : open);
        const text = planText(planTargets(world.input()));
        const shuffled = world.input();
        const turn = <T>(all: Iterable<T>): T[] => rotate([...all], seed);
        const targets = turn(shuffled.targets).map(view => ({
          ...view,
          desired: turn(view.desired).map(one => ({ ...one, placements: turn(one.placements) })),
          live: {
            ...view.live,
            listings: turn(view.live.listings).map(one => ({ ...one, placements: turn(one.placements) })),
          },
          applied: new Map(turn(view.applied).map(([key, one]) => [key, { ...one, placements: turn(one.placements) }])),
        }));
        for (const [rule, one] of world.answers) if (!('state' in one)) world.answers.set(rule, turn(one));
        const audiences = new Map(turn(world.audiences()));
        const sources = new Map(turn(shuffled.sources));
        expect(planText(planTargets({ ...shuffled, targets, audiences, sources }))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});

/** Another order, the same for the same seed. */
function rotate<T>(all: readonly T[], seed: number): T[] {
  const at = all.length === 0 ? 0 : Math.abs(seed) % all.length;
  const turned = [...all.slice(at), ...all.slice(0, at)];
  return seed % 2 === 0 ? turned : turned.toReversed();
}

describe('no sequence of plans gets through what one plan would not', () => {
  const crowd = [...names('u', 24)];
  const start = { minLength: 0, maxLength: 24 };
  const op = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('answer' as const),
        rule: fc.constantFrom('x', 'y', 'z'),
        keep: fc.nat(24),
        from: fc.nat(12),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('silent' as const), rule: fc.constantFrom('x', 'y', 'z') }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('policy' as const),
        toggle: fc.nat(2),
        rule: fc.constantFrom('x', 'y', 'z'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('key' as const), toggle: fc.nat(2), key: fc.constantFrom('k1', 'k2') }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('environment' as const), toggle: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('state' as const), toggle: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('file' as const), toggle: fc.nat(2) }) },
  );
  const guard = { ...guardDefaults, alwaysAllowedRevocations: 2, alwaysAllowedGrants: 4 };
  const names3 = ['f0', 'f1', 'f2'];

  function whoHas(world: World, toggle: string) {
    const sets = [toggle, `${toggle}-k1`, `${toggle}-k2`].map(key => membersOf(world.target.open(key)));
    return union(...sets);
  }

  it('whatever answers, policies, keys, environments, states and files do within the window', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.subarray(crowd, start), fc.subarray(crowd, start), fc.subarray(crowd, start)),
        fc.array(op, { maxLength: 14 }),
        fc.constantFrom(fullTarget, groupTarget),
        (first, ops, can) => {
          const world = new World(new TargetModel('ld', can));
          world.guard = guard;
          for (const [index, rule] of ['x', 'y', 'z'].entries()) world.answers.set(rule, first[index] ?? []);
          for (const [index, rule] of ['x', 'y', 'z'].entries()) {
            world.files.push({ toggle: `f${index}`, environments: { production: { rule } } });
          }
          world.apply(planTargets(world.input()));
          world.now += 3_600_000;
          const before = new Map(names3.map(toggle => [toggle, whoHas(world, toggle)]));
          const parked = new Map<string, FileModel>();
          for (const one of ops) {
            act(world, one, parked);
            world.now += 10_000;
            world.apply(planTargets(world.input()));
            // A younger placement is judged from its first fill on.
            for (const [toggle, was] of before) if (was.size === 0) before.set(toggle, whoHas(world, toggle));
          }
          // What is off, or whose file is gone, is no matter of shares. Everybody back: then the window is judged.
          let lost = 0;
          let had = 0;
          for (const toggle of names3) {
            const file = world.files.find(one => one.toggle === toggle);
            const was = before.get(toggle);
            const isOff = file?.environments['production']?.state === 'off';
            if (!file || !was || isOff || !isOpen(world, toggle)) continue;
            const now = whoHas(world, toggle);
            const gone = subtract(was, now).size;
            const come = subtract(now, was).size;
            lost += gone;
            had += was.size;
            expect(gone > guard.alwaysAllowedRevocations && gone / was.size > guard.maxRevokedShare).toBe(false);
            if (was.size >= 2) expect(now.size).toBeGreaterThan(0);
            if (was.size > 0) {
              expect(come > guard.alwaysAllowedGrants && come / was.size > guard.maxGrantedShare).toBe(false);
            }
          }
          if (had > 0 && isEverybodyThere(world)) {
            expect(lost > guard.alwaysAllowedRevocations && lost / had > guard.maxRevokedShare).toBe(false);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  /** True when the toggle is on somewhere in the target, whatever its key. */
  function isOpen(world: World, toggle: string): boolean {
    return [...world.target.applied.values()].some(
      listing => listing.toggle === toggle && !listing.removed && listing.placements.some(({ on }) => on),
    );
  }

  function isEverybodyThere(world: World): boolean {
    return names3.every(toggle => {
      const file = world.files.find(one => one.toggle === toggle);
      return file?.environments['production']?.state === undefined && isOpen(world, toggle);
    });
  }

  type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

  function act(world: World, one: Op, parked: Map<string, FileModel>): void {
    if (one.kind === 'answer') return void world.answers.set(one.rule, crowd.slice(one.from, one.from + one.keep));
    if (one.kind === 'silent') return void world.answers.set(one.rule, { state: 'undefined' });
    const toggle = `f${one.toggle}`;
    const file = world.files.find(candidate => candidate.toggle === toggle);
    if (one.kind === 'file') {
      const back = parked.get(toggle);
      if (file) parked.set(toggle, file);
      world.files = world.files.filter(candidate => candidate !== file);
      if (!file && back) world.files.push(back);
      return;
    }
    if (!file) return;
    const now = file.environments['production'];
    const rule = now?.rule ?? 'x';
    if (one.kind === 'policy') world.edit(toggle, { environments: { production: { ...now, rule: one.rule } } });
    if (one.kind === 'key') world.edit(toggle, { targets: { ld: `${toggle}-${one.key}` } });
    if (one.kind === 'environment') world.edit(toggle, { environments: now ? {} : { production: { rule } } });
    if (one.kind === 'state') {
      const state = now?.state === 'off' ? {} : { state: 'off' as const };
      world.edit(toggle, { environments: { production: { rule, ...state } } });
    }
  }
});

describe('an approval', () => {
  it('covers exactly what it says', () => {
    const some = fc.subarray([...names('u', 40)]);
    fc.assert(
      fc.property(
        fc.subarray([...names('u', 40)], { minLength: 12 }),
        some,
        some,
        fc.boolean(),
        (before, asked, later, allowEmpty) => {
          const world = new World();
          world.add('f', before, { guard: { allowEmpty } });
          world.add('rest', names('rest', 5_000));
          world.apply(planTargets(world.input()));
          world.now += 3_600_000;
          world.answers.set('f', asked);
          const [block] = planTargets(world.input()).blocked;
          fc.pre(block !== undefined);
          if (block) world.approve(block);
          world.answers.set('f', later);
          const lost = before.filter(one => !later.includes(one));
          const beyond = lost.filter(one => !block?.revoked.has(one)).length;
          const breaks = lost.length > 5 && lost.length / before.length > 0.3;
          const empties = later.length === 0 && !allowEmpty;
          const wanted = (breaks && beyond > 5) || (empties && before.some(one => !block?.revoked.has(one)));
          expect(planTargets(world.input()).blocked.length > 0).toBe(wanted);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
