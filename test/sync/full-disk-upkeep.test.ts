import { expect, test } from 'vitest';
import { ProblemError } from '../../src/domain/problem.ts';
import { keepUp } from '../../src/sync/upkeep.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createWorld, plainGuard } from '../support/world.ts';

const full = new ProblemError({ code: 'state-full', message: 'The disk is full.', hint: 'Make room.' });
const throws = () => {
  throw full;
};

test('a full disk ends nothing when the state is pruned', async () => {
  const clock = createFakeClock();
  const stop = keepUp({ prune: throws, sealAudit: throws }, { guard: plainGuard }, clock);
  await clock.advance(3 * 3_600_000);
  expect(clock.waiting).toBe(2);
  stop();
});

test('what an operator said for a time is over then, also while the disk is full', async () => {
  const world = createWorld();
  world.policy('beta', ['alice', 'bob']);
  await world.start();
  const { line, store, clock } = world;
  const now = clock.now();
  const facts = { until: now + 10_000, by: 'oncall', reason: 'trouble' };
  store.override({ kind: 'deny', member: 'bob' }, facts, now);
  line.overridden();
  await clock.advance(1_000);
  expect(world.target.members('beta', 'production')).toEqual(['alice']);
  const expire = store.expireOverrides.bind(store);
  Object.assign(store, { expireOverrides: (at: number) => (at > now + 10_000 ? throws() : expire(at)) });
  await clock.advance(10_000);
  line.overridden();
  expect(line.overriding.list).toEqual([]);
  await line.stop();
});
