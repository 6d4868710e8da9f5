import { describe, expect, test } from 'vitest';
import { desiredFor } from '../../src/sync/desired.ts';
import { createFakeTarget } from '../support/fake-target.ts';
import { toggleOf } from '../support/world.ts';

const both = createFakeTarget('rest', { environments: ['production', 'test'] });
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
    const { listings } = desiredFor(target, [toggleOf('beta', over)], false);
    expect(listings.flatMap(one => one.placements.map(placement => placement.environment))).toEqual(environments);
  });

  test('an environment may have its own policy and be off; the whole toggle off is off everywhere', () => {
    const policy = { source: 'opal', package: ['app'], rule: 'staff' };
    const environments = { production: { usersPolicy: policy }, test: { state: 'off' as const } };
    const on = desiredFor(both, [toggleOf('beta', { environments })], false);
    expect(on.listings[0]?.placements.map(one => one.state)).toEqual(['on', 'off']);
    expect([...on.asks.values()].map(ask => ask.policy.rule)).toEqual(['staff', 'beta']);
    const own = { production: { state: 'on' as const }, test: {} };
    const off = desiredFor(both, [toggleOf('beta', { state: 'off', environments: own })], false);
    expect(off.listings[0]?.placements.map(one => one.state)).toEqual(['off', 'off']);
  });

  test('another key in the target is part of the identity of the placement', () => {
    const [plain] = desiredFor(both, [toggleOf('beta')], false).listings;
    const [moved] = desiredFor(both, [toggleOf('beta', { targets: { rest: { key: 'b', spec: {} } } })], false).listings;
    expect(moved?.key).toBe('b');
    expect(moved?.placements[0]?.id).not.toBe(plain?.placements[0]?.id);
  });
});
