import { describe, expect, it } from 'vitest';
import { changesTo, openLdWorld, toggleOf } from './line-world.ts';

/** Keys of members that mean something in a query, a filter, a path, a list, JSON or JavaScript. */
const odd: readonly string[] = [
  'a,b',
  'a',
  'b',
  ',',
  'a b',
  ' a',
  'a:b',
  'user:a',
  'a/b',
  '../a',
  '%2C',
  'a%2Cb',
  'a+b',
  'a&env=test',
  'x=y?z#w',
  '"',
  "o'brien",
  'a\\b',
  '[a]',
  '{"a":1}',
  '["a","b"]',
  '*',
  'null',
  'true',
  '0',
  '-1',
  'constructor',
  '__proto__',
  'toString',
  'ünï',
  'u\u0308ni\u0308',
  'A',
  '名前',
  '👩‍🚀',
  'x'.repeat(1024),
];

const half = odd.filter((_, at) => at % 2 === 0);
const rest = odd.filter((_, at) => at % 2 === 1);

describe('keys of members are what they are, whatever they hold', () => {
  for (const audienceAs of ['targets', 'segment'] as const) {
    it(`as ${audienceAs}: after every write the SDK says of each what policy says`, async () => {
      const world = await openLdWorld({ beta: half }, { settings: { audienceAs }, strangers: odd });
      await changesTo(world, 'beta', rest);
      await changesTo(world, 'beta', odd);
      await changesTo(world, 'beta', ['a,b']);
      await world.step(() => world.look());
      expect(world.writes).toEqual([]);
      await world.step(() => world.restart());
      expect(world.writes).toEqual([]);
    });
  }

  it('in a request for approval too', async () => {
    const world = await openLdWorld({ beta: half }, { strangers: odd });
    world.fake.hand.setApproval('default', 'production', true);
    await changesTo(world, 'beta', rest, { beta: half });
    await world.step(() => {
      for (const { id } of world.fake.pendingApprovals()) world.fake.approve(id);
      world.line.syncAll();
    });
    expect(world.status('beta')?.state).toBe('in-sync');
  });
});

describe('keys of flags', () => {
  it('of every form that is allowed are found again by list and one by one', async () => {
    const keys = ['a', '0', 'A.b', 'a_b', 'a-b', 'a..b', 'x'.repeat(200)];
    const { usersPolicy } = toggleOf('beta');
    const toggles = keys.map(key => ({ ...toggleOf(key), usersPolicy }));
    const world = await openLdWorld({ beta: ['alice'] }, { toggles });
    await world.step(() => world.restart());
    expect(world.writes).toEqual([]);
    for (const key of keys) expect(world.status(key)?.state, key).toBe('in-sync');
  });
});
