import { expect, test } from 'vitest';
import { judge, type Look } from '../../src/audience/judge.ts';
import { createRetries } from '../../src/sync/retries.ts';
import { stormOver } from '../../src/sync/storm.ts';
import { createSettableClock } from '../support/fake-clock.ts';
import { createWorld } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
const hour = 3_600_000;

test('a retry waits no longer when the clock is set back', async () => {
  const clock = createSettableClock();
  const retries = createRetries(clock, () => 1);
  retries.failed('a', problem);
  retries.hold(problem);
  clock.set(-hour);
  expect(retries.mayTry('a')).toBe(false);
  await clock.advance(500);
  expect(retries.mayTry('a')).toBe(true);
  expect(retries.isHeld()).toBe(false);
});

test('a storm of callbacks is over at once when the clock was set back in it', async () => {
  const clock = createSettableClock();
  const last = clock.now();
  clock.set(-hour);
  await stormOver({ clock, signal: new AbortController().signal, lastAt: () => last });
  expect(clock.waiting).toBe(0);
});

test('two OPAs that took turns are forgotten two minutes later, also when the clock was set back', () => {
  const look = (instanceId: string, now: number): Look => {
    return { instanceId, sentinels: 'held', failing: [], systemOpal: undefined, read: [], reloads: false, now };
  };
  let seen = judge(look('one', hour), undefined).seen;
  for (const [at, id] of ['two', 'one'].entries()) seen = judge(look(id, hour + at + 1), seen).seen;
  const back = judge(look('one', 10), seen);
  expect(back.readiness.state).toBe('suspect');
  expect(judge(look('one', 10 + 120_000), back.seen).readiness.state).toBe('ready');
});

test('an answer that is older than the clock says starts no write', async () => {
  const world = createWorld();
  world.policy('beta', ['alice', 'bob']);
  await world.start();
  world.target.fault = change => ({ change: change.id, result: 'failed', problem, scope: 'change' });
  await world.changes('beta', ['alice']);
  // It is not told that bob is back.
  world.policy('beta', ['alice', 'bob']);
  const now = world.clock.now.bind(world.clock);
  Object.assign(world.clock, { now: () => now() - hour, steady: now });
  world.target.fault = () => undefined;
  await world.clock.advance(20_000);
  expect(world.target.members('beta', 'production')).toEqual(['alice', 'bob']);
  await world.line.stop();
});
