import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Members } from '../../src/domain/members.ts';
import type { PlacementReview, Shares } from '../../src/domain/review.ts';
import { sourceKinds, targetKinds } from '../../src/kinds.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { loadConfig } from '../../src/load/config.ts';
import { apply } from '../../src/tasks/apply.ts';
import { silentObserver } from '../../src/tasks/open.ts';
import { review } from '../../src/tasks/review.ts';
import { type FakeOpa, startFakeOpa } from '../support/fake-opa.ts';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { configText, flagText, listsText } from '../support/project.ts';
import { tempFolder, writeFiles } from '../support/temp-folder.ts';

/** Everything takes a twentieth of its time: two looks at files that went are 500 ms apart. */
const quick = 20;
const started = Date.now();
const clock: Clock = {
  now: () => started + (Date.now() - started) * quick,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const stop = clock.after(ms, resolve);
      signal?.addEventListener('abort', () => {
        stop();
        reject(signal.reason);
      });
    }),
  after(ms, call) {
    const timer = setTimeout(call, ms / quick);
    return () => clearTimeout(timer);
  },
};

const kinds = { sources: sourceKinds, targets: targetKinds };
const people = ['ann', 'bob', 'cat', 'dan', 'eve', 'fay', 'gus', 'hal'];
const keys = ['one', 'two', 'three', 'four'];
const rules = ['r0', 'r1', 'r2'];

type Lists = Readonly<Record<string, readonly string[]>>;

interface Definition {
  readonly rule: string;
  readonly source: 'lists' | 'opa';
  readonly state: 'on' | 'off';
  readonly name: string;
}

/** A commit: flag files, and the static source's file. */
interface Commit {
  readonly toggles: Readonly<Record<string, Definition>>;
  readonly lists: Lists;
}

const members = fc.subarray(people);
const someLists = fc.dictionary(fc.constantFrom(...rules), members, { noNullPrototype: true });
const definition: fc.Arbitrary<Definition> = fc.record({
  rule: fc.constantFrom(...rules),
  source: fc.constantFrom('lists', 'opa'),
  state: fc.constantFrom('on', 'on', 'on', 'off'),
  name: fc.constantFrom('A name', 'Another name'),
});
const commit: fc.Arbitrary<Commit> = fc.record({
  toggles: fc.dictionary(fc.constantFrom(...keys), definition, { minKeys: 1, noNullPrototype: true }),
  lists: someLists,
});
/** A pull request changes a little, or everything, or nothing. */
const pair = fc
  .tuple(commit, commit, fc.constantFrom('all', 'toggles', 'lists', 'nothing'))
  .map(([base, other, what]) => ({
    base,
    head: {
      toggles: what === 'all' || what === 'toggles' ? other.toggles : base.toggles,
      lists: what === 'all' || what === 'lists' ? other.lists : base.lists,
    },
  }));

let opa: FakeOpa;
beforeAll(async () => {
  opa = await startFakeOpa();
});
afterAll(() => opa.close());

function filesOf({ toggles, lists }: Commit): Record<string, string> {
  const flags = Object.entries(toggles).map(([key, { rule, source, ...more }]) => [
    `flags/${key}.yaml`,
    flagText(key, { ...more, usersPolicy: { source, package: 'app.rbac', rule } }),
  ]);
  const named = Object.entries(lists).map(([rule, users]) => [`app.rbac.${rule}`, users] as const);
  return {
    'audiences.yaml': listsText(Object.fromEntries(named)),
    ...(Object.fromEntries(flags) as Record<string, string>),
  };
}

function put(folder: string, commit: Commit): void {
  for (const name of readdirSync(folder)) if (name === 'flags') rmSync(join(folder, name), { recursive: true });
  writeFiles(folder, filesOf(commit));
}

function ask(lists: Lists): void {
  for (const rule of rules) opa.set(`app/rbac/${rule}`, lists[rule]);
}

function names(members: Members): readonly string[] {
  return [...members.values()];
}

function partsOf(shares: Shares): readonly string[] {
  return [...names(shares.definition), ...names(shares.policy), ...names(shares.pending)];
}

it('the preview of a pull request is what apply then does, member by member, and its causes add up', async () => {
  await fc.assert(
    fc.asyncProperty(commit, pair, someLists, someLists, async (first, { base, head }, before, after) => {
      const api = await openFakeRestApi({ get: 'all' });
      const config = configText({
        sources: [
          { id: 'lists', type: 'static', path: 'audiences.yaml' },
          { id: 'opa', type: 'opa', url: opa.url, poll: '1h' },
        ],
        targets: [
          {
            name: 'rest',
            type: 'restapi',
            endpointUrl: api.url,
            environment: 'production',
            read: true,
            timeout: '99s',
          },
        ],
      });
      const at = tempFolder({ 'optoggles.yaml': config, ...filesOf(first) });
      const proposed = tempFolder({ 'optoggles.yaml': config, ...filesOf(head) });
      const load = async () =>
        (await loadConfig(join(at, 'optoggles.yaml'), { kinds, env: {}, secrets: 'substitute', purpose: 'once' }))
          .config;
      const how = { clock, random: Math.random, log: silentLog, timeout: 600_000, signal: AbortSignal.timeout(30_000) };
      const applied = async () => apply({ ...how, config: await load(), observer: silentObserver, approve: [] });
      const served = () =>
        new Map(keys.map(key => [key, new Set(people.filter(member => api.serves(key, member) === true))]));
      try {
        ask(before);
        await applied();
        // What is live is that of an older commit and older data: something is pending.
        ask(after);
        put(at, base);
        const found = await review({
          ...how,
          base: { root: at, config: 'optoggles.yaml', url: '' },
          head: { root: proposed, config: 'optoggles.yaml', url: '' },
          config: await load(),
          mute: [],
          kinds,
          env: {},
        });
        expect(found.problems).toEqual([]);
        const said = new Map((found.planned?.placements ?? []).map(placement => [placement.toggle, placement]));
        const was = served();
        put(at, head);
        await applied();
        const is = served();
        for (const key of keys) check(said.get(key), was.get(key) ?? new Set(), is.get(key) ?? new Set());
        for (const { granted, revoked } of said.values()) {
          const definition = granted.definition.size + revoked.definition.size;
          const policy = granted.policy.size + revoked.policy.size;
          if (JSON.stringify(base.toggles) === JSON.stringify(head.toggles)) expect(definition).toBe(0);
          if (JSON.stringify(base.lists) === JSON.stringify(head.lists)) expect(policy).toBe(0);
        }
      } finally {
        await api.close();
        rmSync(at, { recursive: true });
        rmSync(proposed, { recursive: true });
      }
    }),
    { numRuns: Number(process.env.PREVIEW_RUNS ?? 15) },
  );
}, 120_000);

function check(said: PlacementReview | undefined, was: ReadonlySet<string>, is: ReadonlySet<string>): void {
  const gained = people.filter(member => is.has(member) && !was.has(member));
  const lost = people.filter(member => was.has(member) && !is.has(member));
  expect({ gained: said ? names(said.granted.all) : [], lost: said ? names(said.revoked.all) : [] }).toEqual({
    gained,
    lost,
  });
  if (said === undefined) return;
  expect(partsOf(said.granted).toSorted()).toEqual(gained);
  expect(partsOf(said.revoked).toSorted()).toEqual(lost);
}
