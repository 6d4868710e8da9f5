import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { membersOf } from '../../../src/domain/members.ts';
import type { FlagEnvironment } from '../../../src/targets/launchdarkly/flag.ts';
import { countsOf, patchFor, type Wanted } from '../../../src/targets/launchdarkly/patch.ts';
import { chunked } from '../../../src/targets/launchdarkly/write-segments.ts';
import { applyOne, listingChange, listingFor, placementChange } from '../../support/changes.ts';
import { sdkData } from '../../support/fake-launchdarkly/sdk-payload.ts';
import { environmentOf, projectOf } from '../../support/fake-launchdarkly/store.ts';
import { servedIn } from './history.ts';
import { openLd } from './ld-harness.ts';

const variations = { true: { index: 1, id: 'T' }, false: { index: 0, id: 'F' } };
const closed: FlagEnvironment = {
  version: 1,
  on: true,
  offVariation: 0,
  fallthrough: { variation: 0 },
  rules: [],
  lists: [],
  prerequisites: [],
  site: undefined,
};
const list = (variation: number, members: readonly string[], contextKind = 'user') => {
  return { contextKind, variation, members: membersOf(members) };
};
const ours = { id: 'r1', serves: { variation: 1 }, disabled: false, segment: 'optoggles-x-a1' };
const foreign = { id: 'r2', serves: { variation: 1 }, disabled: false, segment: undefined };

function wants(members: readonly string[], more: Partial<Wanted> = {}): Wanted {
  return { on: true, members: membersOf(members), contextKind: 'user', group: undefined, ...more };
}

/** Environment, what is wanted, and the instructions in short. */
const table: Readonly<Record<string, readonly [Partial<FlagEnvironment>, Wanted, readonly string[]]>> = {
  'nothing to do': [{ lists: [list(1, ['a'])] }, wants(['a']), []],
  'differences only': [{ lists: [list(1, ['a', 'b'])] }, wants(['b', 'c']), ['removeTargets T a', 'addTargets T c']],
  'a key of the other variation is moved': [
    { lists: [list(0, ['a', 'z'])] },
    wants(['a']),
    ['removeTargets F a,z', 'addTargets T a'],
  ],
  'another kind is removed': [
    { lists: [list(1, ['a']), list(1, ['o'], 'organization')] },
    wants(['a']),
    ['removeTargets T o'],
  ],
  'closed before it is on': [
    { on: false, offVariation: 1, fallthrough: { variation: 1 }, rules: [foreign] },
    wants(['a']),
    ['updateOffVariation F', 'updateFallthroughVariationOrRollout F', 'removeRule r2', 'addTargets T a', 'turnFlagOn'],
  ],
  'off: first the off variation, then off': [
    { offVariation: 1, lists: [list(1, ['a'])] },
    wants([], { on: false }),
    ['updateOffVariation F', 'turnFlagOff', 'removeTargets T a'],
  ],
  'no off variation at all': [{ offVariation: undefined }, wants([]), ['updateOffVariation F']],
  'a rollout is no plain false': [
    { fallthrough: { shares: [{ variation: 0, weight: 100_000 }] } },
    wants([]),
    ['updateFallthroughVariationOrRollout F'],
  ],
  'into a segment': [
    { lists: [list(1, ['a'])] },
    wants(['a'], { group: 'optoggles-x-a1' }),
    ['removeTargets T a', 'addRule T'],
  ],
  'in its segment already': [{ rules: [ours] }, wants(['a'], { group: 'optoggles-x-a1' }), []],
  'twice in its segment': [
    { rules: [ours, { ...ours, id: 'r3' }] },
    wants(['a'], { group: 'optoggles-x-a1' }),
    ['removeRule r3'],
  ],
  'out of its segment': [{ rules: [ours] }, wants(['a']), ['removeRule r1', 'addTargets T a']],
  'a disabled rule of ours is none': [
    { rules: [{ ...ours, disabled: true }] },
    wants(['a'], { group: 'optoggles-x-a1' }),
    ['removeRule r1', 'addRule T'],
  ],
};

function inShort(patch: ReturnType<typeof patchFor>): readonly string[] {
  return patch.map(one => {
    const what = 'variationId' in one ? ` ${one.variationId}` : 'ruleId' in one ? ` ${one.ruleId}` : '';
    return `${one.kind}${what}${'values' in one && 'contextKind' in one ? ` ${one.values.join()}` : ''}`;
  });
}

describe('the patch of one environment', () => {
  for (const [name, [environment, wanted, expected]] of Object.entries(table)) {
    it(name, () => {
      expect(inShort(patchFor({ ...closed, ...environment }, variations, wanted))).toEqual(expected);
    });
  }

  it('while the segment is not written, only closes', () => {
    const environment = { ...closed, rules: [ours, foreign], lists: [list(1, ['a', 'b']), list(0, ['c'])] };
    const wanted = wants(['a', 'c'], { group: 'optoggles-x-a2' });
    expect(inShort(patchFor(environment, variations, wanted, { holds: 'optoggles-x-a1' }))).toEqual([
      'removeRule r2',
      'removeTargets T b',
      'removeTargets F c',
    ]);
  });

  it('counts, and names nobody', () => {
    const patch = patchFor({ ...closed, lists: [list(1, ['a', 'b'])] }, variations, wants(['c']));
    expect(countsOf(patch)).toBe('+1 -2');
  });
});

describe('requests to a segment', () => {
  it('have at most so many keys, in order, and lose none', () => {
    const instruction = fc.record({
      kind: fc.constantFrom('removeIncludedTargets' as const, 'addIncludedTargets' as const),
      contextKind: fc.constant('user'),
      values: fc.array(fc.string(), { maxLength: 40 }),
    });
    fc.assert(
      fc.property(fc.array(instruction, { maxLength: 4 }), fc.integer({ min: 1, max: 15 }), (instructions, most) => {
        const requests = chunked(instructions, most);
        const flat = (all: readonly (typeof instructions)[number][]) =>
          all.flatMap(({ kind, values }) => values.map(value => `${kind} ${value}`));
        const sent = requests as unknown as (typeof instructions)[];
        for (const request of sent) expect(flat(request).length).toBeLessThanOrEqual(most);
        expect(sent.flatMap(flat)).toEqual(flat(instructions));
      }),
    );
  });
});

const people = ['p0', 'p1', 'p2', 'p3', 'p4'];
const some = fc.subarray(people);
const kinds = ['user', 'organization'] as const;

/** What somebody may have made of a flag before. */
const handMade = fc.record({
  on: fc.boolean(),
  off: fc.boolean(),
  fallthrough: fc.oneof(
    fc.boolean().map(value => ({ value })),
    fc.integer({ min: 0, max: 100_000 }).map(weight => ({ weights: [weight, 100_000 - weight] })),
  ),
  yes: some,
  no: some,
  organizations: some,
  rule: fc.option(fc.boolean(), { nil: undefined }),
});

describe('whatever was made of a flag by hand', () => {
  it('one write makes it what policy says, for the real SDK', async () => {
    const ld = await openLd({ settings: { environments: ['production'] } });
    onTestFinished(() => ld.close());
    const { fake } = ld;
    const target = ld.target();
    let count = 0;
    await fc.assert(
      fc.asyncProperty(
        handMade,
        fc.subarray(people),
        fc.boolean(),
        fc.constantFrom(...kinds),
        async (made, who, on, kind) => {
          const key = `flag-${++count}`;
          const at = { project: 'default', flag: key, environment: 'production' };
          const listing = listingFor(target, { key });
          await applyOne(target, listingChange(listing, 'create'));
          fake.hand.addTargets(at, true, made.yes);
          fake.hand.addTargets(
            at,
            false,
            made.no.filter(one => !made.yes.includes(one)),
          );
          fake.hand.addTargets(at, true, made.organizations, 'organization');
          fake.hand.setFallthrough(at, made.fallthrough);
          fake.hand.setOffVariation(at, made.off);
          const clause = { contextKind: 'user', attribute: 'key', op: 'in', negate: false, values: ['p4', 'stranger'] };
          if (made.rule !== undefined) fake.hand.addRule(at, [clause], { value: made.rule });
          fake.hand.turn(at, made.on);
          const want = [{ key, toggle: key, environments: ['production'] }];
          await target.read?.(want, AbortSignal.timeout(5000), true);
          const writes = fake.writes.length;
          const change = placementChange(listing, { before: 'unknown', after: on ? who : 'off' });
          const outcome = await applyOne(target, { ...change, contextKind: kind });
          expect(outcome.result).toBe('done');
          expect(fake.writes.length - writes).toBeLessThanOrEqual(1);
          const project = projectOf(fake.account, 'default');
          const state = sdkData(project, environmentOf(project, 'production'));
          for (const one of kinds) {
            const served = await servedIn(state, [key], [...people, 'stranger'], one);
            expect(served[key], `of kind ${one}`).toEqual(on && one === kind ? who : []);
          }
          fake.hand.deleteFlag('default', key);
        },
      ),
      { numRuns: 40 },
    );
  });
});
