import { expect, test } from 'vitest';
import { createWorld, toggleOf } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };

test('a removal that failed is tried again, though the folder is looked at in between', async () => {
  const world = createWorld({ toggles: [toggleOf('a'), toggleOf('b')], targets: [{ name: 'rest', readable: false }] });
  world.policy('a', ['alice']);
  world.policy('b', ['bob']);
  await world.start();
  world.target.fault = change => ({ change: change.id, result: 'unanswered', problem });
  world.toggles.delete('a');
  world.line.rescan();
  await world.clock.advance(1_000);
  world.line.rescan();
  await world.clock.advance(30_000);
  world.target.fault = () => undefined;
  await world.clock.advance(20_000);
  expect(world.target.members('a', 'production')).toEqual([]);
});

test('without a state a file that is not there yet is no removal: the folder is looked at twice', async () => {
  const world = createWorld({ toggles: [toggleOf('a'), toggleOf('b')] });
  world.policy('a', ['alice']);
  world.policy('b', ['bob']);
  await world.start();
  const fresh = createWorld({ toggles: [toggleOf('b')] });
  for (const [key, listing] of world.target.listings) fresh.target.listings.set(key, listing);
  fresh.policy('a', ['alice']);
  fresh.policy('b', ['bob']);
  await fresh.start();
  await fresh.clock.advance(400);
  fresh.toggles.set('a', toggleOf('a'));
  await fresh.clock.advance(5_000);
  expect(fresh.target.writes.filter(write => write.includes(' a '))).toEqual([]);
  fresh.toggles.delete('a');
  fresh.line.rescan();
  await fresh.clock.advance(5_000);
  expect(fresh.target.members('a', 'production')).toEqual([]);
});

test('without a state what no file names is closed once two scans agree', async () => {
  const world = createWorld({ toggles: [toggleOf('a')] });
  world.policy('a', ['alice']);
  await world.start();
  const fresh = createWorld({ toggles: [toggleOf('b')] });
  for (const [key, listing] of world.target.listings) fresh.target.listings.set(key, listing);
  fresh.policy('b', ['bob']);
  await fresh.start();
  await fresh.clock.advance(1_000);
  expect(fresh.target.members('a', 'production')).toEqual([]);
});
