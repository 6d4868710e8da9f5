import { array, assert, integer, nat, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { membersOf, noMembers } from '../../src/domain/members.ts';
import { picked, seeded, strangers } from '../../src/tasks/strangers.ts';

const names = array(string({ unit: 'binary', minLength: 1, maxLength: 20 }), { maxLength: 40 }).map(all =>
  membersOf(all),
);

describe('strangers', () => {
  it('are as many as asked for, all different, none of them inside, the same for the same seed', () => {
    assert(
      property(names, names, nat(), integer({ min: 0, max: 300 }), (near, other, seed, count) => {
        const options = { insiders: (name: string) => near.has(name), near, others: [other], seed, count };
        const found = strangers(options);
        expect(new Set(found).size).toBe(count);
        expect(found.filter(name => near.has(name) || name === '' || !name.isWellFormed())).toEqual([]);
        expect(strangers(options)).toEqual(found);
      }),
      { numRuns: 50 },
    );
  });

  it('another seed, others', () => {
    const near = membersOf(Array.from({ length: 500 }, (_, index) => `user-${index}`));
    const of = (seed: number) => strangers({ insiders: name => near.has(name), near, others: [], seed, count: 200 });
    expect(of(1)).not.toEqual(of(2));
  });

  it('are nearly members, members of something else, and names made up', () => {
    const near = membersOf(['alice@example.com', 'bob$$b']);
    const others = [membersOf(['carol', 'dave'])];
    const found = strangers({ insiders: name => near.has(name), near, others, seed: 1, count: 200 });
    expect(found).toEqual(
      expect.arrayContaining([
        'ALICE@EXAMPLE.COM',
        'Alice@example.com',
        'alice@example.co',
        'lice@example.com',
        'alice@example.com ',
        ' alice@example.com',
        'alice@example.comx',
        '"alice@example.com"',
        'alice@example.com,alice@example.com',
        'bob$b',
        'bobb',
        'carol',
        'dave',
        '__proto__',
        '*',
      ]),
    );
    // One that only looks the same: with the same letters when the strange ones are left out, it is shorter.
    expect(found.some(name => name.length === 17 && /[^\x20-\x7e]/.test(name))).toBe(true);
    expect(found.filter(name => /^[a-z0-9._-]{6,15}(@example\.com)?$/.test(name)).length).toBeGreaterThan(50);
  });

  it('there are some where nobody is known', () => {
    expect(strangers({ insiders: () => false, near: noMembers, others: [], seed: 3, count: 50 })).toHaveLength(50);
  });

  it('picked: all of a small set, else so many of it', () => {
    const set = membersOf(Array.from({ length: 100 }, (_, index) => `user-${index}`));
    expect(picked(set, 100, seeded(1))).toEqual([...set.values()]);
    const some = picked(set, 10, seeded(1));
    expect(some).toHaveLength(10);
    expect(some.every(name => set.has(name))).toBe(true);
  });
});
