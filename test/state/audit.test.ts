import { array, assert, integer, property, string, tuple, uniqueArray } from 'fast-check';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { membersOf } from '../../src/domain/members.ts';
import type { AuditEntry, StateStore } from '../../src/domain/state.ts';
import { silentLog } from '../../src/lib/log.ts';
import { migrations } from '../../src/state/migrations.ts';
import { memoryState, openState } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { address, became, list, write } from '../support/state-changes.ts';
import { tempFolder } from '../support/temp-folder.ts';

const denied: AuditEntry = { at: 1, what: 'denied', member: 'alice', by: 'oncall', until: 100, message: 'left' };

function stateWith(auditUsers: boolean): StateStore {
  return memoryState({ instance: 'test', clock: createFakeClock(), auditUsers });
}

function openIn(folder: string, auditUsers = false): StateStore {
  return openState({ folder, instance: 'test', clock: createFakeClock(), log: silentLog, access: 'own', auditUsers });
}

function linesOf(store: StateStore, toggle = 'us-feature') {
  return [...store.auditLines({ toggle })].map(({ entry, ...line }) => ({
    at: entry.at,
    what: entry.what,
    granted: [...line.granted()].sort(),
    revoked: [...line.revoked()].sort(),
  }));
}

function tagsOf(store: StateStore, ...members: string[]): string[] {
  return members.map(member => store.memberTag(member)).sort();
}

describe('a line about a member', () => {
  it('has a keyed hash in the place of the name, the same for the same member', () => {
    const store = stateWith(false);
    store.audit(denied);
    const [line] = store.auditLog();
    expect(line).toEqual({ ...denied, member: store.memberTag('alice') });
    expect(line?.member).toMatch(/^h:[0-9a-f]{16}$/);
    expect(store.memberTag('alice')).toBe(store.memberTag('alice'));
    expect(store.memberTag('bob')).not.toBe(store.memberTag('alice'));
  });

  it('is hashed with another key in another state', () => {
    expect(stateWith(false).memberTag('alice')).not.toBe(stateWith(false).memberTag('alice'));
  });

  it('has the name where the configuration says so, until it says so no more', () => {
    const folder = tempFolder();
    const named = openIn(folder, true);
    named.audit(denied);
    expect([...named.auditLog()]).toEqual([denied]);
    expect(named.sealAudit(1000)).toBe(false);
    expect([...named.auditLog()]).toEqual([denied]);
    named.close();
    const hashed = openIn(folder);
    expect(hashed.sealAudit(1000)).toBe(false);
    expect([...hashed.auditLog()]).toEqual([{ ...denied, member: hashed.memberTag('alice') }]);
    hashed.close();
  });

  it('is among those of any toggle for who asks about the member', () => {
    const store = stateWith(false);
    store.audit(denied);
    expect([...store.auditLines({ toggle: 'any', member: 'alice' })]).toHaveLength(1);
    expect([...store.auditLines({ toggle: 'any', member: 'bob' })]).toEqual([]);
    expect([...store.auditLines({ toggle: 'any' })]).toEqual([]);
  });
});

describe('a line of a write', () => {
  it('tells whom it let in and took out, before and after their names are gone', () => {
    const store = stateWith(false);
    store.record(address, [became(list('create')), became(write({ before: [], after: ['alice', 'bob'] }))], 10);
    store.record(address, [became(write({ before: ['alice', 'bob'], after: ['bob', 'carol'] }))], 20);
    const expected = [
      { at: 10, what: 'written', granted: [], revoked: [] },
      { at: 10, what: 'written', granted: tagsOf(store, 'alice', 'bob'), revoked: [] },
      { at: 20, what: 'written', granted: tagsOf(store, 'carol'), revoked: tagsOf(store, 'alice') },
    ];
    const touched = (member: string) => [...store.auditLines()].map(line => line.touched(member));
    for (const seal of [false, true]) {
      if (seal) expect(store.sealAudit(1000)).toBe(false);
      expect(linesOf(store)).toEqual(expected);
      expect(touched('alice')).toEqual([undefined, 'granted', 'revoked']);
      expect(touched('carol')).toEqual([undefined, undefined, 'granted']);
      expect(touched('dave')).toEqual([undefined, undefined, undefined]);
    }
  });

  it('holds no name once it is hashed and its set is used no more', () => {
    const folder = tempFolder();
    const store = openIn(folder);
    store.record(address, [became(list('create')), became(write({ before: [], after: ['canary-alice'] }))], 10);
    store.record(address, [became(write({ before: ['canary-alice'], after: ['bob', 'carol'] }))], 20);
    store.sealAudit(1000);
    store.close();
    const later = openIn(folder);
    later.prune({ history: 30, audit: 0 });
    later.close();
    const db = new DatabaseSync(join(folder, 'state.db'));
    const rows = ['audit', 'audit_hashes', 'members'].flatMap(table => db.prepare(`SELECT * FROM ${table}`).all());
    db.close();
    const text = rows
      .flatMap(row => Object.values(row))
      .map(value => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)))
      .join('\n');
    expect(text).toContain('written');
    expect(text).not.toContain('canary-alice');
  });

  it('tells for which commit, by whose approval and whether it was opened or closed', () => {
    const store = stateWith(false);
    store.audit({ at: 1, what: 'commit', commit: 'c1' });
    const block = {
      id: 'k1',
      scope: 'audience' as const,
      reason: 'revocations' as const,
      source: 'opal',
      audience: 'a1',
      placements: [],
      revoked: membersOf(['alice']),
      granted: membersOf([]),
      of: 2,
      message: 'too many',
      removals: [],
      instance: null,
    };
    store.approveBlock(block, 'oncall', 1000, 5);
    store.record(address, [became(list('create'))], 8);
    const change = write({ before: [], after: ['bob'], approval: 'k1', revision: 'r1' });
    store.intend(address, [change], 9);
    store.audit({ at: 9, what: 'commit', commit: 'c2' });
    store.record(address, [became(change)], 10);
    store.record(address, [became(write({ before: ['bob'], after: [], on: false }))], 20);
    const written = [...store.auditLog()].filter(({ what, environment }) => what === 'written' && environment);
    expect(written).toMatchObject([
      { commit: 'c1', revision: 'r1', approval: 'k1', by: 'oncall', on: true },
      { commit: 'c2', on: false },
    ]);
  });
});

describe('a write whose answer was lost', () => {
  function crashed(folder: string): StateStore {
    const first = openIn(folder);
    first.audit({ at: 1, what: 'commit', commit: 'c1' });
    first.record(address, [became(list('create')), became(write({ before: [], after: ['alice'] }))], 10);
    const change = write({ before: ['alice'], after: ['bob'], revision: 'r2', approval: 'window of opal' });
    first.intend(address, [change], 20);
    first.close();
    return openIn(folder);
  }

  it('has its line when it is found in the target, and only one', () => {
    const store = crashed(tempFolder());
    for (const at of [30, 40]) {
      store.observed(address, 'us-feature/production', { on: true, who: membersOf(['bob']) }, at);
    }
    expect([...store.auditLog()].filter(({ what }) => what === 'written').slice(2)).toEqual([
      {
        at: 30,
        what: 'written',
        toggle: 'us-feature',
        target: 'rest',
        environment: 'production',
        source: 'opal',
        granted: 1,
        revoked: 1,
        causes: ['data'],
        commit: 'c1',
        revision: 'r2',
        approval: 'window of opal',
        message: 'The target did not say that it was written; it was found there.',
      },
    ]);
    const last = [...store.auditLines()].at(-1);
    expect([last?.touched('bob'), last?.touched('alice')]).toEqual(['granted', 'revoked']);
    store.close();
  });

  it('has none when it never came there', () => {
    const store = crashed(tempFolder());
    store.observed(address, 'us-feature/production', { on: true, who: membersOf(['alice']) }, 30);
    expect([...store.auditLog()].filter(({ what }) => what === 'written')).toHaveLength(2);
    store.close();
  });
});

describe('hashing', () => {
  it('goes on over many calls and comes to the same', () => {
    const member = string({ minLength: 1, maxLength: 5 });
    assert(
      property(
        array(tuple(uniqueArray(member), uniqueArray(member)), { minLength: 1, maxLength: 5 }),
        integer({ min: 1, max: 7 }),
        (steps, most) => {
          const store = stateWith(false);
          steps.forEach(([before, after], at) => store.record(address, [became(write({ before, after }))], at));
          const before = linesOf(store);
          let calls = 0;
          while (store.sealAudit(most)) calls++;
          expect(linesOf(store)).toEqual(before);
          expect(calls).toBeLessThanOrEqual(steps.flat(2).length + steps.length * 2);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('keeps a list once, however many lines have it, and drops it with the last of them', () => {
    const folder = tempFolder();
    const store = openIn(folder);
    const all = Array.from({ length: 300 }, (_, index) => `user-${index}`);
    for (const [at, key] of ['a', 'b', 'c'].entries()) {
      store.record(address, [became(write({ key, before: [], after: all }))], at);
    }
    while (store.sealAudit(50));
    const count = () => {
      const db = new DatabaseSync(join(folder, 'state.db'), { readOnly: true });
      const found = db.prepare('SELECT count(*) AS count, max(length(body)) AS length FROM audit_hashes').get();
      db.close();
      return { ...found };
    };
    expect(count()).toEqual({ count: 1, length: 2400 });
    store.prune({ history: 0, audit: 2 });
    expect(count()).toEqual({ count: 1, length: 2400 });
    expect([...store.auditLines()].map(line => line.touched('user-299'))).toEqual(['granted']);
    store.prune({ history: 0, audit: 3 });
    expect(count()).toEqual({ count: 0, length: null });
    store.close();
  });
});

describe('a log that grows', () => {
  it('loses its oldest rows over the most that are kept', () => {
    const store = stateWith(false);
    for (let at = 1; at <= 10; at++) store.audit({ at, what: 'started' });
    store.prune({ history: 0, audit: 0, auditRows: 3 });
    expect([...store.auditLog()].map(({ at }) => at)).toEqual([8, 9, 10]);
  });
});

it('reads lines of the first form of the state', () => {
  const folder = tempFolder();
  openIn(folder).close();
  const file = join(folder, 'state.db');
  const old = new DatabaseSync(file);
  const drop = old.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all();
  old.exec('PRAGMA foreign_keys = OFF');
  const meta = old.prepare('SELECT name, value FROM meta').all() as { name: string; value: string }[];
  for (const { name } of drop) old.exec(`DROP TABLE ${String(name)}`);
  old.exec(migrations[0]?.sql ?? '');
  for (const { name, value } of meta) old.prepare('INSERT INTO meta VALUES (?, ?)').run(name, value);
  old.exec(`PRAGMA user_version = 1; INSERT INTO audit (at, entry)
            VALUES (5, '{"what":"written","toggle":"us-feature","granted":2}'), (6, '{"what":"stopped"}')`);
  old.close();
  const store = openIn(folder);
  expect(linesOf(store)).toEqual([{ at: 5, what: 'written', granted: [], revoked: [] }]);
  expect([...store.auditLog()]).toHaveLength(2);
  store.close();
});
