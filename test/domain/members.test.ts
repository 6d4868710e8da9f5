import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareCodePoints } from '../../src/domain/code-points.ts';
import { hasJsonBytes, membersJsonBytes } from '../../src/domain/members-json.ts';
import {
  difference,
  fetchedMembers,
  intersection,
  type Members,
  membersOf,
  replacedAt,
  sameMembers,
  subtract,
  union,
} from '../../src/domain/members.ts';

/** Also characters above U+FFFF and just below it, which UTF-16 orders the other way round. */
const name = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '￿', '😀', '\n'), maxLength: 3 });
const names = fc.array(name, { maxLength: 30 });

function sorted(all: Iterable<string>): string[] {
  return [...new Set(all)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** As they lie in memory, or as the state hands them out. */
function setsOf(values: readonly string[]): readonly Members[] {
  const here = membersOf(values);
  return [here, fetchedMembers(here.size, here.hash, () => [...here.values()])];
}

function list(members: Members): string[] {
  return [...members.values()];
}

describe('a set of members', () => {
  it('is sorted by code point as OPA sorts, without doubles, with a hash of its members', () => {
    fc.assert(
      fc.property(names, values => {
        const members = membersOf(values);
        const wanted = sorted(values);
        expect(list(members)).toEqual(wanted);
        expect(members.size).toBe(wanted.length);
        const text = wanted.map(member => `${member}\n`).join('');
        expect(members.hash).toBe(createHash('sha256').update(text).digest('hex'));
        expect(Buffer.from(membersJsonBytes(members)).toString()).toBe(JSON.stringify(wanted));
        for (const member of [...values, 'c', '']) expect(members.has(member)).toBe(values.includes(member));
      }),
    );
  });

  it('has the same hash however long it is', () => {
    const many = Array.from({ length: 5_000 }, (_, index) => `user-${index + 10_000}`);
    const text = many.map(member => `${member}\n`).join('');
    expect(membersOf(many).hash).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it('joins, cuts and compares as sets do', () => {
    fc.assert(
      fc.property(names, names, (left, right) => {
        for (const one of setsOf(left)) {
          for (const other of setsOf(right)) {
            expect(list(union(one, other))).toEqual(sorted([...left, ...right]));
            expect(list(intersection(one, other))).toEqual(sorted(left.filter(member => right.includes(member))));
            expect(list(subtract(one, other))).toEqual(sorted(left.filter(member => !right.includes(member))));
            const { added, removed } = difference(one, other);
            expect(list(added)).toEqual(sorted(right.filter(member => !left.includes(member))));
            expect(list(removed)).toEqual(sorted(left.filter(member => !right.includes(member))));
            const same = JSON.stringify(sorted(left)) === JSON.stringify(sorted(right));
            expect(sameMembers(one, other)).toBe(same);
            expect(sameMembers(one, other)).toBe(same);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('takes others in place of some, if they fit there', () => {
    fc.assert(
      fc.property(names, fc.nat(), fc.nat(), names, (values, at, count, fresh) => {
        const members = membersOf(values);
        const start = at % (members.size + 1);
        const end = Math.min(members.size, start + (count % 4));
        const put = sorted(fresh).slice(0, 3);
        const wanted = list(members).toSpliced(start, end - start, ...put);
        const fits = JSON.stringify(wanted) === JSON.stringify(sorted(wanted));
        const replaced = replacedAt(members, start, end, put);
        expect(replaced && list(replaced)).toEqual(fits ? wanted : undefined);
      }),
    );
  });

  it('takes many in place of some', () => {
    const many = Array.from({ length: 30_000 }, (_, index) => `b${index + 10_000}`);
    const replaced = replacedAt(membersOf(['a', 'b', 'c']), 1, 2, many);
    expect(replaced && list(replaced)).toEqual(['a', ...many, 'c']);
  });

  it('knows the hash and the difference of what came from another, however much of it was hashed before', () => {
    const all = Array.from({ length: 200_000 }, (_, index) => `u${index + 100_000}`);
    const first = membersOf(all);
    for (const [hashed, at, count, put] of [
      [false, 5, 1, ['u100005x']],
      [true, 3, 2, []],
      [true, 65_536, 1, ['u165535z', 'u165536x']],
      [true, 131_071, 1, []],
      [true, 150_000, 3, ['u250001']],
      [true, 200_000, 0, ['u300000']],
    ] as const) {
      if (hashed) expect(first.hash).toBe(membersOf(all).hash);
      const replaced = replacedAt(first, at, at + count, put) ?? membersOf([]);
      const wanted = all.toSpliced(at, count, ...put);
      const anew = membersOf(wanted);
      expect(sameMembers(replaced, first)).toBe(false);
      expect([replaced.size, replaced.hash]).toEqual([anew.size, anew.hash]);
      const gone = all.slice(at, at + count).filter(member => !(put as readonly string[]).includes(member));
      const forth = difference(first, replaced);
      expect([list(forth.added), list(forth.removed)]).toEqual([put.filter(member => !all.includes(member)), gone]);
      const back = difference(replaced, first);
      expect([list(back.added), list(back.removed)]).toEqual([list(forth.removed), list(forth.added)]);
    }
  });

  it('gives the bytes that somebody has as long as they are had', () => {
    const members = membersOf(['a', 'b']);
    const bytes = Buffer.from('["a","b"]');
    hasJsonBytes(members, bytes);
    expect(membersJsonBytes(members)).toBe(bytes);
  });

  it('orders as bytes of UTF-8 do', () => {
    fc.assert(
      fc.property(name, name, (left, right) => {
        const wanted = Math.sign(Buffer.compare(Buffer.from(left), Buffer.from(right)));
        expect(Math.sign(compareCodePoints(left, right))).toBe(wanted);
      }),
    );
  });
});
