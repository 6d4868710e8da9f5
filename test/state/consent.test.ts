import { beforeEach, describe, expect, it } from 'vitest';
import { membersOf, noMembers } from '../../src/domain/members.ts';
import type { Block } from '../../src/domain/plan.ts';
import type { StateStore } from '../../src/domain/state.ts';
import { memoryState } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { address, became, list, write } from '../support/state-changes.ts';

let store: StateStore;

beforeEach(() => {
  store = memoryState({ instance: 'test', clock: createFakeClock() });
});

function block(id: string, more: Partial<Block> = {}): Block {
  return {
    id,
    scope: 'audience',
    reason: 'revocations',
    source: 'opal',
    audience: 'a1',
    placements: [{ toggle: 'us-feature', target: 'rest', environment: 'production' }],
    revoked: membersOf(['alice', 'bob']),
    granted: noMembers,
    of: 4,
    message: '2 of 4 would lose it.',
    removals: [],
    instance: null,
    ...more,
  };
}

describe('blocks', () => {
  it('keep since when they are there, and tell what is new and what is gone', () => {
    const one = block('b1');
    const first = store.saveBlocks('rest', [one], 10);
    expect(first).toEqual({ fresh: [{ ...one, target: 'rest', since: 10 }], gone: [] });
    const other = block('b2', { scope: 'removal', removals: ['x'], revoked: noMembers });
    const second = store.saveBlocks('rest', [{ ...one, of: 5 }, other], 20);
    expect(second).toEqual({ fresh: [{ ...other, target: 'rest', since: 20 }], gone: [] });
    expect(store.blocks()).toEqual([
      { ...one, of: 5, target: 'rest', since: 10 },
      { ...other, target: 'rest', since: 20 },
    ]);
    expect(store.saveBlocks('other', [], 30)).toEqual({ fresh: [], gone: [] });
    expect(store.saveBlocks('rest', [other], 40).gone.map(({ id }) => id)).toEqual(['b1']);
    expect(store.blocks().map(({ id }) => id)).toEqual(['b2']);
    expect([...store.auditLog()].map(({ at, what, approval }) => [at, what, approval])).toEqual([
      [10, 'blocked', 'b1'],
      [20, 'blocked', 'b2'],
      [40, 'withdrawn', 'b1'],
    ]);
  });
});

it('a block of several toggles, and its approval, are in the history of each of them and of no other', () => {
  const of = (target: string, ...toggles: string[]) =>
    block('b1', { placements: toggles.map(toggle => ({ toggle, target, environment: 'production' })) });
  store.saveBlocks('rest', [of('rest', 'one', 'two')], 10);
  store.saveBlocks('flagd', [of('flagd', 'three')], 10);
  store.approve('b1', 'oncall', 100, 20);
  const history = (toggle: string) =>
    [...store.auditLines({ toggle })].map(({ entry: { what, target, environment } }) => [what, target, environment]);
  const approved = ['approved', undefined, 'production'];
  expect(history('one')).toEqual([['blocked', 'rest', 'production'], approved]);
  expect(history('two')).toEqual(history('one'));
  expect(history('three')).toEqual([['blocked', 'flagd', 'production'], approved]);
  expect(history('four')).toEqual([]);
  const removal = block('b2', { scope: 'removal', removals: ['five', 'six'], placements: [] });
  store.saveBlocks('rest', [of('rest', 'one', 'two'), removal], 30);
  expect(history('six')).toEqual([['blocked', undefined, undefined]]);
});

describe('an approval', () => {
  it('covers the stored blocks of its id, in all targets, until it ends', () => {
    store.saveBlocks('rest', [block('b1')], 10);
    store.saveBlocks('flagd', [block('b1', { revoked: membersOf(['carol']), granted: membersOf(['dan']) })], 10);
    const approval = store.approve('b1', 'oncall', 100, 20);
    expect(approval).toMatchObject({ id: 'b1', scope: 'audience', source: 'opal', by: 'oncall', until: 100 });
    expect([...(approval?.revoked.values() ?? [])]).toEqual(['alice', 'bob', 'carol']);
    expect([...(approval?.granted.values() ?? [])]).toEqual(['dan']);
    expect(store.approvals(99)).toEqual([approval]);
    expect(store.approvals(100)).toEqual([]);
    expect([...store.auditLog()].at(-1)).toMatchObject({
      at: 20,
      what: 'approved',
      by: 'oncall',
      approval: 'b1',
      revoked: 3,
      granted: 1,
      toggle: 'us-feature',
    });
  });

  it('of an unknown id is none', () => {
    expect(store.approve('nope', 'oncall', 100, 20)).toBeUndefined();
    expect(store.approvals(0)).toEqual([]);
    expect([...store.auditLog()]).toEqual([]);
  });

  it('may come before its block is stored, and be given again', () => {
    store.approveBlock(block('b1'), 'apply', 100, 20);
    store.approveBlock(block('b1'), 'oncall', 200, 30);
    expect(store.approvals(150)).toMatchObject([{ id: 'b1', by: 'oncall', until: 200 }]);
  });

  it('of everything of a source is a window', () => {
    const window = { source: 'opal', until: 100, reason: 'migration', by: 'oncall' };
    store.openWindow(window, 10);
    expect(store.windows(99)).toEqual([window]);
    expect(store.windows(100)).toEqual([]);
    expect([...store.auditLog()]).toMatchObject([
      { at: 10, what: 'approved', by: 'oncall', approval: 'window of opal' },
    ]);
    store.prune({ history: 101, audit: 11 });
    expect([...store.auditLog()]).toEqual([]);
  });
});

describe('the audit log', () => {
  it('has one row per write, with counts and without names', () => {
    const create = list('create');
    const fill = write({ before: ['bob'], after: ['alice', 'carol'], revision: 'r1', approval: 'k1' });
    store.record(address, [became(create), became(fill), became(list('adopt', 'other'))], 10);
    expect([...store.auditLog()]).toEqual([
      { at: 10, what: 'written', toggle: 'us-feature', target: 'rest', causes: ['data'], message: 'create' },
      {
        at: 10,
        what: 'written',
        toggle: 'us-feature',
        target: 'rest',
        environment: 'production',
        source: 'opal',
        causes: ['data'],
        on: true,
        granted: 2,
        revoked: 1,
        revision: 'r1',
        approval: 'k1',
      },
      { at: 10, what: 'adopted', toggle: 'other', target: 'rest', causes: ['data'], message: 'adopt' },
    ]);
    expect(JSON.stringify([...store.auditLog()])).not.toMatch(/alice|bob|carol/);
  });

  it('tells a failure once, until it worked again', () => {
    const change = write({ before: [], after: ['alice'] });
    store.record(address, [became(list('create'))], 1);
    for (const at of [10, 11, 12]) store.record(address, [became(change, 'failed')], at);
    store.record(address, [became(change, 'pending')], 13);
    store.record(address, [became(change, 'late')], 14);
    store.record(address, [became(change)], 20);
    store.record(address, [became(change, 'unanswered')], 30);
    expect([...store.auditLog()].map(({ at, what }) => [at, what])).toEqual([
      [1, 'written'],
      [10, 'failed'],
      [13, 'failed'],
      [20, 'written'],
      [30, 'failed'],
    ]);
  });

  it('is read from the oldest on, however long it is', () => {
    for (let at = 0; at < 1203; at++) store.audit({ at, what: 'started', message: `no. ${at}` });
    const read = [...store.auditLog()];
    expect(read.map(({ at }) => at)).toEqual(Array.from({ length: 1203 }, (_, at) => at));
    store.prune({ history: 0, audit: 1200 });
    expect([...store.auditLog()].map(({ at }) => at)).toEqual([1200, 1201, 1202]);
  });
});

describe('what is kept under a name', () => {
  const seen = {
    version: 1,
    instances: [],
    readyUnder: 'i',
    transactions: [],
    firstLook: null,
    acceptedUnder: null,
  } as const;

  it('comes back as it was', () => {
    expect(store.source('opal')).toBeUndefined();
    store.saveSource('opal', seen);
    store.saveSource('opal', { ...seen, readyUnder: 'j' });
    expect(store.source('opal')).toEqual({ ...seen, readyUnder: 'j' });
  });

  it('are definitions, replaced one by one', () => {
    store.saveDefinitions(
      [
        { key: 'b', file: 'b.yaml', text: 'old' },
        { key: 'a', file: 'a.yaml', text: 'a' },
      ],
      [],
    );
    store.saveDefinitions([{ key: 'b', file: 'b.yaml', text: 'new' }], ['a', 'never']);
    expect(store.definitions()).toEqual([{ key: 'b', file: 'b.yaml', text: 'new' }]);
  });

  it('is a secret, made once per name', () => {
    const secret = store.secret('callback');
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(store.secret('callback')).toBe(secret);
    expect(store.secret('other')).not.toBe(secret);
  });
});
