import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { textTable } from '../../src/report/table.ts';

const columns = [{ title: 'toggle' }, { title: 'users', align: 'right' as const }, { title: 'why', flexible: true }];

describe('a table', () => {
  it('aligns columns, numbers to the right, and ends no line with spaces', () => {
    expect(
      textTable(
        columns,
        [
          ['a', '1', 'x'],
          ['long-name', '1000', ''],
        ],
        { color: false },
      ),
    ).toBe('toggle     users  why\na              1  x\nlong-name   1000\n');
  });

  it('leaves out columns where no row says anything, and says nothing without rows', () => {
    expect(textTable(columns, [['a', '', 'x']], { color: false })).toBe('toggle  why\na       x\n');
    expect(textTable(columns, [], { color: false })).toBe('');
  });

  it('cuts the flexible column where the terminal is too narrow', () => {
    const text = textTable(columns, [['some-toggle', '12', 'a long reason that does not fit']], {
      color: false,
      width: 40,
    });
    expect(text).toBe('toggle       users  why\nsome-toggle     12  a long reason that…\n');
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(41);
  });

  it('counts wide characters twice and accents not at all', () => {
    const text = textTable(
      columns,
      [
        ['日本', '1', 'x'],
        ['e\u0301', '2', 'y'],
      ],
      { color: false },
    );
    expect(text.split('\n').slice(1, 3)).toEqual(['日本        1  x', 'e\u0301           2  y']);
  });

  it('aligns the same in color', () => {
    const rows = [['a', { text: '1', tone: 'good' as const }, { text: 'x', tone: 'bad' as const }]];
    const colored = textTable(columns, rows, { color: true });
    expect(colored).toContain('\u001b[32m1\u001b[39m');
    expect(stripVTControlCharacters(colored)).toBe(textTable(columns, rows, { color: false }));
  });
});
