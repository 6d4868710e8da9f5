import { describe, expect, test } from 'vitest';
import type { Config } from '../../src/domain/config.ts';
import { createEngine, type RunningEngine } from '../../src/sync/engine.ts';
import { createWorld, plainGuard, toggleOf, type World } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
const names = (count: number) => Array.from({ length: count }, (_, index) => `u${index}`);

async function engineOf(world: World): Promise<RunningEngine> {
  await world.start();
  const engine = createEngine({
    line: world.line,
    config: { instance: 'test', guard: plainGuard } as Config,
    store: world.store,
    clock: world.clock,
    version: '1.2.3',
    expired: () => [],
  });
  // What happened before the engine listened counts with the next change.
  await world.callback();
  return engine;
}

function stateOf(engine: RunningEngine, key: string) {
  return engine.status().toggles.find(toggle => toggle.key === key);
}

test('a sync that cannot be written down, on a full disk, is done all the same, and its asker hears of it', async () => {
  const world = createWorld();
  world.policy('beta', ['alice']);
  const engine = await engineOf(world);
  world.policy('beta', ['bob']);
  const audit = world.store.audit.bind(world.store);
  Object.assign(world.store, {
    audit(entry: Parameters<typeof audit>[0]) {
      if (entry.what === 'started') throw new Error('database or disk is full');
      audit(entry);
    },
  });
  expect(() => engine.sync('oncall')).toThrow('full');
  await world.clock.advance(1_000);
  expect(world.target.members('beta', 'production')).toEqual(['bob']);
});

describe('status', () => {
  test('says of each placement how it stands, how many have it and where that comes from', async () => {
    const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('dark', { state: 'off' }), toggleOf('lost')] });
    world.policy('beta', ['alice', 'bob']);
    const engine = await engineOf(world);
    expect(stateOf(engine, 'beta')).toMatchObject({
      target: 'rest',
      environment: 'production',
      state: 'in-sync',
      users: 2,
      source: 'opal',
      rule: 'app.beta',
      revision: 'r1',
      reason: null,
    });
    expect(stateOf(engine, 'dark')?.state).toBe('off');
    expect(stateOf(engine, 'lost')?.state).toBe('held');
    expect(engine.status().sources).toMatchObject([{ id: 'opal', state: 'ready', error: null }]);
  });

  test('is one object until something changes', async () => {
    const world = createWorld();
    world.policy('beta', ['alice']);
    const engine = await engineOf(world);
    expect(engine.status()).toBe(engine.status());
    const before = engine.status();
    await world.changes('beta', ['bob']);
    expect(engine.status()).not.toBe(before);
  });

  test('blocked, failed and removed are told with their reason, and the block with its command', async () => {
    const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('bad'), toggleOf('gone')] });
    world.policy('beta', names(100));
    world.policy('bad', ['alice']);
    world.policy('gone', ['alice']);
    const engine = await engineOf(world);
    world.target.fault = change =>
      change.toggle === 'bad' ? { change: change.id, result: 'failed', problem, scope: 'change' } : undefined;
    world.policy('bad', ['alice', 'bob']);
    world.policy('beta', names(10));
    world.toggles.delete('gone');
    world.line.rescan();
    await world.clock.advance(2_000);
    expect(stateOf(engine, 'beta')).toMatchObject({ state: 'blocked', users: 100 });
    expect(stateOf(engine, 'bad')).toMatchObject({ state: 'failed', reason: 'It is out of order. Wait.' });
    expect(stateOf(engine, 'gone')?.state).toBe('removed');
    const [block] = engine.status().blocked;
    expect(block).toMatchObject({ scope: 'audience', toggle: 'beta', revoked: 90, of: 100 });
    expect(block?.approve).toBe(`optoggles approve ${block?.id}`);
  });
});

describe('health', () => {
  test('starts once every source was reached and every toggle was created', async () => {
    const world = createWorld();
    world.source.down = problem;
    const engine = await engineOf(world);
    expect(engine.health().phase).toBe('starting');
    world.policy('beta', ['alice']);
    world.source.down = undefined;
    await world.clock.advance(16_000);
    expect(engine.health()).toMatchObject({
      phase: 'ok',
      sources: { ready: 1 },
      toggles: { 'in-sync': 1 },
      blocked: 0,
    });
  });

  test('an undefined rule and a block are no failure; a query or a write that keeps failing is', async () => {
    const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('big')] });
    world.policy('big', names(100));
    const engine = await engineOf(world);
    await world.changes('big', []);
    expect(engine.health()).toMatchObject({ phase: 'ok', blocked: 1, toggles: { held: 1, blocked: 1 } });
    world.target.fault = change => ({ change: change.id, result: 'failed', problem, scope: 'change' });
    await world.changes('beta', ['alice']);
    expect(engine.health().phase).toBe('ok');
    await world.clock.advance(2_000);
    expect(engine.health().phase).toBe('failing');
    world.target.fault = () => undefined;
    await world.clock.advance(20_000);
    expect(engine.health().phase).toBe('ok');
    world.source.down = problem;
    await world.callback();
    await world.clock.advance(2_000);
    expect(engine.health().phase).toBe('failing');
  });
});

describe('an approval', () => {
  test('lets the block through, holds for an hour, and is unknown for another id', async () => {
    const world = createWorld();
    world.policy('beta', names(20));
    const engine = await engineOf(world);
    await world.changes('beta', names(2));
    expect(engine.approve('nothing', 'oncall')).toBeUndefined();
    const id = engine.status().blocked[0]?.id ?? '';
    const until = new Date(world.clock.now() + 3_600_000).toISOString();
    expect(engine.approve(id, 'oncall')).toEqual({ id, until });
    await world.clock.advance(100);
    expect(world.target.members('beta', 'production')).toHaveLength(2);
    expect(engine.status().blocked).toEqual([]);
  });
});

describe('gauges', () => {
  test('count what is still to be revoked and tell its age', async () => {
    const world = createWorld();
    world.policy('beta', ['alice', 'bob', 'carol']);
    const engine = await engineOf(world);
    world.target.fault = change => ({ change: change.id, result: 'failed', problem, scope: 'change' });
    await world.changes('beta', ['alice']);
    await world.clock.advance(10_000);
    const { outstanding } = engine.gauges();
    expect(outstanding.rest?.count).toBe(2);
    expect(outstanding.rest?.oldest).toBeGreaterThanOrEqual(9);
    world.target.fault = () => undefined;
    await world.clock.advance(20_000);
    expect(engine.gauges().outstanding.rest).toEqual({ count: 0, oldest: 0 });
  });

  test('tell how long a toggle has been held', async () => {
    const world = createWorld();
    const engine = await engineOf(world);
    await world.clock.advance(30_000);
    const [held] = engine.gauges().held;
    expect(held).toMatchObject({ toggle: 'beta', target: 'rest', environment: 'production' });
    expect(held?.seconds).toBeGreaterThanOrEqual(29);
  });
});
