import { beforeEach, describe, expect, it } from 'vitest';
import { membersOf, noMembers } from '../../src/domain/members.ts';
import type { StateStore } from '../../src/domain/state.ts';
import type { AppliedPlacement } from '../../src/domain/listing.ts';
import type { Outcome } from '../../src/domain/target.ts';
import { memoryState } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { address, became, list, write } from '../support/state-changes.ts';

let store: StateStore;

beforeEach(() => {
  store = memoryState({ instance: 'test', clock: createFakeClock() });
});

function placement(key = 'us-feature', environment = 'production'): AppliedPlacement | undefined {
  return store.appliedListing(address, key)?.placements.find(one => one.environment === environment);
}

function names(of: AppliedPlacement['who'] | undefined): string[] | undefined {
  return of && [...of.values()];
}

/** Intends and records, at once. */
function apply(at: number, ...changes: Parameters<StateStore['intend']>[1]): void {
  store.intend(address, changes, at);
  store.record(
    address,
    changes.map(change => became(change)),
    at,
  );
}

describe('what is made', () => {
  it('is there closed, with nobody in, and was never filled', () => {
    apply(10, list('create', 'us-feature', ['production', 'test']));
    const listing = store.applied(address).get('us-feature');
    expect(listing).toMatchObject({
      key: 'us-feature',
      toggle: 'us-feature',
      contextKind: 'user',
      metadata: { name: 'us-feature' },
      removed: false,
    });
    expect(listing?.placements).toEqual(
      ['production', 'test'].map(environment => ({
        id: `us-feature/${environment}`,
        environment,
        source: 'opal',
        audience: 'a1',
        on: false,
        who: noMembers,
        appliedAt: 10,
      })),
    );
  });

  it('has no metadata while its creation is only intended', () => {
    store.intend(address, [list('create')], 10);
    expect(store.applied(address).get('us-feature')).toMatchObject({ removed: false, placements: [] });
    expect(store.applied(address).get('us-feature')).not.toHaveProperty('metadata');
    store.record(address, [became(list('create'), 'unanswered')], 11);
    expect(store.applied(address).has('us-feature')).toBe(true);
    store.record(address, [became(list('create'), 'failed')], 12);
    expect(store.applied(address).has('us-feature')).toBe(false);
  });

  it('that was there already stays unknown', () => {
    const create = list('create');
    store.intend(address, [create], 10);
    store.record(address, [{ change: create, outcome: { change: create.id, result: 'done', existed: true } }], 10);
    expect(store.applied(address).get('us-feature')).not.toHaveProperty('metadata');
    expect(placement()).toBeUndefined();
    const fill = write({ after: ['alice'] });
    store.intend(address, [fill], 11);
    expect(placement()).toBeUndefined();
    store.record(address, [became(fill)], 12);
    expect(names(placement()?.who)).toEqual(['alice']);
    expect(store.applied(address).get('us-feature')?.metadata).toEqual({ name: 'us-feature' });
  });

  it('again is empty again, and the guard still knows who was in', () => {
    apply(10, list('create'));
    apply(20, write({ before: [], after: ['alice', 'bob'] }));
    apply(30, list('create'));
    expect(placement()).toMatchObject({ on: false, who: noMembers, firstFilledAt: 20 });
    expect(names(store.baseline('us-feature/production', 25)?.members)).toEqual(['alice', 'bob']);
  });

  it('changes its metadata, goes and comes back', () => {
    apply(10, list('create'));
    apply(11, list('update', 'us-feature', [], { name: 'other' }));
    expect(store.applied(address).get('us-feature')).toMatchObject({ metadata: { name: 'other' }, removed: false });
    apply(12, list('retire', 'us-feature', [], { name: 'other' }));
    expect(store.applied(address).get('us-feature')?.removed).toBe(true);
    apply(13, list('update', 'us-feature', [], { name: 'third' }));
    expect(store.applied(address).get('us-feature')?.removed).toBe(true);
    apply(14, list('restore'));
    expect(store.applied(address).get('us-feature')?.removed).toBe(false);
    apply(15, list('retire'));
    apply(16, write({ before: [], after: ['alice'] }));
    expect(store.applied(address).get('us-feature')?.removed).toBe(false);
  });

  it('came back as soon as somebody may be in again', () => {
    apply(10, list('create'));
    apply(11, list('retire'));
    const fill = write({ before: [], after: ['alice'] });
    const removed = () => store.applied(address).get('us-feature')?.removed;

    store.intend(address, [fill], 12);
    expect(removed()).toBe(false);
    store.record(address, [became(fill, 'failed')], 13);
    expect(removed()).toBe(true);

    store.intend(address, [fill], 14);
    store.observed(address, fill.placement, { on: true, who: membersOf(['alice']) }, 15);
    expect(removed()).toBe(false);
  });

  it('is dropped when it went for good', () => {
    apply(10, list('create'), write({ before: [], after: ['alice'] }));
    expect(store.addresses()).toEqual([{ address, target: 'rest' }]);
    store.forget(address, 'us-feature');
    expect(store.applied(address).size).toBe(0);
    expect(store.addresses()).toEqual([]);
  });

  it('is listed by key, whatever came first', () => {
    store.applied(address);
    for (const key of ['c', 'a', 'b']) apply(10, list('create', key));
    expect([...store.applied(address).keys()]).toEqual(['a', 'b', 'c']);
    expect(store.applied('elsewhere').size).toBe(0);
  });
});

describe('a write', () => {
  it('shows its intent until it is done', () => {
    apply(10, list('create'));
    const fill = write({ before: [], after: ['alice'], revision: 'r1', audience: 'a2' });
    store.intend(address, [fill], 20);
    expect(placement()).toMatchObject({ on: false, who: noMembers, audience: 'a1', appliedAt: 10 });
    expect(placement()?.intent).toMatchObject({ on: true, at: 20 });
    expect(names(placement()?.intent?.who)).toEqual(['alice']);
    store.record(address, [became(fill)], 21);
    expect(placement()).toMatchObject({ on: true, audience: 'a2', revision: 'r1', firstFilledAt: 21, appliedAt: 21 });
    expect(placement()).not.toHaveProperty('intent');
    expect(names(placement()?.who)).toEqual(['alice']);
  });

  it('keeps when it was first filled', () => {
    apply(10, list('create'));
    apply(11, write({ before: [], after: [] }));
    expect(placement()).toMatchObject({ on: true });
    expect(placement()).not.toHaveProperty('firstFilledAt');
    apply(12, write({ before: [], after: ['alice'] }));
    apply(13, write({ before: ['alice'], after: [] }));
    apply(14, write({ before: [], after: ['bob'] }));
    expect(placement()?.firstFilledAt).toBe(12);
  });

  it.each<Outcome['result']>(['failed', 'refused', 'conflict', 'late'])('that was %s leaves no trace', result => {
    apply(10, list('create'));
    apply(11, write({ before: [], after: ['alice'] }));
    const before = store.applied(address).get('us-feature');
    const change = write({ before: ['alice'], after: ['bob'] });
    store.intend(address, [change], 12);
    store.record(address, [became(change, result)], 13);
    expect(store.applied(address).get('us-feature')).toEqual(before);
    expect(store.baseline('us-feature/production', 11)).toBeUndefined();
  });

  it.each<Outcome['result']>(['failed', 'late'])('to something unknown that was %s leaves nothing at all', result => {
    const change = write({ after: ['bob'] });
    store.intend(address, [change], 12);
    store.record(address, [became(change, result)], 13);
    expect(store.applied(address).size).toBe(0);
  });

  it.each<Outcome['result']>(['unanswered', 'pending'])('that is %s counts beside what was', result => {
    apply(10, list('create'));
    apply(11, write({ before: [], after: ['alice'] }));
    const change = write({ before: ['alice'], after: ['bob'] });
    store.record(address, [became(change, result)], 13);
    expect(names(placement()?.who)).toEqual(['alice']);
    expect(names(placement()?.intent?.who)).toEqual(['bob']);
  });

  it('that failed after one that was not answered leaves that one open', () => {
    apply(10, list('create'));
    apply(11, write({ before: [], after: ['alice'] }));
    const first = write({ before: ['alice'], after: ['bob'] });
    const second = write({ before: ['alice'], after: ['carol'] });
    store.intend(address, [first], 12);
    store.record(address, [became(first, 'unanswered')], 13);
    store.intend(address, [second], 14);
    expect(names(placement()?.intent?.who)).toEqual(['bob', 'carol']);
    expect(placement()?.intent?.at).toBe(12);
    expect(names(placement()?.intent?.last.who)).toEqual(['carol']);
    store.record(address, [became(second, 'failed')], 15);
    expect(names(placement()?.intent?.who)).toEqual(['bob']);
    expect(placement()?.intent?.last).toMatchObject({ on: true });
    expect(names(placement()?.intent?.last.who)).toEqual(['bob']);
    apply(16, second);
    expect(placement()).not.toHaveProperty('intent');
    expect(names(placement()?.who)).toEqual(['carol']);
  });

  it('to a flag switched off by hand keeps that policy has it on', () => {
    apply(10, list('create'));
    apply(11, write({ before: [], after: ['alice', 'bob'] }));
    apply(12, write({ before: ['alice', 'bob'], after: ['bob'], on: false, offByHand: true }));
    expect(placement()?.on).toBe(true);
  });

  it('carries the metadata only where it says so', () => {
    apply(10, list('create'));
    apply(11, write({ before: [], after: ['alice'], metadata: { name: 'new' } }));
    expect(store.applied(address).get('us-feature')?.metadata).toEqual({ name: 'us-feature' });
    apply(12, write({ before: ['alice'], after: ['bob'], metadata: { name: 'new' }, writesMetadata: true }));
    expect(store.applied(address).get('us-feature')?.metadata).toEqual({ name: 'new' });
  });

  it('gives back the very set that was written, so that comparing costs nothing', () => {
    const members = membersOf(['alice', 'bob']);
    apply(
      10,
      list('create'),
      write({ before: [], after: members }),
      write({ environment: 'test', before: [], after: members }),
    );
    expect(placement()?.who).toBe(members);
    expect(placement('us-feature', 'test')?.who).toBe(members);
  });
});

describe('a live read', () => {
  const seen = (on: boolean, ...who: string[]) => ({ on, who: membersOf(who) });

  it.each([
    ['the old list', ['alice', 'bob'], ['alice', 'bob']],
    ['the new list', ['alice', 'carol'], ['alice', 'carol']],
    ['half of it', ['alice', 'bob', 'carol'], ['alice', 'bob', 'carol']],
    ['the new list and a stranger', ['alice', 'carol', 'mallory'], ['alice', 'carol']],
    ['the new list without one that both had', ['carol'], ['alice', 'carol']],
  ])('that shows %s settles an unanswered write', (_, shown, settled) => {
    apply(10, list('create'));
    apply(11, write({ before: [], after: ['alice', 'bob'] }));
    store.intend(
      address,
      [write({ before: ['alice', 'bob'], after: ['alice', 'carol'], audience: 'a2', revision: 'r2' })],
      12,
    );
    store.observed(address, 'us-feature/production', seen(true, ...shown), 20);
    expect(names(placement()?.who)).toEqual(settled);
    expect(placement()).not.toHaveProperty('intent');
    const landed = settled.join() === 'alice,carol';
    expect(placement()?.audience).toBe(landed ? 'a2' : 'a1');
    expect(placement()?.appliedAt).toBe(settled.join() === 'alice,bob' ? 11 : 20);
    const baseline = store.baseline('us-feature/production', 15);
    expect(names(baseline?.members)).toEqual(settled.join() === 'alice,bob' ? undefined : ['alice', 'bob']);
  });

  it.each([
    { applied: true, intended: true, shown: false, on: true },
    { applied: true, intended: false, shown: false, on: false },
    { applied: true, intended: false, shown: true, on: true },
    { applied: false, intended: true, shown: true, on: true },
    { applied: false, intended: false, shown: true, on: false },
  ])('decides on from applied $applied, intended $intended, seen $shown', ({ applied, intended, shown, on }) => {
    apply(10, list('create'));
    apply(11, write({ before: [], after: ['alice'], on: applied }));
    store.intend(address, [write({ before: ['alice'], after: ['alice'], on: intended })], 12);
    store.observed(address, 'us-feature/production', seen(shown, 'alice'), 20);
    expect(placement()?.on).toBe(on);
  });

  it('without an open write changes nothing: hand-made additions are not policy', () => {
    apply(10, list('create'));
    apply(11, write({ before: [], after: ['alice'] }));
    const before = store.applied(address).get('us-feature');
    store.observed(address, 'us-feature/production', seen(false, 'mallory'), 20);
    store.observed(address, 'never-heard-of', seen(true, 'mallory'), 20);
    expect(store.applied(address).get('us-feature')).toEqual(before);
  });

  it('of what was unknown before knows only whom a write may have let in', () => {
    store.intend(address, [write({ after: ['alice', 'bob'] })], 12);
    expect(store.appliedListing(address, 'us-feature')).toMatchObject({
      placements: [],
      unknown: ['us-feature/production'],
    });
    store.observed(address, 'us-feature/production', seen(true, 'alice', 'bob', 'old'), 20);
    expect(store.applied(address).size).toBe(0);
    store.intend(address, [write({ after: ['alice', 'bob'] })], 22);
    store.intend(address, [write({ after: ['alice', 'carol'] })], 23);
    store.observed(address, 'us-feature/production', seen(true, 'alice', 'bob'), 30);
    expect(placement()).toMatchObject({ on: true, firstFilledAt: 30 });
    expect(names(placement()?.who)).toEqual(['alice', 'bob']);
  });

  it('tells what became of the first write to what was found there', () => {
    const fill = write({ before: ['old'], after: ['alice', 'old'] });
    store.intend(address, [fill], 12);
    expect(names(placement()?.who)).toEqual(['old']);
    expect(names(placement()?.intent?.who)).toEqual(['alice', 'old']);
    store.observed(address, fill.placement, seen(true, 'alice', 'old'), 20);
    expect(names(placement()?.who)).toEqual(['alice', 'old']);
    expect(placement()).not.toHaveProperty('intent');
  });

  it('of the first write to what was found there keeps nothing where that failed', () => {
    const fill = write({ before: [], after: ['alice'] });
    store.intend(address, [fill], 12);
    store.record(address, [became(fill, 'failed')], 13);
    expect(store.applied(address).size).toBe(0);
  });
});
