import { beforeEach, describe, expect, it } from 'vitest';
import { membersOf, noMembers } from '../../src/domain/members.ts';
import type { StateStore } from '../../src/domain/state.ts';
import { memoryState } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { address, became, list, write, type Write } from '../support/state-changes.ts';

const id = 'us-feature/production';
let store: StateStore;

function apply(at: number, what: Write): void {
  const change = write(what);
  store.intend(address, [change], at);
  store.record(address, [became(change)], at);
}

function start(since: number): string | undefined {
  const baseline = store.baseline(id, since);
  return baseline && [...baseline.members.values()].join(' ');
}

beforeEach(() => {
  store = memoryState({ instance: 'test', clock: createFakeClock() });
  store.record(address, [became(list('create'))], 100);
});

describe("the guard's window", () => {
  it('begins with who was in then', () => {
    apply(200, { before: [], after: ['a', 'b', 'c'] });
    apply(300, { before: ['a', 'b', 'c'], after: ['a', 'b'] });
    apply(400, { before: ['a', 'b'], after: ['a'] });
    expect(start(250)).toBe('a b c');
    expect(start(299)).toBe('a b c');
    expect(start(300)).toBe('a b');
    expect(start(399)).toBe('a b');
    expect(start(400)).toBeUndefined();
    expect(start(1_000)).toBeUndefined();
  });

  it('of a placement filled since begins with that fill', () => {
    apply(200, { before: [], after: ['a', 'b', 'c'] });
    apply(300, { before: ['a', 'b', 'c'], after: ['a'] });
    expect(start(0)).toBe('a b c');
    expect(start(150)).toBe('a b c');
    expect(start(199)).toBe('a b c');
    expect(start(200)).toBe('a b c');
    expect(start(300)).toBeUndefined();
  });

  it('does not begin with who was in while nobody ever was', () => {
    apply(110, { before: [], after: [] });
    apply(120, { before: [], after: [] });
    expect(start(0)).toBeUndefined();
  });

  it('sees no change where the same people stay in', () => {
    apply(200, { before: [], after: ['a'] });
    apply(300, { before: ['a', 'mallory'], after: ['a'] });
    apply(310, { before: ['a'], after: ['a'], on: false });
    expect(start(200)).toBeUndefined();
  });

  it('moves on while nothing changes, and starts anew with a change', () => {
    apply(200, { before: [], after: ['a', 'b'] });
    apply(300, { before: ['a', 'b'], after: ['a'] });
    for (const since of [200, 210, 299, 205]) expect(start(since)).toBe('a b');
    expect(start(300)).toBeUndefined();
    apply(400, { before: ['a'], after: [] });
    for (const since of [350, 300]) expect(start(since)).toBe('a');
    expect(start(250)).toBe('a b');
  });

  it('knows whom approvals named: those alone, of all changes since', () => {
    apply(200, { before: [], after: ['a', 'b', 'c', 'd'] });
    apply(300, {
      before: ['a', 'b', 'c', 'd'],
      after: ['a', 'x'],
      approval: 'k1',
      approved: { revoked: membersOf(['b', 'c']), granted: noMembers },
    });
    apply(310, { before: ['a', 'x'], after: ['a'] });
    apply(320, { before: ['a'], after: ['a', 'y'], approval: 'k2' });
    const all = store.baseline(id, 250);
    expect([...(all?.approvedRevoked.values() ?? [])]).toEqual(['b', 'c']);
    expect([...(all?.approvedGranted.values() ?? [])]).toEqual(['y']);
    const late = store.baseline(id, 305);
    expect(late?.approvedRevoked.size).toBe(0);
    expect([...(late?.approvedGranted.values() ?? [])]).toEqual(['y']);
  });

  it('of a listing that the state had lost begins with who was found there', () => {
    store.forget(address, 'us-feature');
    apply(300, { before: ['a', 'b', 'c'], after: ['a', 'b'] });
    apply(310, { before: ['a', 'b'], after: ['a'] });
    expect(start(250)).toBe('a b c');
    expect(store.appliedListing(address, 'us-feature')?.placements[0]?.firstFilledAt).toBe(300);
  });

  it('outlives a toggle that goes and comes back', () => {
    apply(200, { before: [], after: ['a', 'b', 'c'] });
    apply(300, { before: ['a', 'b', 'c'], after: ['a'] });
    store.forget(address, 'us-feature');
    store.record(address, [became(list('create'))], 310);
    apply(320, { before: [], after: ['a'] });
    expect(start(250)).toBe('a b c');
  });

  it('stays right when what is older is dropped', () => {
    apply(200, { before: [], after: ['a', 'b', 'c'] });
    apply(300, { before: ['a', 'b', 'c'], after: ['a', 'b'] });
    apply(400, { before: ['a', 'b'], after: ['a'] });
    store.prune({ history: 350, audit: 0 });
    expect(start(350)).toBe('a b');
    store.prune({ history: 500, audit: 0 });
    expect(start(500)).toBeUndefined();
    apply(600, { before: ['a'], after: ['z'] });
    expect(start(500)).toBe('a');
  });

  it('is kept per placement', () => {
    apply(200, { before: [], after: ['a'] });
    apply(300, { before: ['a'], after: ['b'] });
    expect(store.baseline('us-feature/test', 0)).toBeUndefined();
  });
});
