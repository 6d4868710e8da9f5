import { expect, test } from 'vitest';
import { ProblemError } from '../../src/domain/problem.ts';
import { createWorld } from '../support/world.ts';

const full = new ProblemError({ code: 'state-full', message: 'The disk is full.', hint: 'Make room.' });

test('what was seen of a source while the disk was full is kept once there is room', async () => {
  const world = createWorld();
  world.policy('beta', ['alice', 'bob']);
  await world.start();
  const { store, clock, source, line } = world;
  const save = store.saveSource.bind(store);
  let isFull = true;
  const saved: unknown[] = [];
  Object.assign(store, {
    saveSource(id: string, seen: unknown) {
      if (isFull) throw full;
      saved.push(seen);
      save(id, seen as Parameters<typeof save>[1]);
    },
  });
  const look = source.readiness.bind(source);
  Object.assign(source, {
    async readiness(...[before, signal]: Parameters<typeof look>) {
      const found = await look(before, signal);
      return { ...found, seen: { ...found.seen, transactions: ['data-2'] } };
    },
  });
  await world.callback();
  await clock.advance(20_000);
  expect(saved).toEqual([]);
  isFull = false;
  // Nothing is other than at the look before.
  await clock.advance(40_000);
  expect(saved).toHaveLength(1);
  expect(store.source(source.id)?.transactions).toEqual(['data-2']);
  await line.stop();
});
