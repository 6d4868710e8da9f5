import { expect, test } from 'vitest';
import { createWorld, toggleOf } from '../support/world.ts';

const halfASecond = 500;

test('a toggle that comes back is filled at once, although its source gives the answer that it gave before', async () => {
  const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('gamma')] });
  world.policy('beta', ['alice']);
  world.policy('gamma', ['bob']);
  await world.start();

  world.toggles.delete('gamma');
  world.line.rescan();
  await world.clock.advance(halfASecond);
  expect(world.target.members('gamma', 'production')).toEqual([]);

  // The target is planned before the source answers, as with any real source.
  world.source.before = () => world.clock.sleep(10, new AbortController().signal);
  world.toggles.set('gamma', toggleOf('gamma'));
  world.line.rescan();
  await world.clock.advance(10);
  expect(world.target.members('gamma', 'production')).toEqual(['bob']);
  expect(world.line.targets[0]?.plan?.held).toEqual([]);
});
