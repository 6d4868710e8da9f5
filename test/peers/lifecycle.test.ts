import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FakeRestApi, openFakeRestApi } from '../support/fake-rest-api.ts';
import { openFaultProxy } from '../support/fault-proxy.ts';
import { mark, untilHolds, usersWritten } from './holds.ts';
import { type OpalServer, startOpalClient } from './opal.ts';
import { type Opa, startOpa } from './opa.ts';
import { configText, flagFiles, type Optoggles, startOptoggles } from './optoggles.ts';
import { freePort } from '../support/free-port.ts';
import { LISTS, MORE, PEOPLE, RBAC, RULES } from './rbac.ts';
import { createUndo, type Stack, startStack } from './stack.ts';
import { until } from './until.ts';

const undo = createUndo();
const mine = createUndo();
let stack: Stack;

beforeAll(async () => {
  stack = await startStack(undo, { 'rbac.rego': RBAC }, { people: PEOPLE, lists: LISTS });
});
afterAll(() => undo.all());
afterEach(() => mine.all());

const USERS = ['alice', 'carol', 'dave'];

async function openTarget(): Promise<FakeRestApi> {
  const target = await openFakeRestApi();
  mine.later(() => target.close());
  return target;
}

function install(
  targets: Readonly<Record<string, { url: string; read?: boolean }>>,
  where: { opal: string; opa: string } = { opal: stack.client.url, opa: stack.opa.url },
): Promise<Optoggles> {
  return startOptoggles(mine, port => ({
    'optoggles.yaml': configText({ port, ...where, targets }),
    ...flagFiles(RULES, MORE),
  }));
}

function untilStarted(program: Optoggles): Promise<boolean> {
  return until('it has started', async () => (await program.get('/health/started')) === 200, { timeoutMs: 60_000 });
}

/** The registration's status: 200 or 404. */
async function registered(): Promise<number> {
  return (await fetch(`${stack.client.url}/callbacks/optoggles-peers-example-opal`)).status;
}

describe('one program', () => {
  it('may come up first: OPA, OPAL and the target follow in any order', async () => {
    const target = await openTarget();
    const way = await openFaultProxy(target.port);
    mine.later(() => way.close());
    await way.set({ kind: 'refuse' });
    const [opaPort, opalPort] = [await freePort(), await freePort()];
    const where = { opa: `http://127.0.0.1:${opaPort}`, opal: `http://127.0.0.1:${opalPort}` };
    const program = await install({ rest: { url: `http://127.0.0.1:${way.port}/toggles` } }, where);
    expect(await program.get('/readyz')).toBe(200);
    expect(await program.get('/health')).toBe(503);
    expect(await program.get('/health/started')).toBe(503);
    await until('it says what it waits for', async () => (await program.status()).sources[0]?.error?.includes('OPA'));
    expect(await program.sourceState()).toBe('waiting');

    const opa: Opa = mine.own(await startOpa({ port: opaPort }));
    await until('OPA was found', async () => (await program.sourceState()) === 'suspect');
    expect(await program.get('/health/started')).toBe(503);
    const server: OpalServer = stack.server;
    const client = mine.own(await startOpalClient({ server, opa: opa.url, port: opalPort }));
    expect(client.url).toBe(where.opal);
    await until('the source is ready', async () => (await program.sourceState()) === 'ready');
    expect(await program.get('/health/started')).toBe(503);
    expect(target.writes).toEqual([]);

    await way.set({ kind: 'none' });
    await untilHolds(target, 'us-feature', USERS, 20_000);
    await untilHolds(target, 'team-b', ['bob', 'carol'], 20_000);
    await untilStarted(program);
    await until('health is good', async () => (await program.get('/health')) === 200);
  });

  it('killed, and started again: writes nothing when nothing changed, else only what did', async () => {
    const [blind, seeing] = [await openTarget(), await openTarget()];
    const program = await install({ blind: { url: blind.url }, seeing: { url: seeing.url, read: true } });
    const inSync = () =>
      until('all is in sync', async () => {
        const { toggles } = await program.status();
        return (
          toggles.length === 18 &&
          toggles.every(({ key, state }) => state === (key === 'vip-lounge' ? 'held' : 'in-sync'))
        );
      });
    await untilStarted(program);
    // What it did and did not note yet would rightly be done again.
    await inSync();
    await program.kill();

    let since = [blind, seeing].map(mark);
    await program.startAgain();
    await untilStarted(program);
    await inSync();
    for (const one of since) expect(one.writes()).toEqual([]);

    await program.kill();
    await stack.publish('gina', { country: 'US' });
    await until('OPA has it', async () => {
      return ((await stack.opa.getData('app/rbac/us_users')).result as string[]).includes('gina');
    });
    since = [blind, seeing].map(mark);
    await program.startAgain();
    for (const target of [blind, seeing]) {
      for (const key of ['us-banner', 'us-feature']) await untilHolds(target, key, ['alice', 'carol', 'dave', 'gina']);
    }
    await untilStarted(program);
    for (const one of since) expect(one.keys()).toEqual(['us-banner', 'us-feature']);
    for (const one of since) expect(one.writes()).toHaveLength(2);
    await stack.putPeople(PEOPLE);
    for (const target of [blind, seeing]) await untilHolds(target, 'us-feature', USERS);
  });

  it('killed while a write is on its way: afterwards the target is right, whatever became of the write', async () => {
    const target = await openTarget();
    const program = await install({ rest: { url: target.url } });
    await untilHolds(target, 'us-feature', USERS);
    await untilHolds(target, 'us-banner', USERS);
    await untilStarted(program);
    const lift = target.fault({ kind: 'hang', applied: true }, { key: 'us-feature', method: 'PATCH' });
    const since = mark(target);
    await stack.publish('gina', { country: 'US' });
    await until('the write is on its way', () => since.keys().includes('us-feature'));
    await untilHolds(target, 'us-banner', [...USERS, 'gina']);
    await program.kill();
    lift();
    await stack.putPeople(PEOPLE);
    await program.startAgain();
    await untilHolds(target, 'us-feature', USERS);
    await untilHolds(target, 'us-banner', USERS);
    expect(usersWritten(since.writes(), 'us-feature').at(-1)).toEqual(USERS);
  });

  it('ends on SIGTERM with 0, its callback taken back, even while a write hangs', async () => {
    const target = await openTarget();
    const program = await install({ rest: { url: target.url } });
    await untilHolds(target, 'us-feature', USERS);
    await untilStarted(program);
    expect(await registered()).toBe(200);
    target.fault({ kind: 'hang' }, { key: 'us-feature', method: 'PATCH' });
    const since = mark(target);
    await stack.publish('gina', { country: 'US' });
    await until('the write hangs', () => since.keys().includes('us-feature'));
    const { code, ms } = await program.stop();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(25_000);
    expect(await registered()).toBe(404);
    await stack.putPeople(PEOPLE);
  });

  it('ends on SIGTERM at once when nothing is on its way, and also when OPAL is gone', async () => {
    const target = await openTarget();
    const program = await install({ rest: { url: target.url } });
    await untilStarted(program);
    await until('it is registered', async () => (await registered()) === 200);
    const first = await program.stop();
    expect(first.code).toBe(0);
    expect(first.ms).toBeLessThan(5_000);
    expect(await registered()).toBe(404);
    await program.startAgain();
    await untilStarted(program);
    await stack.client.stop();
    const { code, ms } = await program.stop();
    await stack.client.startAgain();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(25_000);
  });
});
