import { describe, expect, test } from 'vitest';
import { createWorld } from '../support/world.ts';

/** A world whose source decides itself when it has to be looked at before it answers. */
async function worldThatLooks(when: () => boolean) {
  const world = createWorld();
  const ask = world.source.resolve.bind(world.source);
  Object.assign(world.source, {
    looksItself: true,
    async *resolve(...[asks, signal, look]: Parameters<typeof world.source.resolve>) {
      if (when()) await look?.();
      yield* ask(asks, signal);
    },
  });
  world.policy('beta', ['alice', 'bob']);
  await world.start();
  world.source.looks = 0;
  return world;
}

describe('a source that looks itself', () => {
  test('is looked at once, after its answers, where these hold the proof', async () => {
    const world = await worldThatLooks(() => false);
    await world.changes('beta', ['alice']);
    expect(world.source.looks).toBe(1);
    expect(world.target.members('beta', 'production')).toEqual(['alice']);
  });

  test('is looked at before and after, where they do not', async () => {
    const world = await worldThatLooks(() => true);
    await world.changes('beta', ['alice']);
    expect(world.source.looks).toBe(2);
    expect(world.target.members('beta', 'production')).toEqual(['alice']);
  });

  test('that is suspect at that look takes from nobody', async () => {
    const world = await worldThatLooks(() => true);
    world.source.state = 'suspect';
    await world.changes('beta', []);
    expect(world.target.members('beta', 'production')).toEqual(['alice', 'bob']);
  });

  test('that became ready after that look is asked again', async () => {
    const world = await worldThatLooks(() => true);
    world.source.state = 'suspect';
    world.source.before = () => {
      world.source.state = 'ready';
    };
    const asked = world.source.asked.length;
    await world.changes('beta', ['alice']);
    await world.clock.advance(20_000);
    expect(world.source.asked.length - asked).toBe(2);
    expect(world.target.members('beta', 'production')).toEqual(['alice']);
  });

  test('that restarted since the last look has its answers thrown away, and is looked at before the next', async () => {
    const world = await worldThatLooks(() => false);
    world.source.before = () => {
      world.source.instance = 'opa-2';
      world.source.state = 'suspect';
    };
    await world.changes('beta', []);
    await world.clock.advance(20_000);
    expect(world.target.members('beta', 'production')).toEqual(['alice', 'bob']);
  });
});
