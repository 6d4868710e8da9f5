import { styleText } from 'node:util';
import { inertLine } from './inert.ts';

export type Tone = 'good' | 'bad' | 'warn' | 'quiet' | 'plain';

/** A cell: text from anywhere, with a tone that shows only in color. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** The one column that is cut, with `…`, where the table is wider than the terminal. */
  readonly flexible?: boolean;
}

export interface Look {
  readonly color: boolean;
  /** Columns of the terminal; undefined: nothing is cut. */
  readonly width?: number | undefined;
}

const gap = '  ';
const narrowest = 12;

/**
 * Rows under titles in aligned columns, a line each, ended by a line end; empty columns are left out. Without borders:
 * lines stay easy to copy and to search. Own code, because table libraries take minutes for 50,000 rows.
 */
export function textTable(columns: readonly Column[], rows: readonly (readonly Cell[])[], look: Look): string {
  const shown = columns.map((_, index) => index).filter(index => rows.some(row => textOf(row[index]) !== ''));
  if (shown.length === 0) return '';
  const kept = shown.map(index => columns[index] as Column);
  const texts = rows.map(row => shown.map(index => inertLine(textOf(row[index]))));
  const widths = fittingWidths(kept, texts, look.width);
  const line = (cells: readonly string[], toneAt: (column: number) => Tone): string =>
    cells
      .map((text, index) => aligned(text, toneAt(index), kept[index]?.align, widths[index] as number, look))
      .join(gap)
      .trimEnd();
  const lines = [
    line(
      kept.map(column => column.title),
      () => 'quiet',
    ),
    ...texts.map((cells, row) => line(cells, column => toneOf(rows[row]?.[shown[column] as number]))),
  ];
  return `${lines.join('\n')}\n`;
}

function textOf(cell: Cell | undefined): string {
  return typeof cell === 'object' ? cell.text : (cell ?? '');
}

function toneOf(cell: Cell | undefined): Tone {
  return typeof cell === 'object' ? cell.tone : 'plain';
}

function aligned(text: string, tone: Tone, align: Column['align'], width: number, look: Look): string {
  const cut = shorten(text, width);
  const padding = ' '.repeat(Math.max(0, width - displayWidth(cut)));
  return align === 'right' ? padding + paint(cut, tone, look) : paint(cut, tone, look) + padding;
}

/** Each column as wide as its widest cell; where that is too wide for the terminal, the flexible one gives way. */
function fittingWidths(
  columns: readonly Column[],
  texts: readonly (readonly string[])[],
  width: number | undefined,
): number[] {
  const natural = columns.map((column, index) =>
    texts.reduce((most, cells) => Math.max(most, displayWidth(cells[index] ?? '')), displayWidth(column.title)),
  );
  const whole = natural.reduce((sum, each) => sum + each + gap.length, -gap.length);
  if (width === undefined || whole <= width) return natural;
  return natural.map((each, index) =>
    columns[index]?.flexible ? Math.min(each, Math.max(narrowest, each - (whole - width))) : each,
  );
}

function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let short = '';
  let used = 1;
  for (const character of text) {
    used += displayWidth(character);
    if (used > width) break;
    short += character;
  }
  return `${short.trimEnd()}…`;
}

const plainText = /^[\x20-\x7e\u2010-\u2027\u2190-\u2193\u2212]*$/;
const twice =
  /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[\uff01-\uff60]/u;

/** How many columns of a terminal a text takes, near enough: accents none, East Asian characters and emoji two. */
function displayWidth(text: string): number {
  if (plainText.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += /\p{M}/u.test(character) ? 0 : twice.test(character) ? 2 : 1;
  return width;
}

/** Text in the color of its tone, where color is asked for. */
export function paint(text: string, tone: Tone, look: Look): string {
  if (!look.color || tone === 'plain' || text === '') return text;
  const style = ({ good: 'green', bad: 'red', warn: 'yellow', quiet: 'dim' } as const)[tone];
  return styleText(style, text, { validateStream: false });
}
