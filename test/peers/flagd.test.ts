import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FlagdCore } from '@openfeature/flagd-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servedBy } from '../targets/flagd/flagd-harness.ts';
import { type Opa, startOpa } from './opa.ts';
import { type Optoggles, startOptoggles } from './optoggles.ts';
import { createUndo } from './stack.ts';
import { until } from './until.ts';

/** Real OPA at one end, flagd's own engine at the other, and the line between them. */
const undo = createUndo();
let opa: Opa;
let program: Optoggles;

const REGO = `package app.rbac
import rego.v1

us_users contains name if {
  some name, user in data.example.users
  user.country == "US"
}

employees := [name | some name, user in data.example.users; user.staff]
`;

interface Person {
  readonly country: string;
  readonly staff: boolean;
}

/** mulberry32: the same numbers in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = seeded(20_261_101);
const SPECIAL = [
  'Ünï',
  '用户-1',
  "o'neil",
  'a"b',
  'back\\slash',
  'with space',
  '$ref',
  '{"var":"x"}',
  'x,y',
  '0',
  'true',
];

function people(): Record<string, Person> {
  const names = [
    ...SPECIAL,
    ...Array.from({ length: 300 }, (_, index) => `user-${index}-${random().toString(36).slice(2, 8)}`),
  ];
  return Object.fromEntries(
    names.map(name => [name, { country: random() < 0.6 ? 'US' : 'FR', staff: random() < 0.3 }]),
  );
}

/** Names near those of members, and names near nothing. */
function strangers(known: ReadonlySet<string>, count: number): string[] {
  const base = [...known];
  const found = new Set<string>(['', ' ', 'undefined', 'null', 'toString', '__proto__']);
  while (found.size < count) {
    const name = base[Math.floor(random() * base.length)] as string;
    const cut = 1 + Math.floor(random() * Math.max(1, name.length - 1));
    const near = [
      name.toUpperCase(),
      name.toLowerCase(),
      name.slice(0, cut),
      name.slice(cut),
      `${name} `,
      ` ${name}`,
      `${name}0`,
      `x${name}`,
      `${name},${base[0]}`,
      name.normalize('NFD'),
      random().toString(36).slice(2),
    ];
    const one = near[Math.floor(random() * near.length)] as string;
    if (!known.has(one)) found.add(one);
  }
  return [...found];
}

beforeAll(async () => {
  opa = undo.own(await startOpa());
  await opa.putPolicy('rbac', REGO);
});
afterAll(() => undo.all());

function flag(key: string, rule: string, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    key,
    name: `The feature ${key}`,
    owner: 'team-growth',
    type: 'permission',
    created: '2026-11-01',
    usersPolicy: { source: 'plain', package: 'app.rbac', rule },
    ...more,
  });
}

async function engineOf(environment: string): Promise<FlagdCore> {
  const engine = new FlagdCore();
  engine.setConfigurations(await readFile(join(program.folder, `out/${environment}.json`), 'utf8'));
  return engine;
}

function membersOf(all: Readonly<Record<string, Person>>, is: (person: Person) => boolean): ReadonlySet<string> {
  return new Set(Object.entries(all).flatMap(([name, person]) => (is(person) ? [name] : [])));
}

describe('the flagd target behind a real OPA', () => {
  it('serves members, nobody who was one, and none of a thousand strangers', async () => {
    const first = people();
    await opa.putData('example/users', first);
    program = await startOptoggles(undo, port => ({
      'optoggles.yaml': JSON.stringify({
        version: 1,
        instance: 'peers',
        bind: `127.0.0.1:${port}`,
        // It is asked often, so that the change below is seen soon. A second look confirms it.
        sources: [{ id: 'plain', type: 'opa', url: opa.url, poll: '1s', sentinels: ['data.example.users'] }],
        targets: [
          { name: 'local', type: 'flagd', path: 'out/{environment}.json', environments: ['production', 'test'] },
        ],
        guard: { maxRevokedShare: 1 },
      }),
      'flags/us-feature.yaml': flag('us-feature', 'us_users', {
        environments: {
          production: {},
          test: { usersPolicy: { source: 'plain', package: 'app.rbac', rule: 'employees' } },
        },
      }),
      'flags/twin.yaml': flag('twin', 'us_users', { environments: { production: {}, test: {} } }),
      'flags/killed.yaml': flag('killed', 'us_users', { state: 'off', environments: { production: {} } }),
      'flags/unknown.yaml': flag('unknown', 'nobody_defines_it', { environments: { production: {} } }),
    }));
    const inSync = () =>
      until('all is in sync', async () => {
        const { toggles } = await program.status();
        return toggles.every(({ key, state }) => {
          return state === (key === 'killed' ? 'off' : key === 'unknown' ? 'held' : 'in-sync');
        });
      });
    await until('it has started', async () => (await program.get('/health/started')) === 200);
    await inSync();

    const outsiders = strangers(new Set(Object.keys(first)), 1_000);
    const check = async (all: Readonly<Record<string, Person>>) => {
      const us = membersOf(all, ({ country }) => country === 'US');
      const staff = membersOf(all, person => person.staff);
      const expected = {
        production: { 'us-feature': us, twin: us, killed: new Set<string>(), unknown: new Set<string>() },
        test: { 'us-feature': staff, twin: us },
      };
      for (const [environment, flags] of Object.entries(expected)) {
        const engine = await engineOf(environment);
        for (const [key, members] of Object.entries(flags)) {
          const everybody = [...new Set([...Object.keys(first), ...Object.keys(all), ...outsiders])];
          const wrong = everybody.filter(name => servedBy(engine, key, name) !== members.has(name));
          expect({ environment, key, wrong }).toEqual({ environment, key, wrong: [] });
        }
      }
    };
    await check(first);

    // A third changes sides, a few leave altogether, a few are new.
    const second = Object.fromEntries(
      Object.entries(first).flatMap(([name, person]): [string, Person][] => {
        const dice = random();
        if (dice < 0.1) return [];
        return [[name, dice < 0.4 ? { country: person.country === 'US' ? 'FR' : 'US', staff: !person.staff } : person]];
      }),
    );
    for (let index = 0; index < 20; index++) second[`new-${index}`] = { country: 'US', staff: true };
    await opa.putData('example/users', second);
    await until('the files follow', async () => {
      const [production, test] = [await engineOf('production'), await engineOf('test')];
      return servedBy(production, 'twin', 'new-19') === true && servedBy(test, 'us-feature', 'new-19') === true;
    });
    await inSync();
    await check(second);
  });
});
