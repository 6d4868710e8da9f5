import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerOf, isPrintableJson, mostMembers } from '../../src/audience/answer.ts';
import { compareCodePoints } from '../../src/domain/code-points.ts';

const name = 'app.rbac.us_users of source s';
const canary = 'canary-name';

function members(value: unknown): string[] | string {
  const answer = answerOf(value, name);
  return answer.state === 'defined' ? [...answer.members.values()] : answer.state;
}

describe('answerOf: defined', () => {
  it.each<[string, unknown, string[]]>([
    ['an empty array', [], []],
    ['an empty object', {}, []],
    ['doubles collapse', ['b', 'a', 'b'], ['a', 'b']],
    ['nothing is trimmed or folded', [' a', 'A', 'a', 'a '], [' a', 'A', 'a', 'a ']],
    ['only the keys that are true', { b: true, a: true, c: false }, ['a', 'b']],
    ['numbers as keys', { 10: true, 9: true }, ['10', '9']],
    ['a key that JavaScript finds special', JSON.parse('{"__proto__":true,"constructor":false}'), ['__proto__']],
    ['by code point above U+FFFF', ['\u{1f600}', '\uffee', 'z'], ['z', '\uffee', '\u{1f600}']],
    ['1,024 bytes', ['é'.repeat(512)], ['é'.repeat(512)]],
  ])('%s', (_, value, expected) => {
    expect(members(value)).toEqual(expected);
  });
});

describe('answerOf: failed, with type and place and no value', () => {
  it.each<[string, unknown, RegExp]>([
    ['null', null, /null/],
    ['a string', canary, /a string/],
    ['a number', 7, /a number/],
    ['true', true, /a boolean/],
    ['a number among members', ['a', 7, canary], /member 2 of 3 is a number/],
    ['null among members', [null, canary], /member 1 of 2 is null/],
    ['a list among members', [[canary]], /member 1 of 1 is an array/],
    ['an object among members', [{ id: canary }], /member 1 of 1 is an object/],
    ['an empty member', [canary, ''], /member 2 of 2 is empty/],
    ['a line feed', [`${canary}\n`], /control character/],
    ['DEL', [`${canary}\u007f`], /control character/],
    ['C1', [`${canary}\u0085`], /control character/],
    ['NUL', ['\u0000'], /control character/],
    ['a lone surrogate', [`${canary}\ud800`], /well-formed/],
    ['1,025 bytes', [`${canary}${'x'.repeat(1025 - canary.length)}`], /longer than 1024 bytes/],
    ['1,026 bytes of two each', ['é'.repeat(513)], /longer than 1024 bytes/],
    ['an object of strings', { [canary]: 'yes' }, /value 1 of 1 is a string/],
    ['an object with a null', { a: true, [canary]: null }, /value 2 of 2 is null/],
    ['an object with an empty key', { '': true }, /key 1 of 1 is empty/],
    ['a bad key even when false', { 'a\tb': false }, /key 1 of 1 holds a control/],
  ])('%s', (_, value, message) => {
    const answer = answerOf(value, name);
    if (answer.state !== 'failed') throw new Error(`was ${answer.state}`);
    expect(answer.error.message).toMatch(message);
    expect(answer.error.message).toContain(name);
    expect(answer.error.hint).toBeTruthy();
    expect(JSON.stringify(answer)).not.toContain(canary);
  });

  it('more members than the limit', () => {
    const answer = answerOf(Array.from({ length: mostMembers + 1 }).fill('a'), name);
    expect(answer).toMatchObject({ state: 'failed', error: { code: 'answer-too-many' } });
  });
});

it('no result is undefined, not empty', () => {
  expect(answerOf(undefined, name)).toEqual({ state: 'undefined' });
});

it('any strings: sorted by code point, each once, or failed', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), values => {
      const hostile = values.some(value => value === '' || /\p{Cc}/u.test(value));
      const answer = answerOf([...values], name);
      expect(answer.state).toBe(hostile ? 'failed' : 'defined');
      if (answer.state !== 'defined') return;
      expect([...answer.members.values()]).toEqual([...new Set(values)].sort(compareCodePoints));
    }),
  );
});

it('the quick way for printable text answers as the slow one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant('x'.repeat(1025)))),
      values => {
        const body = Buffer.from(JSON.stringify(values));
        const printable = isPrintableJson(body);
        expect(printable).toBe(/^[ -[\]-~]*$/.test(body.toString()));
        const quick = answerOf(JSON.parse(body.toString()), name, printable);
        const slow = answerOf(JSON.parse(body.toString()), name);
        expect(quick.state).toBe(slow.state);
        if (quick.state === 'defined' && slow.state === 'defined') expect(quick.members.hash).toBe(slow.members.hash);
      },
    ),
  );
});
