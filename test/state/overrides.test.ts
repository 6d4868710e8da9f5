import { describe, expect, it } from 'vitest';
import type { StateStore } from '../../src/domain/state.ts';
import { silentLog } from '../../src/lib/log.ts';
import { memoryState, openState } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { address, became, write } from '../support/state-changes.ts';
import { tempFolder } from '../support/temp-folder.ts';

const facts = { until: null, by: 'oncall', reason: 'an incident' };
const clock = createFakeClock();

function opened(folder: string, access: 'own' | 'share' = 'own'): StateStore {
  return openState({ folder, instance: 'test', clock, log: silentLog, access });
}

function audit(store: StateStore) {
  return [...store.auditLog()];
}

describe('what operators said', () => {
  it('is kept across restarts, seen by a process beside, and written by one', () => {
    const folder = tempFolder();
    const first = opened(folder);
    first.override({ kind: 'off', toggle: 'beta', environment: 'production' }, facts, 10);
    const beside = opened(folder, 'share');
    const before = first.dataVersion();
    beside.override({ kind: 'deny', member: 'alice' }, { ...facts, until: 500 }, 20);
    expect(first.dataVersion()).not.toBe(before);
    beside.close();
    first.close();
    const second = opened(folder);
    expect(second.overrides(499)).toMatchObject([
      { kind: 'off', toggle: 'beta', environment: 'production', since: 10, until: null, by: 'oncall' },
      { kind: 'deny', member: 'alice', since: 20, until: 500 },
    ]);
    expect(second.overrides(500)).toMatchObject([{ kind: 'off' }]);
    second.close();
  });

  it('said twice is one, since the first time; said after its end it is new', () => {
    const store = memoryState({ instance: 'test', clock });
    const subject = { kind: 'pause', what: 'source', name: 'opal' } as const;
    const one = store.override(subject, { ...facts, until: 100 }, 10);
    const again = store.override(subject, { ...facts, until: 200, by: 'other' }, 50);
    expect(again).toEqual({ ...subject, ...facts, id: one.id, since: 10, until: 200, by: 'other' });
    expect(store.overrides(60)).toEqual([again]);
    expect(store.override(subject, facts, 300).since).toBe(300);
    expect(store.override({ ...subject, what: 'target' }, facts, 300).id).not.toBe(one.id);
  });

  it('is taken back by its id, and ends by itself, each with a line of the audit log', () => {
    const store = memoryState({ instance: 'test', clock });
    const off = store.override({ kind: 'off', toggle: 'beta', environment: null }, facts, 10);
    store.override({ kind: 'deny', member: 'alice' }, { ...facts, until: 100 }, 20);
    expect(store.resume([off.id, 'nothing'], 'other', 50)).toEqual([off]);
    expect(store.resume([off.id], 'other', 50)).toEqual([]);
    expect(store.expireOverrides(99)).toEqual([]);
    expect(store.expireOverrides(100)).toMatchObject([{ kind: 'deny' }]);
    expect(store.overrides(0)).toEqual([]);
    const tag = store.memberTag('alice');
    expect(audit(store)).toMatchObject([
      { at: 10, what: 'off', toggle: 'beta', by: 'oncall', message: 'an incident', approval: off.id },
      { at: 20, what: 'denied', member: tag, by: 'oncall', until: 100 },
      { at: 50, what: 'resumed', toggle: 'beta', by: 'other' },
      { at: 100, what: 'resumed', member: tag },
    ]);
  });

  it('has an id that does not tell who is denied', () => {
    const ids = ['a', 'b'].map(() => {
      const store = opened(tempFolder());
      const { id } = store.override({ kind: 'deny', member: 'alice' }, facts, 10);
      store.close();
      expect(id).toMatch(/^[0-9a-f]{12}$/);
      return id;
    });
    expect(ids[0]).not.toBe(ids[1]);
  });
});

describe('whom an operator took it from', () => {
  it('is kept until the placement is open again, and not what a file or a policy closes', () => {
    const store = memoryState({ instance: 'test', clock });
    const open = write({ before: [], after: ['a', 'b'] });
    const { placement } = open;
    store.record(address, [became(open)], 10);
    const byFile = { ...write({ before: ['a', 'b'], after: [], on: false }), causes: ['definition' as const] };
    store.intend(address, [byFile], 20);
    expect(store.setAside(placement)).toBeUndefined();
    store.record(address, [became(byFile, 'failed')], 20);
    const byWord = { ...byFile, causes: ['operator' as const] };
    store.intend(address, [byWord], 30);
    store.record(address, [became(byWord)], 30);
    store.prune({ history: 1_000, audit: 1_000 });
    expect([...(store.setAside(placement)?.values() ?? [])]).toEqual(['a', 'b']);
    store.record(address, [became(open)], 40);
    expect(store.setAside(placement)).toBeUndefined();
  });
});

it('since when a placement waits for an answer is kept for as long as it is named', () => {
  const folder = tempFolder();
  const store = opened(folder);
  expect(store.waiting('a', ['p1', 'p2'], 10)).toEqual(
    new Map([
      ['p1', 10],
      ['p2', 10],
    ]),
  );
  store.waiting('b', ['p3'], 15);
  expect(store.waiting('a', ['p2', 'p4'], 20)).toEqual(
    new Map([
      ['p2', 10],
      ['p4', 20],
    ]),
  );
  store.close();
  const next = opened(folder);
  expect(next.waitingSince('a')).toEqual(
    new Map([
      ['p2', 10],
      ['p4', 20],
    ]),
  );
  expect(next.waitingSince('b')).toEqual(new Map([['p3', 15]]));
  expect(next.waiting('a', [], 30)).toEqual(new Map());
  expect(next.waitingSince('a')).toEqual(new Map());
  next.close();
});
