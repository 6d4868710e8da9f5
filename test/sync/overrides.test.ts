import { describe, expect, test } from 'vitest';
import type { OverrideSubject } from '../../src/domain/override.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { createWorld, toggleOf, type World } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
const names = (count: number) => Array.from({ length: count }, (_, index) => `u${index}`);

/** Says it, and lets everything happen that needs no time. Gives its id. */
async function say(world: World, subject: OverrideSubject, until: number | null = null): Promise<string> {
  const { id } = world.store.override(subject, { until, by: 'oncall', reason: 'an incident' }, world.clock.now());
  world.line.overridden();
  await world.clock.advance(0);
  return id;
}

async function takeBack(world: World, ...ids: readonly string[]): Promise<void> {
  world.store.resume(ids, 'oncall', world.clock.now());
  world.line.overridden();
  await world.clock.advance(0);
}

const deny = (member: string) => ({ kind: 'deny', member }) as const;
const off = (toggle: string, environment: string | null = null) => ({ kind: 'off', toggle, environment }) as const;
const pause = (what: 'source' | 'target' | 'toggle', name: string) => ({ kind: 'pause', what, name }) as const;

const members = (world: World, key = 'beta') => world.target.members(key, 'production');

async function started(users: readonly string[] = ['alice', 'bob']): Promise<World> {
  const world = createWorld();
  world.policy('beta', users);
  await world.start();
  return world;
}

describe('a denied user', () => {
  test('loses it at once, is let in by no answer, and comes back when that is taken back', async () => {
    const world = await started();
    const id = await say(world, deny('alice'));
    expect(members(world)).toEqual(['bob']);
    await world.changes('beta', ['alice', 'bob', 'carol']);
    expect(members(world)).toEqual(['bob', 'carol']);
    await takeBack(world, id);
    expect(members(world)).toEqual(['alice', 'bob', 'carol']);
  });

  test.each([
    ['policy is undefined', (world: World) => world.policy('beta', undefined)],
    ['the source is down', (world: World) => void (world.source.down = problem)],
    ['the guard blocks', (world: World) => world.policy('beta', ['u0'])],
  ])('loses it while %s', async (_, happens) => {
    const world = await started(names(20));
    happens(world);
    await world.callback();
    await world.clock.advance(60_000);
    await say(world, deny('u7'));
    expect(members(world)).toHaveLength(19);
    expect(members(world)).not.toContain('u7');
  });

  test('loses it before a source that takes its time has answered again', async () => {
    const world = await started();
    await world.clock.advance(60_000);
    world.source.before = () => world.clock.sleep(60_000);
    world.policy('beta', ['alice', 'bob', 'carol']);
    await world.callback();
    await say(world, deny('alice'));
    expect(members(world)).toEqual(['bob']);
  });

  test('loses it at a target that is tried again only later, and not before a time that the platform named', async () => {
    const world = await started();
    world.target.fault = change => ({ change: change.id, result: 'failed', problem, scope: 'target' });
    await world.changes('beta', ['alice', 'bob', 'dave']);
    await world.clock.advance(5_000);
    world.target.fault = () => undefined;
    await say(world, deny('alice'));
    expect(members(world)).not.toContain('alice');
    world.target.fault = change => ({
      change: change.id,
      result: 'failed',
      problem,
      scope: 'target',
      retryAfter: 9_000,
    });
    await world.changes('beta', ['bob', 'carol']);
    world.target.fault = () => undefined;
    await say(world, deny('bob'));
    expect(members(world)).toContain('bob');
    await world.clock.advance(9_000);
    expect(members(world)).toEqual(['carol']);
  });

  test('comes back by itself when the time is over', async () => {
    const world = await started();
    await say(world, deny('alice'), world.clock.now() + 10_000);
    await world.clock.advance(9_999);
    world.line.overridden();
    await world.clock.advance(0);
    expect(members(world)).toEqual(['bob']);
    await world.clock.advance(1);
    world.line.overridden();
    await world.clock.advance(0);
    expect(members(world)).toEqual(['alice', 'bob']);
  });
});

describe('a toggle that is switched off', () => {
  test('is off at once, whatever the policy and the source say, and comes back as policy then says', async () => {
    const world = await started();
    world.source.down = problem;
    await world.callback();
    const id = await say(world, off('beta'));
    expect(members(world)).toEqual([]);
    await takeBack(world, id);
    expect(members(world)).toEqual([]);
    world.source.down = undefined;
    await world.changes('beta', ['bob']);
    expect(members(world)).toEqual(['bob']);
  });

  test('comes back with the many who had it, after the window too, and asks nobody; more than those are asked about', async () => {
    const world = await started(names(200));
    const id = await say(world, off('beta'));
    await world.clock.advance(24 * 3_600_000);
    await takeBack(world, id);
    await world.callback();
    expect(members(world)).toHaveLength(200);
    expect(world.store.blocks()).toEqual([]);

    const again = await say(world, off('beta'));
    await world.clock.advance(24 * 3_600_000);
    await world.changes('beta', names(500));
    await takeBack(world, again);
    expect(members(world)).toEqual([]);
    expect(world.store.blocks()).toMatchObject([{ reason: 'grants' }]);
  });
});

describe('what is paused', () => {
  test('a source: its answers change nothing until it goes on', async () => {
    const world = await started();
    const id = await say(world, pause('source', 'opal'));
    await world.changes('beta', ['carol']);
    expect(members(world)).toEqual(['alice', 'bob']);
    expect(world.line.targets[0]?.plan?.held).toMatchObject([{ reason: 'paused' }]);
    await takeBack(world, id);
    expect(members(world)).toEqual(['carol']);
  });

  test.each([pause('target', 'rest'), pause('toggle', 'beta')])(
    '$what $name: nothing is written to it',
    async subject => {
      const world = await started();
      const id = await say(world, subject);
      const writes = world.target.writes.length;
      await world.changes('beta', ['carol']);
      world.toggles.set('beta', toggleOf('beta', { name: 'another' }));
      world.line.rescan();
      await world.clock.advance(700_000);
      expect(world.target.writes).toHaveLength(writes);
      await takeBack(world, id);
      await world.clock.advance(0);
      expect(members(world)).toEqual(['carol']);
      expect(world.target.listings.get('beta')?.metadata).toEqual({ title: 'another' });
    },
  );

  test('is held, but who is denied goes and what is switched off goes off', async () => {
    const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('gamma')] });
    world.policy('beta', ['alice', 'bob']);
    world.policy('gamma', ['alice', 'bob']);
    await world.start();
    await say(world, pause('target', 'rest'));
    await say(world, deny('alice'));
    await say(world, off('gamma'));
    expect(members(world)).toEqual(['bob']);
    expect(members(world, 'gamma')).toEqual([]);
  });
});

test('a restart keeps all of it', async () => {
  const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('gamma'), toggleOf('delta')] });
  for (const key of ['beta', 'gamma', 'delta']) world.policy(key, ['alice', 'bob']);
  await world.start();
  await say(world, deny('alice'));
  await say(world, off('gamma'));
  await say(world, pause('toggle', 'delta'));
  for (const key of ['beta', 'gamma', 'delta']) world.policy(key, ['alice', 'carol']);
  await world.restart();
  await world.clock.advance(10_000);
  expect(members(world)).toEqual(['carol']);
  expect(members(world, 'gamma')).toEqual([]);
  expect(members(world, 'delta')).toEqual(['bob']);
});

test('what is already so is not written again, and answers that change nothing write nothing', async () => {
  const world = await started();
  await say(world, deny('alice'));
  await say(world, off('beta'));
  const writes = world.target.writes.length;
  await world.callback();
  await say(world, deny('mallory'));
  await world.clock.advance(700_000);
  expect(world.target.writes).toHaveLength(writes);
});

test('no name of a denied user is in the log, the plan or the status', async () => {
  const said: unknown[] = [];
  const collect = (fields: object, message: string) => void said.push(fields, message);
  const log: Log = { ...silentLog, debug: collect, info: collect, warn: collect, error: collect, child: () => log };
  const world = createWorld({ log });
  world.policy('beta', ['canary-alice', 'bob']);
  await world.start();
  await say(world, deny('canary-alice'));
  expect(said).toContainEqual(`user ${world.store.memberTag('canary-alice')} is denied, by oncall`);
  const { overrides } = world.line.planAll();
  expect(overrides).toMatchObject([{ kind: 'deny', by: 'oncall', reason: 'an incident' }]);
  const audit = [...world.store.auditLog()];
  expect(JSON.stringify([said, overrides, audit])).not.toContain('canary');
});
