import { expect, test } from 'vitest';
import { ProblemError } from '../../src/domain/problem.ts';
import { createWorld, toggleOf } from '../support/world.ts';

test('what the files say counts also while the state does not take it', async () => {
  const world = createWorld();
  world.policy('beta', ['alice', 'bob']);
  await world.start();
  const save = world.store.saveDefinitions.bind(world.store);
  const full = new ProblemError({ code: 'state-full', message: 'The disk is full.', hint: 'Make room.' });
  Object.assign(world.store, {
    saveDefinitions() {
      throw full;
    },
  });
  world.toggles.set('beta', toggleOf('beta', { state: 'off' }));
  world.line.rescan();
  await world.clock.advance(0);
  expect(world.target.members('beta', 'production')).toEqual([]);
  Object.assign(world.store, { saveDefinitions: save });
  world.line.rescan();
  await world.clock.advance(0);
  expect(world.store.definitions()).toHaveLength(1);
  await world.line.stop();
});
