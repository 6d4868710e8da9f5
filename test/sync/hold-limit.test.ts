import { expect, test } from 'vitest';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { createWorld, toggleOf, type World } from '../support/world.ts';

const hour = 3_600_000;
const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
const names = (count: number) => Array.from({ length: count }, (_, index) => `u${index}`);
const members = (world: World, key = 'beta') => world.target.members(key, 'production');

async function started(log: Log = silentLog, users: readonly string[] = ['alice', 'bob']): Promise<World> {
  const world = createWorld({ maxHold: hour, log, toggles: [toggleOf('beta'), toggleOf('gamma')] });
  world.policy('beta', users);
  world.policy('gamma', ['carol']);
  await world.start();
  return world;
}

/** Time passes in steps, as it does with a source that is asked again and again. */
async function pass(world: World, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 60_000) await world.clock.advance(Math.min(left, 60_000));
}

test('what has no answer for that long is closed, is warned of before, and opens with the next answer', async () => {
  const said: string[] = [];
  const log: Log = { ...silentLog, warn: (_, text) => void said.push(text), error: (_, text) => void said.push(text) };
  const world = await started(log);
  await world.changes('beta', undefined);
  await pass(world, hour / 2 - 60_000);
  expect(said.join('\n')).not.toContain('maxHold');
  await pass(world, 120_000);
  expect(said.filter(text => text.includes('without one they are closed at'))).toHaveLength(1);
  await pass(world, hour / 2 - 120_000);
  expect(members(world)).toEqual(['alice', 'bob']);
  await pass(world, 120_000);
  expect(members(world)).toEqual([]);
  expect(members(world, 'gamma')).toEqual(['carol']);
  const closed = said.filter(text => text.includes('they are closed until one comes'));
  expect(closed).toHaveLength(1);
  await pass(world, 3 * hour);
  expect(world.store.blocks()).toEqual([]);
  await world.changes('beta', ['bob', 'dave']);
  expect(members(world)).toEqual(['bob', 'dave']);
  const audit = [...world.store.auditLog()].filter(
    ({ toggle, causes }) => toggle === 'beta' && causes?.includes('operator'),
  );
  expect(audit).toMatchObject([{ what: 'written', revoked: 2, causes: ['operator'] }]);
});

test('an answer in time begins anew, and a source that is down counts', async () => {
  const world = await started();
  await world.changes('beta', undefined);
  await pass(world, hour - 60_000);
  await world.changes('beta', ['alice', 'bob']);
  await world.changes('beta', undefined);
  await pass(world, hour - 60_000);
  expect(members(world)).toEqual(['alice', 'bob']);
  world.source.down = problem;
  await world.callback();
  await pass(world, 120_000);
  expect(members(world)).toEqual([]);
  expect(members(world, 'gamma')).toEqual(['carol']);
  await pass(world, hour);
  expect(members(world, 'gamma')).toEqual([]);
});

test('the many who had it come back without being asked about', async () => {
  const world = await started(silentLog, names(200));
  await world.changes('beta', undefined);
  await pass(world, hour + 60_000);
  expect(members(world)).toEqual([]);
  await pass(world, hour);
  await world.changes('beta', names(200));
  expect(members(world)).toHaveLength(200);
});

test('a restart goes on counting, and closes nothing before the source was asked', async () => {
  const world = await started();
  await world.changes('beta', undefined);
  await pass(world, hour - 120_000);
  await world.line.stop();
  await world.clock.advance(2 * hour);
  world.policy('beta', ['alice', 'bob']);
  await world.start();
  await pass(world, 60_000);
  expect(world.target.writes.filter(id => id === 'placement beta rest production')).toHaveLength(1);
  expect(members(world)).toEqual(['alice', 'bob']);
  await world.changes('beta', undefined);
  await pass(world, hour / 2);
  await world.restart();
  await pass(world, hour / 2 + 60_000);
  expect(members(world)).toEqual([]);
});

test('what an operator paused is not closed', async () => {
  const world = await started();
  world.store.override({ kind: 'pause', what: 'source', name: 'opal' }, { until: null, by: 'x', reason: '' }, 0);
  world.line.overridden();
  await world.changes('beta', undefined);
  await pass(world, 2 * hour);
  expect(members(world)).toEqual(['alice', 'bob']);
});
