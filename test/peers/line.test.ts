import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeRestApi, openFakeRestApi } from '../support/fake-rest-api.ts';
import { type FaultProxy, openFaultProxy } from '../support/fault-proxy.ts';
import { mark, untilHolds, usersOf, usersWritten } from './holds.ts';
import { configText, flagFiles, type Optoggles, runCommand, startOptoggles } from './optoggles.ts';
import { LISTS, MORE, PEOPLE, RBAC, RULES } from './rbac.ts';
import { createUndo, type Stack, startStack } from './stack.ts';
import { until } from './until.ts';

/** Steps of one story: each leaves policy, data and target as the next one finds them, in `PEOPLE` and `LISTS`. */
const undo = createUndo();
let stack: Stack;
let target: FakeRestApi;
let way: FaultProxy;
let program: Optoggles;

beforeAll(async () => {
  stack = await startStack(undo, { 'rbac.rego': RBAC }, { people: PEOPLE, lists: LISTS });
  target = await openFakeRestApi();
  undo.later(() => target.close());
  way = await openFaultProxy(target.port);
  undo.later(() => way.close());
  program = await startOptoggles(undo, port => ({
    'optoggles.yaml': configText({
      port,
      opal: stack.client.url,
      opa: stack.opa.url,
      targets: { rest: { url: `http://127.0.0.1:${way.port}/toggles` } },
    }),
    ...flagFiles(RULES, MORE),
  }));
});
afterAll(() => undo.all());

async function untilState(key: string, state: string): Promise<void> {
  await until(`${key} is ${state}`, async () => (await program.toggle(key))?.state === state, { timeoutMs: 15_000 });
}

describe('policy and data through real OPAL', () => {
  it('starts: every toggle is created once and is held by whom policy says', async () => {
    await until('it has started', async () => (await program.get('/health/started')) === 200);
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave']);
    await untilHolds(target, 'us-banner', ['alice', 'carol', 'dave']);
    await untilHolds(target, 'recent-only', ['alice', 'dave']);
    await untilHolds(target, 'staff-tools', ['alice', 'bob']);
    await untilHolds(target, 'lonely-one', ['zoe']);
    await untilHolds(target, 'passing-by', ['alice', 'bob']);
    await untilHolds(target, 'team-a', ['alice']);
    await untilHolds(target, 'team-b', ['bob', 'carol']);
    expect(usersOf(target, 'vip-lounge')).toEqual([]);
    expect(target.toggles.get('us-feature')).toMatchObject({
      name: 'The feature us-feature',
      owner: 'team-growth',
      type: 'permission',
    });
    for (const key of Object.keys(RULES)) {
      const writes = target.requests.filter(request => request.text?.includes(`"${key}"`) && request.method === 'POST');
      expect(writes, key).toHaveLength(1);
      const users = usersWritten(target.writes, key);
      expect(users, key).toHaveLength(key === 'vip-lounge' ? 0 : 1);
    }
    expect(await program.sourceState()).toBe('ready');
    expect(await program.get('/health')).toBe(200);
  });

  it('brings a data update to exactly the toggles that it concerns', async () => {
    const since = mark(target);
    await stack.publish('frank', { country: 'US' });
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave', 'frank']);
    await untilHolds(target, 'us-banner', ['alice', 'carol', 'dave', 'frank']);
    expect(since.keys()).toEqual(['us-banner', 'us-feature']);
    await stack.publish('frank', null);
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave']);
    await untilHolds(target, 'us-banner', ['alice', 'carol', 'dave']);
    expect(since.writes()).toHaveLength(4);
  });

  it('brings a policy update through git', async () => {
    const since = mark(target);
    const commit = await stack.repo.commit({ 'rbac.rego': RBAC.replace('== "US"', 'in {"US", "CA"}') });
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave', 'erin']);
    await untilHolds(target, 'us-banner', ['alice', 'carol', 'dave', 'erin']);
    await until('the revision is shown', async () => (await program.status()).sources[0]?.revision === commit);
    await stack.repo.commit({ 'rbac.rego': RBAC });
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave']);
    await untilHolds(target, 'us-banner', ['alice', 'carol', 'dave']);
    expect(since.keys()).toEqual(['us-banner', 'us-feature']);
  });

  it('keeps what it has through Rego that does not compile', async () => {
    const since = mark(target);
    await stack.repo.commit({ 'rbac.rego': `${RBAC}\nus_users contains name if {` });
    await until('OPAL tells of the failed update', async () => {
      await stack.publish('bob', { country: 'FR' });
      return (await program.status()).sources[0]?.warnings.some(text => text.includes('newest policy'));
    });
    expect(since.writes()).toEqual([]);
    expect(await program.sourceState()).toBe('ready');
    await stack.repo.commit({ 'rbac.rego': RBAC });
    await until('the warning is over', async () => (await program.status()).sources[0]?.warnings.length === 0);
  });
});

describe('what is no answer', () => {
  it('a rule that nobody defines holds; defined later it fills; undefined again it takes nobody away', async () => {
    await untilState('vip-lounge', 'held');
    await stack.putLists({ ...LISTS, vip: ['alice', 'zoe'] });
    await untilHolds(target, 'vip-lounge', ['alice', 'zoe']);
    const since = mark(target);
    await stack.putLists({ ...LISTS, lonely: ['zara'] });
    // The neighbour of the same update shows that the answer was taken.
    await untilHolds(target, 'lonely-one', ['zara']);
    await untilState('vip-lounge', 'held');
    await stack.repo.commit({ 'rbac.rego': RBAC.replace(/^vip .*$/m, '').replace('== "US"', 'in {"US", "CA"}') });
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave', 'erin']);
    await untilState('vip-lounge', 'held');
    expect(since.keys()).not.toContain('vip-lounge');
    expect(usersOf(target, 'vip-lounge')).toEqual(['alice', 'zoe']);
    await stack.repo.commit({ 'rbac.rego': RBAC });
    await stack.putLists(LISTS);
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave']);
    await untilHolds(target, 'lonely-one', ['zoe']);
  });

  it('a rule with a failing builtin is failed, never empty, and stops nobody else', async () => {
    const since = mark(target);
    await stack.publish('gina', { country: 'US', since: 'soon' });
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave', 'gina']);
    await untilState('recent-only', 'held');
    expect((await program.toggle('recent-only'))?.reason).toMatch(/parse_rfc3339_ns|builtin/);
    expect(usersOf(target, 'recent-only')).toEqual(['alice', 'dave']);
    await until('health tells of it', async () => (await program.get('/health')) === 500);
    await stack.publish('hugo', { country: 'US' });
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave', 'gina', 'hugo']);
    expect(since.keys()).not.toContain('recent-only');
    await stack.putPeople(PEOPLE);
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave']);
    await untilState('recent-only', 'in-sync');
    expect(since.keys()).not.toContain('recent-only');
    await until('health is good again', async () => (await program.get('/health')) === 200);
  });
});

describe('the guard', () => {
  it('lets nobody empty a placement of two or more, but one member, or one that may be empty', async () => {
    const since = mark(target);
    await stack.putLists({ ...LISTS, employees: [], lonely: [], passing: [], team_a: ['alice', 'bob'] });
    await untilHolds(target, 'lonely-one', []);
    await untilHolds(target, 'passing-by', []);
    await untilHolds(target, 'team-a', ['alice', 'bob']);
    await untilState('staff-tools', 'blocked');
    expect(usersOf(target, 'staff-tools')).toEqual(['alice', 'bob']);
    const [block] = (await program.status()).blocked;
    expect(block).toMatchObject({ scope: 'audience', toggle: 'staff-tools', revoked: 2, of: 2 });
    expect(await program.get('/health')).toBe(200);

    // The answer comes back: the block is gone without anybody's doing.
    await stack.putLists(LISTS);
    await untilState('staff-tools', 'in-sync');
    expect((await program.status()).blocked).toEqual([]);
    expect(since.keys()).not.toContain('staff-tools');
    await untilHolds(target, 'lonely-one', ['zoe']);
    await untilHolds(target, 'passing-by', ['alice', 'bob']);
    await untilHolds(target, 'team-a', ['alice']);
  });

  it('lets it through once somebody approves it from another process', async () => {
    await stack.putLists({ ...LISTS, employees: [] });
    const block = await until('the block', async () => (await program.status()).blocked[0]);
    const { code, stderr } = await runCommand(program.folder, block.approve.split(' ').slice(1));
    expect({ code, stderr }).toMatchObject({ code: 0 });
    await untilHolds(target, 'staff-tools', [], 5_000);
    await until('the block is over', async () => (await program.status()).blocked.length === 0);
    await stack.putLists(LISTS);
    await untilHolds(target, 'staff-tools', ['alice', 'bob']);
  });
});

describe('a target in trouble', () => {
  it('refuses one toggle for long: another one of the same policy loses its user at once', async () => {
    const lift = target.fault({ kind: 'status', status: 500 }, { key: 'us-feature', method: 'PATCH' });
    await stack.publish('gina', { country: 'US' });
    await untilHolds(target, 'us-banner', ['alice', 'carol', 'dave', 'gina']);
    await untilState('us-feature', 'failed');
    const since = mark(target);
    const began = performance.now();
    await stack.publish('dave', null);
    await untilHolds(target, 'us-banner', ['alice', 'carol', 'gina'], 5_000);
    await untilHolds(target, 'recent-only', ['alice'], 5_000);
    expect(performance.now() - began).toBeLessThan(5_000);
    await until('it is tried again and again', () => {
      return since.writes().filter(({ key }) => key === 'us-feature').length >= 3;
    });
    expect(usersOf(target, 'us-feature')).toEqual(['alice', 'carol', 'dave']);
    expect(await program.get('/health')).toBe(500);
    lift();
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'gina']);
    // No try sent an old list.
    for (const users of usersWritten(since.writes(), 'us-feature').slice(1)) expect(users).not.toContain('dave');
    await stack.putPeople(PEOPLE);
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave']);
    await untilHolds(target, 'us-banner', ['alice', 'carol', 'dave']);
    await untilHolds(target, 'recent-only', ['alice', 'dave']);
  });

  it('is down for a while: when it is back it gets the newest, and only that', async () => {
    await way.set({ kind: 'refuse' });
    const since = mark(target);
    await stack.publish('ivan', { country: 'US' });
    await until('the target is failing', async () => (await program.status()).targets[0]?.state === 'failing');
    await stack.publish('ivan', null);
    await stack.publish('judy', { country: 'US' });
    expect(await program.get('/health/live')).toBe(200);
    await until('health tells of it', async () => (await program.get('/health')) === 500);
    await way.set({ kind: 'reset' });
    const before = way.accepted;
    await until('it is tried for long', () => way.accepted >= before + 3);
    await way.set({ kind: 'none' });
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave', 'judy']);
    await untilHolds(target, 'us-banner', ['alice', 'carol', 'dave', 'judy']);
    expect(since.keys()).toEqual(['us-banner', 'us-feature']);
    for (const { text } of since.writes()) expect(text).not.toContain('ivan');
    await stack.putPeople(PEOPLE);
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave']);
    await untilHolds(target, 'us-banner', ['alice', 'carol', 'dave']);
  });
});

describe('OPAL in trouble', () => {
  it('restarts and forgets us: it is told again, and what changed meanwhile arrives', async () => {
    await stack.client.stop();
    stack.data.set('/users', { ...PEOPLE, kate: { country: 'US' } });
    const since = mark(target);
    await stack.client.startAgain();
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave', 'kate']);
    await until('the callback is back', async () => {
      const callbacks = await fetch(`${stack.client.url}/callbacks/optoggles-peers-example-opal`);
      return callbacks.status === 200;
    });
    for (const users of usersWritten(since.writes(), 'us-feature')) {
      expect(users).toEqual(['alice', 'carol', 'dave', 'kate']);
    }
    await stack.putPeople(PEOPLE);
    await untilHolds(target, 'us-feature', ['alice', 'carol', 'dave']);
  });

  it('logs no name, no token and no bearer', async () => {
    const log = await program.log();
    const bearers = target.requests.flatMap(({ headers }) => headers.authorization ?? []);
    for (const name of ['alice', 'carol', 'gina', 'judy', ...bearers]) expect(log).not.toContain(name);
    const callback = await fetch(`${stack.client.url}/callbacks/optoggles-peers-example-opal`);
    const registered = (await callback.json()) as { config: { headers: Record<string, string> } };
    const bearer = registered.config.headers['Authorization']?.replace('Bearer ', '');
    expect(bearer).toMatch(/^[\w-]{32,}$/);
    expect(log).not.toContain(bearer);
  });
});
