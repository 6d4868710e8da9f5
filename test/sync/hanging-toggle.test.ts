import { expect, test } from 'vitest';
import { createWorld, toggleOf } from '../support/world.ts';

const problem = { code: 'timeout', message: 'no whole answer within 10 s.' };

test('a write that hangs again and again is told, although others are written meanwhile', async () => {
  const world = createWorld({ toggles: [toggleOf('hangs'), toggleOf('fine')] });
  for (const rule of ['hangs', 'fine']) world.policy(rule, ['alice']);
  await world.start();
  world.target.fault = async change => {
    if (change.toggle !== 'hangs') return undefined;
    await world.clock.sleep(10_000);
    return { change: change.id, result: 'unanswered', problem };
  };
  await world.changes('hangs', ['alice', 'bob']);
  for (let second = 0; second < 60; second++) {
    await world.changes('fine', ['alice', `user ${second}`]);
    await world.clock.advance(1_000);
  }
  expect(world.line.targets[0]?.retries.worst()).toBeGreaterThanOrEqual(4);
});
