import { describe, expect, test } from 'vitest';
import { createWorld, toggleOf } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
const never = new Promise<never>(() => {});

describe('what goes out first', () => {
  test('state off does not wait for a source that hangs', async () => {
    const world = createWorld();
    world.policy('beta', ['alice', 'bob']);
    await world.start();
    await world.clock.advance(60_000);
    world.source.before = () => never;
    world.toggles.set('beta', toggleOf('beta', { state: 'off' }));
    world.line.rescan();
    await world.clock.advance(1_000);
    expect(world.target.members('beta', 'production')).toEqual([]);
  });

  test('what a batch has not sent yet is planned anew when a newer answer comes', async () => {
    const world = createWorld({ toggles: [toggleOf('a'), toggleOf('b'), toggleOf('c')] });
    for (const rule of ['a', 'b', 'c']) world.policy(rule, ['alice']);
    await world.start();
    let answer: () => void = () => {};
    world.target.fault = change => {
      if (change.toggle !== 'a') return undefined;
      world.target.fault = () => undefined;
      return new Promise(resolve => {
        answer = () => resolve(undefined);
      });
    };
    for (const rule of ['a', 'b', 'c']) world.policy(rule, ['alice', 'mallory']);
    await world.callback();
    for (const rule of ['a', 'b', 'c']) world.policy(rule, ['alice']);
    await world.callback();
    world.target.writes.length = 0;
    answer();
    await world.clock.advance(1_000);
    expect(world.target.writes).toEqual(['placement a rest production']);
    expect(world.target.members('b', 'production')).toEqual(['alice']);
    expect(world.target.members('a', 'production')).toEqual(['alice']);
  });

  test('grants wait for a hung revocation for two seconds, not longer', async () => {
    const world = createWorld({ toggles: [toggleOf('gains'), toggleOf('loses')] });
    world.policy('gains', ['alice']);
    world.policy('loses', ['alice', 'bob']);
    await world.start();
    world.target.fault = change => (change.toggle === 'loses' ? never : undefined);
    world.policy('gains', ['alice', 'carol']);
    await world.changes('loses', ['alice']);
    await world.clock.advance(1_900);
    expect(world.target.members('gains', 'production')).toEqual(['alice']);
    await world.clock.advance(200);
    expect(world.target.members('gains', 'production')).toEqual(['alice', 'carol']);
  });

  test('a hung revocation holds up no newer one, only grants, and no longer than before', async () => {
    const world = createWorld({ toggles: ['hangs', 'loses', 'gains'].map(key => toggleOf(key)) });
    for (const rule of ['hangs', 'loses', 'gains']) world.policy(rule, ['alice', 'bob']);
    await world.start();
    world.target.fault = change => (change.toggle === 'hangs' ? never : undefined);
    await world.changes('hangs', ['alice']);
    await world.clock.advance(500);
    world.policy('gains', ['alice', 'bob', 'carol']);
    await world.changes('loses', ['alice']);
    expect(world.target.members('loses', 'production')).toEqual(['alice']);
    await world.clock.advance(1_400);
    expect(world.target.members('gains', 'production')).toEqual(['alice', 'bob']);
    await world.clock.advance(200);
    expect(world.target.members('gains', 'production')).toEqual(['alice', 'bob', 'carol']);
  });

  test('what a plan went on without is planned again when it lands', async () => {
    const world = createWorld({ toggles: [toggleOf('slow'), toggleOf('loses')] });
    for (const rule of ['slow', 'loses']) world.policy(rule, ['alice', 'bob']);
    await world.start();
    let land: () => void = () => {};
    world.target.fault = change => {
      if (change.toggle !== 'slow') return undefined;
      return new Promise(resolve => {
        land = () => resolve(undefined);
      });
    };
    await world.changes('slow', ['alice']);
    world.policy('slow', ['alice', 'dave']);
    await world.changes('loses', ['alice']);
    expect(world.target.members('loses', 'production')).toEqual(['alice']);
    world.target.fault = () => undefined;
    land();
    await world.clock.advance(1);
    expect(world.target.members('slow', 'production')).toEqual(['alice', 'dave']);
  });

  test('a revocation that failed once is tried before the grants of a later answer', async () => {
    const world = createWorld({ toggles: [toggleOf('gains'), toggleOf('loses')] });
    world.policy('gains', ['alice']);
    world.policy('loses', ['alice', 'bob']);
    await world.start();
    let failures = 0;
    world.target.fault = change =>
      change.toggle === 'loses' && failures++ === 0
        ? { change: change.id, result: 'failed', problem, scope: 'change' }
        : undefined;
    await world.changes('loses', ['alice']);
    world.target.writes.length = 0;
    await world.changes('gains', ['alice', 'carol']);
    await world.clock.advance(1_000);
    expect(world.target.writes[0]).toBe('placement loses rest production');
  });
});
