import { describe, expect, test } from 'vitest';
import { ProblemError } from '../../src/domain/problem.ts';
import { createWorld, toggleOf } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
const names = (count: number) => Array.from({ length: count }, (_, index) => `u${index}`);

describe('two targets of which one cannot be read since the start', () => {
  test('the other one follows a source that restarted, as compared with what was last applied in both', async () => {
    const world = createWorld({ targets: [{ name: 'down' }, { name: 'up' }], toggles: [toggleOf('beta')] });
    const [down, up] = world.targets;
    if (!down || !up) throw new Error('two targets');
    world.policy('beta', names(20));
    await world.start();
    const read = down.read?.bind(down);
    Object.assign(down, { read: () => Promise.reject(new ProblemError(problem)) });
    Object.assign(world.source, { instance: 'opa-2', state: 'suspect', by: 'nothing' });
    world.policy('beta', names(19));
    await world.restart();
    await world.clock.advance(20_000);
    expect(up.members('beta', 'production')).toHaveLength(19);
    expect(down.members('beta', 'production')).toHaveLength(20);
    Object.assign(down, { read });
    await world.clock.advance(20_000);
    expect(down.members('beta', 'production')).toHaveLength(19);
  });

  test('with nothing to compare there, nobody is let in or out before somebody says so', async () => {
    const world = createWorld({ targets: [{ name: 'down' }, { name: 'up' }], toggles: [toggleOf('beta')] });
    const [down, up] = world.targets;
    if (!down || !up) throw new Error('two targets');
    const read = down.read?.bind(down);
    Object.assign(down, { read: () => Promise.reject(new ProblemError(problem)) });
    Object.assign(world.source, { state: 'suspect', by: 'nothing' });
    world.policy('beta', names(20));
    await world.start();
    await world.clock.advance(20_000);
    expect(up.members('beta', 'production')).toEqual([]);
    Object.assign(down, { read });
    await world.clock.advance(40_000);
    expect(up.members('beta', 'production')).toHaveLength(20);
    expect(world.store.blocks()).toEqual([]);
  });
});
