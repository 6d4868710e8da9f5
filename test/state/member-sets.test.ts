import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { difference, type Members, membersOf, noMembers } from '../../src/domain/members.ts';
import { ProblemError } from '../../src/domain/problem.ts';
import { Database } from '../../src/state/database.ts';
import { bringToForm } from '../../src/state/form.ts';
import { MemberSets } from '../../src/state/member-sets.ts';

function opened(): { db: Database; sets: MemberSets; again: () => MemberSets } {
  const db = new Database('in memory', { location: ':memory:' });
  bringToForm(db, { folder: 'f', instance: 'i', version: '1' }, 0);
  return { db, sets: new MemberSets(db), again: () => new MemberSets(db) };
}

function many(count: number, prefix = 'user'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${String(index).padStart(6, '0')}`);
}

function rows(db: Database): { hash: string; form: string; base: number | null; bytes: number }[] {
  return db.all('SELECT hash, form, base, length(body) AS bytes FROM members ORDER BY id');
}

/** As it comes from the file, without what is still in memory. */
function readBack(sets: MemberSets, members: Members): string[] {
  return [...sets.get(members.hash, members.size).values()];
}

describe('a set', () => {
  it('is stored once, however often it is put', () => {
    const { db, sets } = opened();
    const id = sets.put(membersOf(['b', 'a']));
    expect(sets.put(membersOf(['a', 'b']))).toBe(id);
    expect(sets.put(noMembers)).not.toBe(id);
    expect(rows(db)).toHaveLength(2);
  });

  it('is one object for as long as somebody has it', () => {
    const { sets, again } = opened();
    const members = membersOf(['a', 'b']);
    const id = sets.put(members);
    expect(sets.byId(id)).toBe(members);
    const other = again();
    const fetched = other.byId(id);
    expect(fetched).not.toBe(members);
    expect(other.get(members.hash, 2)).toBe(fetched);
    expect(fetched).toMatchObject({ size: 2, hash: members.hash });
    expect([fetched.has('a'), fetched.has('c')]).toEqual([true, false]);
    expect(difference(fetched, membersOf(['b', 'c']))).toMatchObject({ added: { size: 1 }, removed: { size: 1 } });
  });

  it.each([
    ['no member', []],
    ['plain names', ['alice', 'bob']],
    ['names beyond ASCII, in the order of code points', ['\u{e000}', '\u{ffff}', '\u{1f600}', 'é']],
    ['a line feed in a name', ['a\nb', 'c']],
    ['half a character', ['a\ud800', 'b']],
    ['long names', ['x'.repeat(1024), 'ü'.repeat(500)]],
  ])('with %s comes back as it was', (_, names) => {
    const { sets, again } = opened();
    const members = membersOf(names);
    sets.put(members);
    expect(readBack(again(), members)).toEqual([...members.values()]);
  });

  it('comes back as it was, whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1 }).filter(name => !name.includes('\n'))),
        names => {
          const { sets, again } = opened();
          const members = membersOf(names);
          sets.put(members);
          expect(readBack(again(), members)).toEqual([...members.values()]);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('that was damaged in the file is not used', () => {
    for (const near of [false, true]) {
      const { db, sets, again } = opened();
      const first = membersOf(many(300));
      const id = sets.put(first);
      const members = membersOf([...many(300), 'zoe']);
      sets.put(members, near ? id : null);
      db.run(
        "UPDATE members SET body = CAST(replace(CAST(body AS TEXT), 'zoe', 'zor') AS BLOB) WHERE hash = ?",
        members.hash,
      );
      let caught: unknown;
      try {
        again().get(members.hash, members.size).has('alice');
      } catch (error) {
        caught = error;
      }
      expect(caught).toBeInstanceOf(ProblemError);
      expect((caught as ProblemError).problem).toMatchObject({ code: 'state-corrupt' });
      expect((caught as ProblemError).problem.hint).toBeTruthy();
    }
  });
});

describe('a large set that differs little from another', () => {
  it('is a delta, of the first and never of another delta', () => {
    const { db, sets, again } = opened();
    const base = membersOf(many(1000));
    const id = sets.put(base);
    let near = id;
    const later = [1, 2, 3].map(step => membersOf([...many(1000).slice(step), `zoe-${step}`]));
    for (const members of later) near = sets.put(members, near);
    expect(rows(db).map(({ form, base: of }) => [form, of])).toEqual([
      ['lines', null],
      ['delta', id],
      ['delta', id],
      ['delta', id],
    ]);
    expect(rows(db)[3]?.bytes).toBeLessThan(100);
    for (const members of later) expect(readBack(again(), members)).toEqual([...members.values()]);
  });

  it('is told from the change itself where that is known', () => {
    const { db, sets, again } = opened();
    let members = membersOf(many(1000));
    let id = sets.put(members);
    for (const [granted, revoked] of [
      [['zoe'], []],
      [['yan'], ['zoe']],
      [[], ['user-000500']],
      [['user-000500'], ['yan', 'user-000001']],
    ] as const) {
      const after = membersOf([...[...members.values()].filter(name => !revoked.includes(name as never)), ...granted]);
      id = sets.put(after, id, { from: members, granted: membersOf(granted), revoked: membersOf(revoked) });
      members = after;
      expect(readBack(again(), after)).toEqual([...after.values()]);
    }
    expect(rows(db).map(({ form }) => form)).toEqual(['lines', 'delta', 'delta', 'delta', 'delta']);
    expect(rows(db)[4]?.bytes).toBe(JSON.stringify([[], ['user-000001']]).length);
  });

  it('is not believed where the change does not add up', () => {
    const { sets, again } = opened();
    const members = membersOf(many(1000));
    const id = sets.put(members);
    const after = membersOf([...many(1000), 'yan', 'zoe']);
    sets.put(after, id, { from: members, granted: membersOf(['yan']), revoked: noMembers });
    expect(readBack(again(), after)).toEqual([...after.values()]);
  });

  it('is whole when it is small, or differs much', () => {
    const { db, sets } = opened();
    const small = sets.put(membersOf(many(100)));
    sets.put(membersOf(many(101)), small);
    const large = sets.put(membersOf(many(1000)));
    sets.put(membersOf(many(1200)), large);
    sets.put(membersOf([...many(900), ...many(100, 'other')]), large);
    expect(rows(db).map(({ form }) => form)).toEqual(Array(5).fill('lines'));
  });

  it('comes back as it was, after any chain of changes', () => {
    const step = fc.record({
      gone: fc.uniqueArray(fc.nat(499), { maxLength: 12 }),
      fresh: fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4, unit: 'grapheme' }), { maxLength: 12 }),
      tells: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), steps => {
        const { sets, again } = opened();
        let members = membersOf(many(500));
        let id = sets.put(members);
        const all = [members];
        for (const { gone, fresh, tells } of steps) {
          const names = [...members.values()];
          const left = names.filter((_, index) => !gone.includes(index));
          const after = membersOf([...left, ...fresh.filter(name => !name.includes('\n'))]);
          const { added, removed } = difference(members, after);
          id = sets.put(after, id, tells ? { from: members, granted: added, revoked: removed } : undefined);
          members = after;
          all.push(after);
        }
        const cold = again();
        for (const one of all) expect(readBack(cold, one)).toEqual([...one.values()]);
      }),
      { numRuns: 60 },
    );
  });
});

describe('what nothing refers to', () => {
  it('goes, but not under who still has it, nor the base of what stays', () => {
    const { db, sets, again } = opened();
    const base = membersOf(many(300));
    const kept = membersOf([...many(300), 'zoe']);
    const dropped = membersOf(['alice']);
    const id = sets.put(base);
    const keptId = sets.put(kept, id);
    sets.put(dropped);
    const other = again();
    const held = other.get(dropped.hash, 1);
    other.prune(`SELECT ${keptId}`);
    expect([...held.values()]).toEqual(['alice']);
    again().prune(`SELECT ${keptId}`);
    expect(rows(db).map(({ hash }) => hash)).toEqual([base.hash, kept.hash]);
    expect(readBack(again(), kept)).toEqual([...kept.values()]);
    again().prune('SELECT 0');
    expect(rows(db)).toEqual([]);
  });

  it('is said to be gone when a reader beside the owner comes too late', () => {
    const { sets, again } = opened();
    const members = membersOf(['alice']);
    sets.put(members);
    const late = again().get(members.hash, 1);
    again().prune('SELECT 0');
    expect(() => late.has('alice')).toThrow(/changed while it was being read/);
  });
});

it('a set that is looked at member by member is read once, not once a member', () => {
  const db = new Database('in memory', { location: ':memory:' });
  bringToForm(db, { folder: 'in memory', instance: 'test', version: '1' }, 0);
  const names = Array.from({ length: 300 }, (_, at) => `user${at}`);
  const id = new MemberSets(db).put(membersOf(names));
  const set = new MemberSets(db).byId(id);
  const reads = vi.spyOn(db, 'get');
  expect(names.filter(name => set.has(name))).toHaveLength(300);
  expect(reads).toHaveBeenCalledTimes(1);
  db.close();
});
