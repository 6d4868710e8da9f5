import { expect, test } from 'vitest';
import { membersOf } from '../../src/domain/members.ts';
import { createWorld, toggleOf } from '../support/world.ts';

const halfASecond = 500;

test('a toggle that comes back is filled at once, although its source gives the answer that it gave before', async () => {
  const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('gamma')] });
  world.policy('beta', ['alice']);
  world.policy('gamma', ['bob']);
  await world.start();

  world.toggles.delete('gamma');
  world.line.rescan();
  await world.clock.advance(halfASecond);
  expect(world.target.members('gamma', 'production')).toEqual([]);

  // The target is planned before the source answers, as with any real source.
  world.source.before = () => world.clock.sleep(10, new AbortController().signal);
  world.toggles.set('gamma', toggleOf('gamma'));
  world.line.rescan();
  await world.clock.advance(10);
  expect(world.target.members('gamma', 'production')).toEqual(['bob']);
  expect(world.line.targets[0]?.plan?.held).toEqual([]);
});

test('an environment whose first write was not answered is closed when its file drops it again', async () => {
  const both = { production: {}, test: {} };
  const world = createWorld({
    toggles: [toggleOf('beta', { environments: { production: {} } })],
    targets: [{ name: 'rest', environments: ['production', 'test'] }],
  });
  world.policy('beta', ['alice']);
  await world.start();
  // It is there, closed, as with a platform where a flag is in every environment.
  const nobody = { kind: 'members', members: membersOf([]) } as const;
  world.target.listings.get('beta')?.in.set('test', { on: false, who: nobody });

  world.target.fault = change => {
    if (change.kind !== 'placement' || change.environment !== 'test') return undefined;
    world.target.fault = () => undefined;
    world.target.put(change);
    world.toggles.set('beta', toggleOf('beta', { environments: { production: {} } }));
    world.line.rescan();
    return { change: change.id, result: 'unanswered', problem: { code: 'lost', message: 'lost.' } };
  };
  world.toggles.set('beta', toggleOf('beta', { environments: both }));
  world.line.rescan();
  await world.clock.advance(30_000);
  expect(world.target.members('beta', 'test')).toEqual([]);
  expect(world.target.members('beta', 'production')).toEqual(['alice']);
});
