import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  assert,
  array,
  asyncProperty,
  boolean,
  constant,
  constantFrom,
  oneof,
  record,
  shuffledSubarray,
  subarray,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyOne, listingChange, listingFor, placementChange } from '../../support/changes.ts';
import { flagdFolder, served } from './flagd-harness.ts';

// Numbers that do not survive JSON.parse, keys that JavaScript would reorder, evaluators, keys that flagd does not know.
const foreign = `{
\t"x-order": [3, 1.0, 12345678901234567890],
  "flags": {
    "zeta": {"state": "ENABLED", "variants": {"a": 1.50, "b": 1e400}, "defaultVariant": "a"},
    "10": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": {"if": [{"$ref": "staff"}, "on", null]}},
    "2": { "state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","metadata":{"managedBy":"optoggles:other"},
      "targeting":{"if":[{"$ref":"optoggles-aaaaaaaaaaaa"},"on","off"]} }
  },
  "$evaluators": {"staff": {"in": ["@example.com", {"var": "email"}]}, "optoggles-aaaaaaaaaaaa": {"in":[{"var":"targetingKey"},["olga"]]}},
  "metadata": {"flagSetId": "shop", "version": "7"}
}`;
const untouched = [
  '"x-order": [3, 1.0, 12345678901234567890]',
  '"zeta": {"state": "ENABLED", "variants": {"a": 1.50, "b": 1e400}, "defaultVariant": "a"}',
  '"10": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": {"if": [{"$ref": "staff"}, "on", null]}}',
  '"2": { "state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","metadata":{"managedBy":"optoggles:other"},',
  '"staff": {"in": ["@example.com", {"var": "email"}]}',
  '"optoggles-aaaaaaaaaaaa": {"in":[{"var":"targetingKey"},["olga"]]}',
  '"metadata": {"flagSetId": "shop", "version": "7"}',
];

const people = ['alice', 'bob', 'carol', 'd$ve', '$&', 'é', '😀'];
const keys = ['one', 'two', 'constructor'];
const environments = ['production', 'test'];

const step = record({
  key: constantFrom(...keys),
  environment: constantFrom(...environments),
  after: oneof({ weight: 4, arbitrary: subarray(people) }, { weight: 1, arbitrary: constant('off' as const) }),
});

describe('flagd files, whatever is done to them', () => {
  it('hold what was applied, serve it, and leave the rest as it stood', async () => {
    await assert(
      asyncProperty(array(step, { maxLength: 12 }), boolean(), async (steps, restarts) => {
        const place = await flagdFolder();
        try {
          await mkdir(dirname(place.file()), { recursive: true });
          await place.write(foreign);
          let target = place.target();
          const model = new Map<string, readonly string[] | 'off'>();
          for (const key of keys) {
            await applyOne(target, listingChange(listingFor(target, { key }), 'create'));
            for (const environment of environments) model.set(`${key} ${environment}`, 'off');
          }
          for (const { key, environment, after } of steps) {
            if (restarts) target = place.target();
            const listing = listingFor(target, { key });
            const before = model.get(`${key} ${environment}`) ?? [];
            const change = placementChange(listing, { environment, before: before === 'off' ? [] : before, after });
            expect((await applyOne(target, change)).result).toBe('done');
            model.set(`${key} ${environment}`, after);
          }
          const live = await target.read?.([], AbortSignal.timeout(5000));
          const read = new Map(
            (live?.listings ?? []).flatMap(({ key, placements }) =>
              placements.map(({ environment, on, who, waysIn }) => {
                expect(waysIn).toEqual([]);
                const members = who.kind === 'members' ? [...who.members.values()].sort() : [];
                return [`${key} ${environment}`, on ? members : 'off'] as const;
              }),
            ),
          );
          const wanted = [...model].map(
            ([name, after]) => [name, after === 'off' ? after : [...after].sort()] as const,
          );
          expect(read).toEqual(new Map(wanted));
          const text = await place.text();
          for (const kept of untouched) expect(text).toContain(kept);
          for (const key of keys) {
            const after = model.get(`${key} production`) ?? [];
            for (const person of people)
              expect(served(text, key, person)).toBe(after !== 'off' && after.includes(person));
          }
          // Evaluators: those of others, and one for each list that may be referred to.
          const shared = new Set<string>();
          for (const [name, after] of model) {
            if (!name.endsWith('production') || after === 'off' || after.length === 0) continue;
            const list = after.toSorted().join();
            if (!list.includes('$')) shared.add(list);
          }
          expect(Object.keys((await place.read()).$evaluators)).toHaveLength(2 + shared.size);
        } finally {
          await place.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('end in the same bytes whatever the order of the steps', async () => {
    await assert(
      asyncProperty(shuffledSubarray(keys, { minLength: keys.length }), async order => {
        const texts: string[] = [];
        for (const sequence of [keys, order]) {
          const place = await flagdFolder();
          const target = place.target(['production']);
          for (const key of keys) await applyOne(target, listingChange(listingFor(target, { key }), 'create'));
          for (const key of sequence) {
            await applyOne(target, placementChange(listingFor(target, { key }), { after: ['alice', key] }));
          }
          texts.push(await place.text());
          await place.close();
        }
        expect(texts[1]).toBe(texts[0]);
      }),
      { numRuns: 10 },
    );
  });
});
