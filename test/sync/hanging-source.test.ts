import { expect, test } from 'vitest';
import { createWorld } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };

test('a write that waits for an answer of a source that hangs is not planned over and over', async () => {
  const world = createWorld();
  world.policy('beta', ['alice', 'bob']);
  await world.start();
  world.target.fault = change => ({ change: change.id, result: 'failed', problem, scope: 'change' });
  await world.changes('beta', ['alice']);
  const hanging = Promise.withResolvers<void>();
  world.source.before = () => hanging.promise;
  await world.clock.advance(5_100);
  let plans = 0;
  const save = world.store.saveBlocks.bind(world.store);
  Object.assign(world.store, { saveBlocks: (...args: Parameters<typeof save>) => (plans++, save(...args)) });
  await world.clock.advance(60_000);
  expect(plans).toBeLessThan(130);
  world.target.fault = () => undefined;
  world.source.before = () => {};
  hanging.resolve();
  await world.clock.advance(1_000);
  expect(world.target.members('beta', 'production')).toEqual(['alice']);
  await world.line.stop();
});
