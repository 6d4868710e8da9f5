import { describe, expect, test } from 'vitest';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { createWorld, toggleOf } from '../support/world.ts';

describe('a source that refuses the token', () => {
  test('for every rule cannot be asked: nobody loses anything, and it goes on once the token is right', async () => {
    const world = createWorld({ toggles: [toggleOf('a'), toggleOf('b')] });
    world.policy('a', ['alice']);
    world.policy('b', ['bob']);
    await world.start();
    world.source.refused.add('app.a').add('app.b');
    world.policy('a', []);
    await world.callback();
    await world.clock.advance(60_000);
    const [lane] = world.line.sources;
    expect(lane?.view()).toMatchObject({ standing: { state: 'failing' }, problem: { code: 'unauthorized' } });
    expect(world.line.planAll().held.map(({ reason }) => reason)).toEqual(['failed', 'failed']);
    expect(world.target.members('a', 'production')).toEqual(['alice']);
    world.source.refused.clear();
    world.policy('a', ['carol']);
    await world.clock.advance(16_000);
    expect(lane?.view()).toMatchObject({ standing: { state: 'ready' }, problem: undefined });
    expect(world.target.members('a', 'production')).toEqual(['carol']);
  });

  test('for one rule alone fails that one, also when it alone is asked again', async () => {
    const world = createWorld({ toggles: [toggleOf('a'), toggleOf('b')] });
    world.policy('a', ['alice']);
    world.policy('b', ['bob']);
    world.source.refused.add('app.b');
    await world.start();
    await world.clock.advance(10_000);
    expect(world.source.asked.at(-1)).toEqual(['app.b']);
    expect(world.line.sources[0]?.view()).toMatchObject({ standing: { state: 'ready' }, problem: undefined });
    expect(world.target.members('a', 'production')).toEqual(['alice']);
    expect(world.target.members('b', 'production')).toEqual([]);
  });
});

describe('a one-shot command that waits', () => {
  test.each([
    ['a failed rule', 'waiting for source opal: It failed.'],
    ['a refused token', 'waiting for source opal: The token is refused.'],
    ['a target', 'waiting for target rest: It is out of order.'],
  ])('says every 10 s that it is for %s', async (what, sentence) => {
    const told: string[] = [];
    const log: Log = { ...silentLog, info: (_, message) => told.push(message) };
    const world = createWorld({ log });
    world.policy('beta', ['alice']);
    if (what === 'a failed rule')
      world.source.rules.set('app.beta', { code: 'x', message: 'It failed.', hint: 'Wait.' });
    if (what === 'a refused token') world.source.refused.add('app.beta');
    const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
    if (what === 'a target')
      world.target.fault = change => ({ change: change.id, result: 'failed', problem, scope: 'target' });
    await world.start('once');
    await world.clock.advance(9_000);
    expect(told).not.toContain(sentence);
    await world.clock.advance(32_000);
    expect(told.filter(line => line.startsWith('waiting'))).toEqual([sentence, sentence, sentence, sentence]);
    await world.line.stop();
  });

  test('says nothing once everything is settled', async () => {
    const told: string[] = [];
    const world = createWorld({ log: { ...silentLog, info: (_, message) => told.push(message) } });
    world.policy('beta', ['alice']);
    await world.start('once');
    await world.clock.advance(30_000);
    expect(told.filter(line => line.startsWith('waiting'))).toEqual([]);
    await world.line.stop();
  });
});
