import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerOf, isPrintableJson } from '../../src/audience/answer.ts';
import { keepList, listIn, type ListText, nextList } from '../../src/audience/list-text.ts';
import { membersJsonBytes } from '../../src/domain/members-json.ts';
import type { Members } from '../../src/domain/members.ts';

/** What parsing the whole body gives. */
function parsed(body: Buffer): Members | undefined {
  try {
    const { result } = JSON.parse(body.toString()) as { result: unknown };
    const answer = answerOf(result, 'rule', isPrintableJson(body));
    return answer.state === 'defined' ? answer.members : undefined;
  } catch {
    return undefined;
  }
}

function bodyOf(members: readonly string[]): Buffer {
  return Buffer.from(`{"result":${JSON.stringify(members)}}\n`);
}

function kept(members: readonly string[]): ListText | undefined {
  const body = bodyOf(members);
  return keepList(body, parsed(body) as Members, 1);
}

/** Few letters, so that names share beginnings and ends; brackets and commas, so that bytes look like what they are not. */
const nameOf = (letters: readonly string[]) =>
  fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 4 });
const listOf = (letters: readonly string[]) =>
  fc.uniqueArray(nameOf(letters), { minLength: 1, maxLength: 60, size: 'max' }).map(names => names.sort());
const plain = ['a', 'b', '[', ']', ' ', ':', '}'];
const tricky = [...plain, ','];

describe('a list and the one before', () => {
  it('gives what parsing the whole would, or nothing', () => {
    let made = 0;
    const edit = fc.record({ at: fc.nat(), drop: fc.nat(2), put: fc.array(nameOf(tricky), { maxLength: 2 }) });
    fc.assert(
      fc.property(listOf(plain), edit, (before, { at, drop, put }) => {
        const old = kept(before);
        const after = [...new Set(before.toSpliced(at % before.length, drop, ...put))].sort();
        const next = old && nextList(old, bodyOf(after));
        if (!next) return;
        made++;
        expect([...next.members.values()]).toEqual(after);
        expect(next.bytes.toString()).toBe(JSON.stringify(after));
      }),
      { numRuns: 5_000 },
    );
    expect(made).toBeGreaterThan(500);
  });

  it('never takes for a list what is none: bytes changed at random', () => {
    const change = fc.record({
      at: fc.nat(),
      drop: fc.nat(3),
      put: fc.constantFrom('', '"', ',', '7', '\\', '","', 'a', ']', '['),
    });
    fc.assert(
      fc.property(fc.oneof(listOf(plain), listOf(tricky)), change, (before, { at, drop, put }) => {
        const old = kept(before);
        const text = bodyOf(before).toString();
        const place = at % text.length;
        const body = Buffer.from(text.slice(0, place) + put + text.slice(place + drop));
        const next = old && nextList(old, body);
        if (!next) return;
        const whole = parsed(body);
        expect(whole).toBeDefined();
        expect([...next.members.values()]).toEqual([...(whole as Members).values()]);
        expect(next.members.hash).toBe((whole as Members).hash);
        expect(Buffer.from(membersJsonBytes(next.members)).toString()).toBe(JSON.stringify([...next.members.values()]));
      }),
      { numRuns: 5_000 },
    );
  });

  it('is found from small differences in long lists: in front, in the middle, at the end', () => {
    const long = Array.from({ length: 3_000 }, (_, index) => `user-${String(index).padStart(6, '0')}@acme.com`);
    let old = kept(long);
    const steps: readonly (readonly string[])[] = [
      ['aaa', ...long],
      long,
      [...long, 'zz-extra'],
      long,
      long.toSpliced(1_500, 1),
      long.toSpliced(1_500, 10, 'user-001499@acme.com-b', 'user-001499@acme.com-c'),
      long,
      long.slice(1),
      long,
      long.slice(0, -1),
      long,
      long.filter((_, index) => index !== 700 && index !== 900),
    ];
    for (const step of steps) {
      const next: ListText | undefined = nextList(old as ListText, bodyOf(step));
      expect(next, `${step.length}`).toBeDefined();
      expect([...(next as ListText).members.values()]).toEqual(step);
      // The names that stayed are not copied.
      expect((next as ListText).bytes.toString()).toBe(JSON.stringify(step));
      old = next;
    }
  });

  it('leaves what it cannot be sure of to the parser', () => {
    expect(kept(['a', ',', 'b'])).toBeUndefined();
    expect(kept(['b', 'a'])).toBeUndefined();
    expect(kept(['a', 'a'])).toBeUndefined();
    expect(kept(['é'])).toBeUndefined();
    expect(kept(['a"b'])).toBeUndefined();
    const spaced = Buffer.from('{"result":["a", "b"]}');
    expect(keepList(spaced, parsed(spaced) as Members, 1)).toBeUndefined();
    expect(keepList(bodyOf(['a']), parsed(bodyOf(['a'])) as Members)).toBeUndefined();
    const tail = Array.from({ length: 100 }, (_, index) => `user-${index + 100}`);
    const rest = JSON.stringify(tail).slice(1, -1);
    const old = kept(['a', 'b', 'c', 'd', 'e', 'f', ...tail]) as ListText;
    expect(nextList(old, bodyOf(['a', 'b', 'bb', 'c', 'd', 'e', 'f', ...tail]))).toBeDefined();
    for (const wrong of [
      `["a","b",7,"c","d","e","f",${rest}]`,
      `["a","b","","c","d","e","f",${rest}]`,
      `["a","b","bb", "c","d","e","f",${rest}]`,
    ]) {
      expect(nextList(old, Buffer.from(`{"result":${wrong}}`)), wrong).toBeUndefined();
    }
    // In the wrong order, or twice: the whole is parsed, sorted and said so.
    expect(nextList(old, bodyOf(['a', 'b', 'aa', 'c', 'd', 'e', 'f', ...tail]))).toBeUndefined();
    expect(nextList(old, bodyOf(['a', 'b', 'b', 'c', 'd', 'e', 'f', ...tail]))).toBeUndefined();
  });

  it('finds the list in what OPA puts around it, and nothing else', () => {
    const list = (body: string) => listIn(Buffer.from(body))?.toString();
    expect(list('{"result":["a"]}\n')).toBe('["a"]');
    expect(list('{"decision_id":"1-2","result":["a"]}')).toBe('["a"]');
    expect(list('{"result":["a"],"warning":{"code":"x"}}')).toBe('["a"]');
    expect(list('{"result":[]}')).toBeUndefined();
    expect(list('{"result":[7]}')).toBeUndefined();
    expect(list('{"result":{"a":["b"]}}')).toBeUndefined();
    expect(list('{"x":{"result":["a"]}}')).toBeUndefined();
    expect(list('{"result":["a"]')).toBeUndefined();
    expect(list('')).toBeUndefined();
  });
});
