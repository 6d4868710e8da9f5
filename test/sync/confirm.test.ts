import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { difference, intersection, membersOf } from '../../src/domain/members.ts';
import { agreed } from '../../src/sync/confirm.ts';

const set = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')).map(names => membersOf(names));

describe('two answers', () => {
  test.each([
    ['abc', 'ab', 'ab', 'ab'],
    ['abc', 'ab', 'bc', 'abc'],
    ['abc', '', 'abc', 'abc'],
    ['ab', 'abcd', 'abce', 'abc'],
    ['ab', 'b', 'bc', 'b'],
    ['', '', '', ''],
  ])('from %j, %j and then %j is %j', (before, first, second, result) => {
    const of = (text: string) => membersOf(text.split(''));
    expect([...agreed(of(before), of(first), of(second)).values()]).toEqual(result.split(''));
  });

  test('only what both say is done', () => {
    fc.assert(
      fc.property(set, set, set, (before, first, second) => {
        const done = difference(before, agreed(before, first, second));
        const one = difference(before, first);
        const two = difference(before, second);
        expect(done.added.hash).toBe(intersection(one.added, two.added).hash);
        expect(done.removed.hash).toBe(intersection(one.removed, two.removed).hash);
      }),
    );
  });
});
