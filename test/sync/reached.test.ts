import { expect, test } from 'vitest';
import { targetStatus } from '../../src/sync/status.ts';
import { createWorld, toggleOf } from '../support/world.ts';

const problem = { code: 'unreachable', message: 'Nobody listens there.', hint: 'Start it.' };

test('a target of which nothing can be read was not reached and does not agree; one toggle alone is held alone', async () => {
  const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('gamma')] });
  world.policy('beta', ['alice']);
  world.policy('gamma', ['bob']);
  const read = world.target.read?.bind(world.target);
  let down: readonly string[] = ['beta', 'gamma'];
  world.target.read = async (want, signal) => {
    const { listings = [], ...rest } = (await read?.(want, signal)) ?? {};
    return {
      ...rest,
      listings: listings.filter(({ key }) => !down.includes(key)),
      unreadable: down.map(key => ({ key, problem })),
    };
  };
  await world.start();
  await world.clock.advance(5_000);
  const [lane] = world.line.targets;
  const status = () => world.line.targets.map(targetStatus)[0];
  expect(world.line.started()).toBe(false);
  expect(lane?.lastSyncAt).toBeUndefined();
  expect(status()).toMatchObject({ state: 'failing', error: expect.stringContaining('Nobody listens there.') });

  down = ['gamma'];
  await world.clock.advance(20_000);
  expect(world.target.members('beta', 'production')).toEqual(['alice']);
  expect(world.target.members('gamma', 'production')).toBeUndefined();
  expect(world.line.started()).toBe(true);
  expect(lane?.lastSyncAt).toBeUndefined();
  expect(status()).toMatchObject({ state: 'ok', error: null });

  down = [];
  await world.clock.advance(20_000);
  expect(world.target.members('gamma', 'production')).toEqual(['bob']);
  expect(lane?.lastSyncAt).toBeGreaterThan(0);
});
