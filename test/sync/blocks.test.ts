import { describe, expect, test } from 'vitest';
import { createWorld, toggleOf } from '../support/world.ts';

const names = (count: number) => Array.from({ length: count }, (_, index) => `u${index}`);

describe('a block', () => {
  test('is over when the answer comes back', async () => {
    const world = createWorld();
    world.policy('beta', names(100));
    await world.start();
    await world.changes('beta', names(10));
    expect(world.store.blocks()).toHaveLength(1);
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
});
