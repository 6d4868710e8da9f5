import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { formatProblem } from '../../src/domain/problem.ts';
import { parseYaml } from '../../src/load/yaml.ts';

const read = (text: string, aliases = 0) => parseYaml(text, 'a.yaml', { aliases, mergeKeys: aliases > 0 });
const lines = (text: string, aliases = 0) => read(text, aliases).problems.map(formatProblem);

/** Of this thread: waiting for a busy machine does not count. */
function msSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(began);
  return (user + system) / 1000;
}

describe('what YAML may not do', () => {
  it.each([
    ['a: 1\nb: 2\na: 3\n', 'a.yaml:3:1: The key "a" is already given at 1:1. Keep one.'],
    ['a: { b: 1, "b": 2 }\n', 'a.yaml:1:12: The key "b" is already given at 1:6. Keep one.'],
    ['a: &x 1\nb: *x\n', 'a.yaml:2:4: Aliases are not allowed here. Write the value out.'],
    ['a: *x\n', 'a.yaml:1:4: The alias *x names nothing that stands before it. Write the value out.'],
    ['a: !secret b\n', 'a.yaml:1:4: Tags such as !name are not allowed. Remove the tag; put text in quotes.'],
    ['a: !!set {b, c}\n', 'a.yaml:1:4: Tags such as !name are not allowed. Remove the tag; put text in quotes.'],
    ['a: !!binary aGk=\n', 'a.yaml:1:4: Tags such as !name are not allowed. Remove the tag; put text in quotes.'],
    ['a:\n\t- b\n', 'a.yaml:2:1: A tab is used as indentation. Indent with spaces.'],
    [
      'a: 1\n---\nb: 2\n',
      'a.yaml:2:1: A second document starts here. Put it in a file of its own, or remove the line `---`.',
    ],
    [
      '%YAML 1.1\n---\na: yes\n',
      'a.yaml:1:1: The file asks for another version of YAML than 1.2. Remove the %YAML line.',
    ],
    ['a: {t: ${X}}\n', 'a.yaml:1:9: The brace of a ${…} is read as YAML. Put the whole value in double quotes.'],
    ['a: "b\n', 'a.yaml:2:1: A closing quote, bracket or colon is missing. Close what was opened.'],
    ['__proto__: { x: 1 }\n', 'a.yaml:1:1: `__proto__` cannot be a key. Use a word as the key.'],
    ['? [a, b]\n: c\n', 'a.yaml:1:3: This key is not a plain name. Use a word as the key.'],
    ['~: 1\n', 'a.yaml:1:1: This key is not a plain name. Use a word as the key.'],
    [
      'a: .nan\n',
      'a.yaml:1:4: This number cannot be kept exactly. Put it in quotes, or use a number that JSON can hold.',
    ],
    [
      'a: 1e400\n',
      'a.yaml:1:4: This number cannot be kept exactly. Put it in quotes, or use a number that JSON can hold.',
    ],
    [
      'a: 9007199254740993\n',
      'a.yaml:1:4: This number cannot be kept exactly. Put it in quotes, or use a number that JSON can hold.',
    ],
  ])('%j', (text, problem) => {
    expect(lines(text)).toEqual([problem]);
  });

  it('tells all of them in one go', () => {
    expect(lines('a: 1\na: 2\nb: .inf\n')).toHaveLength(2);
  });

  it('nests 20 levels and no more', () => {
    const nested = (levels: number) => `${'['.repeat(levels)}1${']'.repeat(levels)}\n`;
    expect(read(nested(20)).problems).toEqual([]);
    expect(lines(nested(21))).toEqual(['a.yaml:1:21: Nested deeper than 20 levels. Make it flatter.']);
  });

  it('takes hostile text in bounded time and says little of it', () => {
    const size = 64 * 1024;
    const hostile = ['[', '{', '- ', '? ', ': ', '"', '&a ', '! ', '[a: b,', '%a\n', '"\\x', '- *a\n', 'a:\n'];
    for (const piece of hostile) {
      const began = process.threadCpuUsage();
      const found = read(piece.repeat(Math.floor(size / piece.length)));
      expect(found.value === undefined || found.problems.length > 0).toBe(true);
      expect(found.problems.length).toBeLessThanOrEqual(50);
      expect(msSince(began)).toBeLessThan(5_000);
    }
    const keys = Array.from({ length: 20_000 }, (_, index) => `k${index}: 1\n`).join('');
    const began = process.threadCpuUsage();
    expect(read(keys).problems).toEqual([]);
    expect(msSince(began)).toBeLessThan(3_000);
  });
});

describe('what YAML gives', () => {
  it.each([
    ['', null],
    ['# nothing\n', null],
    ['a: 2026-11-01\n', { a: '2026-11-01' }],
    ['a: yes\nb: on\nc: true\n', { a: 'yes', b: 'on', c: true }],
    ['1: a\n0x1: b\ntrue: c\n', { '1': 'a', '0x1': 'b', true: 'c' }],
    ['constructor: 1\ntoString: 2\n', { constructor: 1, toString: 2 }],
    ['a: 1\r\nb:\r\n  - c\r\n', { a: 1, b: ['c'] }],
    ['a:\nb: ~\n', { a: null, b: null }],
    ['a: 0x1f\nb: 1.5\n', { a: 31, b: 1.5 }],
    ['<<: { a: 1 }\n', { '<<': { a: 1 } }],
  ])('%j', (text, value) => {
    const found = read(text);
    expect(found.problems).toEqual([]);
    expect(found.value).toEqual(value);
  });
});

describe('aliases, where they are allowed', () => {
  it('are followed, also in merge keys, and what stands nearer wins', () => {
    const found = read('a: &x { b: 1, c: 2 }\nd: *x\ne:\n  <<: *x\n  c: 3\n', 100);
    expect(found.problems).toEqual([]);
    expect(found.value).toEqual({ a: { b: 1, c: 2 }, d: { b: 1, c: 2 }, e: { b: 1, c: 3 } });
    expect(found.place(['e', 'b'])).toEqual({ file: 'a.yaml', line: 1, column: 12 });
  });

  it('count again each time they are followed through another', () => {
    const bomb = ['a0: &a0 [x]'];
    for (let level = 1; level < 9; level++) {
      bomb.push(
        `a${level}: &a${level} [${Array(9)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
      );
    }
    expect(lines(bomb.join('\n'), 100)).toEqual(['a.yaml:4:10: More than 100 aliases. Write the value out.']);
    const many = (count: number) => `a: &x 1\nb: [${Array(count).fill('*x').join(', ')}]\n`;
    expect(read(many(100), 100).problems).toEqual([]);
    expect(read(many(101), 100).problems).toHaveLength(1);
  });

  it('cannot stand inside what they name, nor nest it deeper than anything may', () => {
    expect(lines('a: &x [*x]\n', 100)).toEqual([
      'a.yaml:1:8: The alias *x stands inside what it names. Write the value out.',
    ]);
    const deep = `a: &x ${'['.repeat(15)}${']'.repeat(15)}\nb: ${'['.repeat(6)}*x${']'.repeat(6)}\n`;
    expect(lines(deep, 100)).toEqual(['a.yaml:2:10: Nested deeper than 20 levels. Make it flatter.']);
  });
});

describe('places', () => {
  const word = fc.stringMatching(/^[a-z]{1,6}$/).filter(key => !['null', 'true', 'false'].includes(key));
  const tree = fc.letrec(tie => ({
    value: fc.oneof({ depthSize: 'small' }, word, fc.integer(), tie('list'), tie('map')),
    list: fc.array(tie('value'), { maxLength: 4 }),
    map: fc.dictionary(word, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  })).map;

  it('of any value is where the text of that value starts', () => {
    fc.assert(
      fc.property(tree, value => {
        const text = stringify(value);
        const found = read(text);
        expect(found.value).toEqual(value);
        const rows = text.split('\n');
        const visit = (here: unknown, path: (string | number)[]): void => {
          if (typeof here === 'object' && here !== null) {
            for (const [key, item] of Object.entries(here)) {
              const below = [...path, Array.isArray(here) ? Number(key) : key];
              if (!Array.isArray(here)) {
                const { line, column } = found.place(below, 'key');
                expect(rows[line - 1]?.slice(column - 1).startsWith(`${key}:`)).toBe(true);
              }
              visit(item, below);
            }
          } else {
            const { line, column } = found.place(path);
            expect(rows[line - 1]?.slice(column - 1)).toBe(String(here));
          }
        };
        visit(value, []);
      }),
    );
  });

  it('of what is not there are those of what is around it', () => {
    const found = read('a:\n  b: 1\n');
    expect(found.place(['a', 'x', 'y'])).toEqual({ file: 'a.yaml', line: 2, column: 3 });
    expect(found.place([])).toEqual({ file: 'a.yaml', line: 1, column: 1 });
  });
});
