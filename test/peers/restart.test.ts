import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeRestApi, openFakeRestApi } from '../support/fake-rest-api.ts';
import { mark, untilHolds, usersWritten } from './holds.ts';
import { configText, flagFiles, type Optoggles, startOptoggles } from './optoggles.ts';
import { LISTS, MORE, PEOPLE, RBAC, RULES } from './rbac.ts';
import { createUndo, type Stack, startStack } from './stack.ts';
import { until } from './until.ts';

/** Three installations on one OPAL whose OPA goes away: what each of them believes afterwards, and by what. */
const undo = createUndo();
let stack: Stack;

interface Installation {
  readonly program: Optoggles;
  readonly target: FakeRestApi;
}
let plain: Installation;
let guarded: Installation;

const ADMIN = 'a-token-of-the-one-on-call-0123456789';

const HELD: Readonly<Record<string, readonly string[]>> = {
  'us-feature': ['alice', 'carol', 'dave'],
  'us-banner': ['alice', 'carol', 'dave'],
  'recent-only': ['alice', 'dave'],
  'staff-tools': ['alice', 'bob'],
  'lonely-one': ['zoe'],
  'passing-by': ['alice', 'bob'],
  'team-a': ['alice'],
  'team-b': ['bob', 'carol'],
};

async function install(instance: string, source: Readonly<Record<string, unknown>>): Promise<Installation> {
  const target = await openFakeRestApi();
  undo.later(() => target.close());
  const program = await startOptoggles(undo, port => ({
    'optoggles.yaml': configText({
      port,
      opal: stack.client.url,
      opa: stack.opa.url,
      targets: { rest: { url: target.url } },
      source,
      more: { instance, adminTokens: [{ name: 'oncall', token: ADMIN }] },
    }),
    ...flagFiles(RULES, MORE),
  }));
  return { program, target };
}

async function untilAllHold(target: FakeRestApi, more: Readonly<Record<string, readonly string[]>> = {}) {
  for (const [key, users] of Object.entries({ ...HELD, ...more })) await untilHolds(target, key, users);
}

async function untilSource({ program }: Installation, state: string): Promise<void> {
  await until(`the source is ${state}`, async () => (await program.sourceState()) === state, { timeoutMs: 20_000 });
}

/** Waits until an answer was taken that came after now. */
async function untilAskedAgain({ program }: Installation): Promise<void> {
  const now = new Date().toISOString();
  await until('it has asked again', async () => ((await program.status()).sources[0]?.lastAnswerAt ?? '') > now);
}

async function look({ program }: Installation): Promise<void> {
  const asked = await fetch(`${program.url}/api/sync`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN}` },
  });
  expect(asked.ok).toBe(true);
}

/** OPAL fetches all data again, as an operator would have it do. */
async function reload(): Promise<void> {
  const asked = await fetch(`${stack.client.url}/data-updater/trigger`, { method: 'POST' });
  expect(asked.ok).toBe(true);
}

/** No write since then took anybody away. */
function nobodyLost(since: ReturnType<typeof mark>): void {
  for (const [key, users] of Object.entries(HELD)) {
    for (const written of usersWritten(since.writes(), key)) {
      expect(written, key).toEqual(expect.arrayContaining([...users]));
    }
  }
}

beforeAll(async () => {
  stack = await startStack(undo, { 'rbac.rego': RBAC }, { people: PEOPLE, lists: LISTS });
  plain = await install('plain', { reload: 'never' });
  guarded = await install('guarded', {
    reload: 'never',
    sentinels: ['data.example.users', 'data.example.lists.employees'],
  });
  // The first answers of an OPA that nobody knows yet cost nobody anything: nothing was applied.
  await untilAllHold(plain.target);
  await untilAllHold(guarded.target);
});
afterAll(() => undo.all());

describe('an OPA that goes away', () => {
  it('is waited for; back and empty it is not believed; with its data it is', async () => {
    const both = [plain, guarded];
    for (const one of both) await untilSource(one, 'ready');
    const since = both.map(({ target }) => mark(target));
    await stack.opa.stop();
    for (const one of both) {
      // Not by way of OPAL: what it cannot deliver it delivers later.
      await look(one);
      await untilSource(one, 'failing');
      await until('health tells of it', async () => (await one.program.get('/health')) === 500);
      expect(await one.program.get('/health/live')).toBe(200);
    }
    await stack.opa.startAgain();
    for (const one of both) {
      await untilSource(one, 'suspect');
      await untilAskedAgain(one);
    }

    // The trap: policy comes back first, set rules answer [], OPAL calls its OPA ready and calls back.
    await stack.repo.commit({ 'rbac.rego': `${RBAC}\n# again\n` });
    await until(
      'OPA has its policy',
      async () => JSON.stringify(await stack.opa.getData('app/rbac/us_users')) !== '{}',
    );
    expect(await stack.opa.getData('app/rbac/us_users')).toMatchObject({ result: [] });
    for (const one of both) {
      await untilAskedAgain(one);
      expect(await one.program.sourceState()).toBe('suspect');
    }
    for (const one of since) expect(one.writes()).toEqual([]);

    stack.data.set('/users', { ...PEOPLE, gina: { country: 'US' } });
    await reload();
    for (const one of both) {
      await untilSource(one, 'ready');
      await untilAllHold(one.target, {
        'us-feature': ['alice', 'carol', 'dave', 'gina'],
        'us-banner': ['alice', 'carol', 'dave', 'gina'],
      });
      await until('health is good again', async () => (await one.program.get('/health')) === 200);
    }
    since.forEach(nobodyLost);
    await stack.putPeople(PEOPLE);
    for (const { target } of both) await untilAllHold(target);
  });

  it('restarts while the program is dead: the program remembers who was believed', async () => {
    await plain.program.kill();
    await stack.opa.stop();
    await stack.opa.startAgain();
    const since = mark(plain.target);
    await plain.program.startAgain();
    await untilSource(plain, 'suspect');
    await stack.repo.commit({ 'rbac.rego': `${RBAC}\n# and again\n` });
    await until(
      'OPA has its policy',
      async () => JSON.stringify(await stack.opa.getData('app/rbac/us_users')) !== '{}',
    );
    await untilAskedAgain(plain);
    expect(await plain.program.sourceState()).toBe('suspect');
    expect(since.writes()).toEqual([]);
    await reload();
    await untilSource(plain, 'ready');
    expect(since.writes()).toEqual([]);
  });

  it('restarts empty under a program that may ask for a reload: a policy push, and all is well by itself', async () => {
    const auto = await install('auto', {});
    await untilAllHold(auto.target);
    await untilSource(auto, 'ready');
    // Its very first look asked for a reload, and there is one in five minutes: a later start has it before it.
    await auto.program.stop();
    await auto.program.startAgain();
    await untilSource(auto, 'ready');
    const since = mark(auto.target);
    await stack.opa.stop();
    await stack.opa.startAgain();
    await stack.repo.commit({ 'rbac.rego': RBAC.replace('== "US"', 'in {"US", "CA"}') });
    await untilAllHold(auto.target, {
      'us-feature': ['alice', 'carol', 'dave', 'erin'],
      'us-banner': ['alice', 'carol', 'dave', 'erin'],
    });
    await untilSource(auto, 'ready');
    nobodyLost(since);
    expect(since.keys()).toEqual(['us-banner', 'us-feature']);
  });
});
