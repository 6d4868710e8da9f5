import { describe, expect, test } from 'vitest';
import { createWorld, toggleOf } from '../support/world.ts';

const names = (count: number) => Array.from({ length: count }, (_, index) => `u${index}`);

/** A world with one block: of 100 users ten are left. */
async function blocked() {
  const world = createWorld();
  world.policy('beta', names(100));
  await world.start();
  await world.changes('beta', names(10));
  const before = world.store.blocks();
  expect(before).toMatchObject([{ reason: 'revocations' }]);
  return { world, before };
}

describe('a block', () => {
  test('is over when the answer comes back', async () => {
    const { world } = await blocked();
    await world.changes('beta', names(99));
    expect(world.store.blocks()).toEqual([]);
    expect(world.target.members('beta', 'production')).toHaveLength(99);
  });

  test('of a sum is over with the window, in a target that cannot be read too', async () => {
    const toggles = Array.from({ length: 10 }, (_, index) => toggleOf(`t${index}`));
    const world = createWorld({ toggles, targets: [{ name: 'rest', readable: false }] });
    const seven = (members: readonly string[]): void => {
      for (const { key } of toggles.slice(0, 7)) world.policy(key, members);
    };
    for (const { key } of toggles) world.policy(key, names(10));
    await world.start();
    await world.clock.advance(700_000);
    seven(names(7));
    await world.callback();
    expect(world.target.members('t0', 'production')).toHaveLength(7);
    seven(names(5));
    await world.callback();
    expect(world.store.blocks()).toMatchObject([{ scope: 'source', reason: 'revocations' }]);
    await world.clock.advance(1_300_000);
    expect(world.store.blocks()).toEqual([]);
    expect(world.target.members('t0', 'production')).toHaveLength(5);
  });

  test('that is there at a start is the same one once its answer has come', async () => {
    const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('other')] });
    world.policy('beta', names(100));
    world.policy('other', names(100));
    await world.start();
    await world.changes('beta', names(10));
    await world.changes('other', names(10));
    const before = world.store.blocks();
    expect(before).toHaveLength(2);
    await world.clock.advance(60_000);
    world.policy('other', names(100));
    await world.restart();
    await world.clock.advance(5_000);
    expect(world.store.blocks()).toEqual(before.filter(({ placements }) => placements[0]?.toggle === 'beta'));
    const lines = [...world.store.auditLog()].filter(({ what }) => what === 'blocked' || what === 'withdrawn');
    expect(lines.map(({ what, toggle }) => `${what} ${toggle}`)).toEqual([
      'blocked beta',
      'blocked other',
      'withdrawn other',
    ]);
  });

  test('is not over because its source does not answer at a start', async () => {
    const { world, before } = await blocked();
    world.source.before = () => new Promise<never>(() => {});
    await world.restart();
    await world.clock.advance(60_000);
    expect(world.store.blocks()).toEqual(before);
  });

  test('of removals is not over before it is known what is gone', async () => {
    const toggles = Array.from({ length: 10 }, (_, index) => toggleOf(`t${index}`));
    const world = createWorld({ toggles });
    for (const { key } of toggles) world.policy(key, ['alice']);
    await world.start();
    for (const { key } of toggles.slice(0, 7)) world.toggles.delete(key);
    world.line.rescan();
    await world.clock.advance(5_000);
    const before = world.store.blocks();
    expect(before).toMatchObject([{ scope: 'removal' }]);
    await world.clock.advance(60_000);
    const restarted = world.restart();
    await world.clock.advance(5_000);
    await restarted;
    expect(world.store.blocks()).toEqual(before);
    expect([...world.store.auditLog()].filter(({ what }) => what === 'withdrawn')).toEqual([]);
    for (const { key } of toggles) world.toggles.set(key, toggleOf(key));
    world.line.rescan();
    await world.clock.advance(5_000);
    expect(world.store.blocks()).toEqual([]);
  });

  test('is neither over nor new because another write into its placement hangs', async () => {
    const { world, before } = await blocked();
    world.target.fault = async change => {
      await world.clock.sleep(30_000);
      return { change: change.id, result: 'unanswered', problem: { code: 'timeout', message: 'no answer.' } };
    };
    const until = world.clock.now() + 3_600_000;
    world.store.override({ kind: 'deny', member: 'u1' }, { until, by: 'oncall', reason: '' }, world.clock.now());
    world.line.overridden();
    for (let second = 0; second < 40; second++) {
      await world.clock.advance(1_000);
      world.line.syncAll();
      expect(world.store.blocks().map(({ since }) => since)).toEqual(before.map(({ since }) => since));
    }
    expect(world.target.writes.length).toBeGreaterThan(0);
    world.target.fault = () => undefined;
    await world.changes('beta', names(99));
    await world.clock.advance(60_000);
    expect(world.store.blocks()).toEqual([]);
    expect(world.target.members('beta', 'production')).toHaveLength(98);
  });
});
