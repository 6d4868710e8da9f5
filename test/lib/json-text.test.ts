import { array, assert, constantFrom, integer, json, jsonValue, property, string, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isShallow, JsonTextError, membersAt, parseJsonText } from '../../src/lib/json-text.ts';

function fault(text: string): string {
  try {
    parseJsonText(text);
  } catch (error) {
    if (error instanceof JsonTextError) return `${error.line}:${error.column} ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('parseJsonText', () => {
  it.each([
    ['{"a": 1}', 'none'],
    ['{"a" 1}', '1:6 A colon is missing here'],
    ['{\n  "a": 1\n  "b": 2\n}', '3:3 A comma or } is missing here'],
    ['{"a": [1, 2}', '1:12 A comma or ] is missing here'],
    ['{"a": 1,}', '1:9 A key in double quotes is missing here'],
    ['[1,]', '1:4 A value is missing here'],
    ["{'a': 1}", '1:2 A key in double quotes is missing here'],
    ['{"a": nul}', '1:7 A value is missing here'],
    ['{"a": 01}', '1:8 A comma or } is missing here'],
    ['"a\\x"', '1:3 An escape that JSON does not know'],
    ['"a\nb"', '1:3 A line end or control character inside a string'],
    ['{"a": "b', '1:9 The text ends in the middle'],
    ['\ufeff{}', '1:1 A value is missing here'],
    ['{} {}', '1:4 The JSON text goes on after its end'],
    ['', '1:1 The text ends in the middle'],
    ['['.repeat(600), '1:502 Values are nested deeper than 500 levels'],
  ])('%j: %s', (text, expected) => {
    expect(fault(text)).toBe(expected);
  });

  it('agrees with JSON.parse on texts that somebody damaged, and never quotes them', () => {
    const damage = tuple(
      json(),
      array(tuple(integer({ min: 0, max: 200 }), constantFrom('', '"', '\\', '{', '}', ',', '1', 'x', '\n', '-'))),
    );
    assert(
      property(damage, ([text, cuts]) => {
        let broken = text;
        for (const [at, by] of cuts)
          broken = broken.slice(0, at % (broken.length + 1)) + by + broken.slice((at % (broken.length + 1)) + 1);
        let value: unknown;
        try {
          value = JSON.parse(broken);
        } catch {
          expect(() => parseJsonText(broken)).toThrow(JsonTextError);
          expect(fault(broken)).not.toContain('The text is no JSON');
          return;
        }
        expect(parseJsonText(broken)).toEqual(value);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('membersAt', () => {
  it('gives each value as it stands in the text', () => {
    const entry = tuple(string({ unit: 'binary' }), jsonValue());
    assert(
      property(array(entry, { maxLength: 8 }), constantFrom(0, 1, 4), (entries, indent) => {
        const once = new Map(entries);
        const text = ` {${[...once].map(([key, value]) => `${JSON.stringify(key)} : ${JSON.stringify(value, null, indent)}`).join(' ,\n')}}`;
        const found = membersAt(text, 1);
        expect(found.map(({ key, from, to }) => [key, text.slice(from, to)])).toEqual(
          [...once].map(([key, value]) => [key, JSON.stringify(value, null, indent)]),
        );
      }),
    );
  });

  it('refuses a key that is there twice, however it is written', () => {
    expect(() => membersAt('{"a": 1, "\\u0061": 2}', 0)).toThrow('A key is there twice');
  });
});

it('a value is shallow as long as it can be walked through', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown;
  expect(isShallow(deep)).toBe(false);
  expect(isShallow({ users: ['alice'], fields: { deep } })).toBe(false);
  expect(isShallow({ users: ['alice'], fields: { tags: [1, null, { a: 'b' }] } })).toBe(true);
  expect(isShallow([[[]]], 2)).toBe(false);
  expect(isShallow([[[]]], 3)).toBe(true);
});
