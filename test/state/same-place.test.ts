import { beforeEach, describe, expect, it } from 'vitest';
import { membersOf } from '../../src/domain/members.ts';
import type { StateStore } from '../../src/domain/state.ts';
import { memoryState } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { address, became, list, write } from '../support/state-changes.ts';

const other = 'restapi https://flags.test/v2';
const from = { address, key: 'us-feature' };
const ids = new Map([['us-feature/production', 'new/production']]);
let store: StateStore;

beforeEach(() => {
  store = memoryState({ instance: 'test', clock: createFakeClock() });
  store.record(address, [became(list('create', 'us-feature', ['production', 'test']))], 100);
  store.record(address, [became(write({ before: [], after: ['a', 'b', 'c'] }))], 200);
  store.record(address, [became(write({ environment: 'test', before: [], after: ['t'] }))], 200);
  store.record(address, [became(write({ before: ['a', 'b', 'c'], after: ['a', 'b'] }))], 300);
});

describe('one place under two addresses', () => {
  it('is remembered under the other one, with its history, as something to make sure of', () => {
    store.samePlace(from, other, ids, 400);
    const listing = store.appliedListing(other, 'us-feature');
    expect(listing).toMatchObject({ toggle: 'us-feature', metadata: { name: 'us-feature' }, removed: false });
    expect(listing?.placements).toMatchObject([
      { id: 'new/production', environment: 'production', on: true, firstFilledAt: 200, intent: { on: true, at: 400 } },
    ]);
    expect(listing?.placements[0]?.who.hash).toBe(membersOf(['a', 'b']).hash);
    expect([...(store.baseline('new/production', 250)?.members.values() ?? [])]).toEqual(['a', 'b', 'c']);
    expect(store.baseline('us-feature/production', 250)).toBeUndefined();
    expect(store.moved(250)).toEqual(new Set(['new/production']));
  });

  it('leaves behind only what was not named', () => {
    store.samePlace(from, other, ids, 400);
    expect(store.appliedListing(address, 'us-feature')?.placements.map(({ id }) => id)).toEqual(['us-feature/test']);
    store.samePlace(from, other, new Map([['us-feature/test', 'new/test']]), 400);
    expect(store.addresses()).toEqual([{ address: other, target: 'rest' }]);
    expect(store.appliedListing(other, 'us-feature')?.placements).toHaveLength(2);
  });

  it('does not touch what is recorded there already', () => {
    const there = { ...write({ before: [], after: ['z'] }), placement: 'new/production' };
    store.record(other, [became(there)], 350);
    store.samePlace(from, other, ids, 400);
    const [placement] = store.appliedListing(other, 'us-feature')?.placements ?? [];
    expect(placement?.who.hash).toBe(membersOf(['z']).hash);
    expect(placement?.intent).toBeUndefined();
  });
});
