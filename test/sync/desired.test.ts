import { describe, expect, test } from 'vitest';
import { desiredFor } from '../../src/sync/desired.ts';
import { createFakeTarget } from '../support/fake-target.ts';
import { toggleOf } from '../support/world.ts';

const both = createFakeTarget('rest', { environments: ['production', 'test'] });
const none: ReadonlySet<string> = new Set();
const nameless = createFakeTarget('rest', { environments: [] });

describe('what is desired of a target', () => {
  test.each([
    ['no environments: all of the target', {}, both, ['production', 'test']],
    ['its own environments only', { environments: { test: {} } }, both, ['test']],
    ['none that the target has', { environments: { staging: {} } }, both, []],
    ['a target that names none takes the only one', { environments: { staging: {} } }, nameless, ['staging']],
    ['a target that names none and a toggle that names none', {}, nameless, ['default']],
    ['targets that it does not name', { targets: { other: { spec: {} } } }, both, []],
    ['names that every object has', { targets: { toString: { spec: {} } } }, both, []],
  ])('%s', (_, over, target, environments) => {
    const { listings } = desiredFor(target, [toggleOf('beta', over)], none, false);
    expect(listings.flatMap(one => one.placements.map(placement => placement.environment))).toEqual(environments);
  });

  test('an environment may have its own policy and be off; the whole toggle off is off everywhere', () => {
    const policy = { source: 'opal', package: ['app'], rule: 'staff' };
    const environments = { production: { usersPolicy: policy }, test: { state: 'off' as const } };
    const on = desiredFor(both, [toggleOf('beta', { environments })], none, false);
    expect(on.listings[0]?.placements.map(one => one.state)).toEqual(['on', 'off']);
    expect([...on.asks.values()].map(ask => ask.policy.rule)).toEqual(['staff', 'beta']);
    const own = { production: { state: 'on' as const }, test: {} };
    const off = desiredFor(both, [toggleOf('beta', { state: 'off', environments: own })], none, false);
    expect(off.listings[0]?.placements.map(one => one.state)).toEqual(['off', 'off']);
  });

  test('another key in the target is part of the identity of the placement', () => {
    const [plain] = desiredFor(both, [toggleOf('beta')], none, false).listings;
    const [moved] = desiredFor(
      both,
      [toggleOf('beta', { targets: { rest: { key: 'b', spec: {} } } })],
      none,
      false,
    ).listings;
    expect(moved?.key).toBe('b');
    expect(moved?.placements[0]?.id).not.toBe(plain?.placements[0]?.id);
  });

  test('two toggles under one key in the target: the second is refused', () => {
    const twin = toggleOf('twin', { targets: { rest: { key: 'beta', spec: {} } } });
    const { listings, refused } = desiredFor(both, [toggleOf('beta'), twin], none, false);
    expect(listings.map(one => one.toggle)).toEqual(['beta']);
    expect(refused).toMatchObject([{ toggle: 'twin', problem: { code: 'same-remote-key' } }]);
  });

  test('a file that is there without a definition is invalid, not gone', () => {
    const { invalid } = desiredFor(both, [toggleOf('beta')], new Set(['beta', 'broken']), false);
    expect([...invalid]).toEqual(['broken']);
  });
});
