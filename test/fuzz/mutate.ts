import * as fc from 'fast-check';

/** What breaks parsers, put anywhere into what was valid. */
const dangerous: readonly string[] = [
  '\u0000',
  '\u001b[2J',
  '\ufeff',
  '\u202e',
  '\ud800',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '\n',
  '\t',
  '\\u0000',
  '&a ',
  '*a',
  '<<: *a\n',
  '!!js/function ',
  '---\n',
  '%YAML 1.1\n',
  '? ',
  '| ',
  '> ',
  '__proto__',
  'constructor',
  'null',
  'true',
  '-0',
  '1e999',
  '9007199254740993',
  '0x10',
  '${HOME}',
  '${file:/etc/hostname}',
  '../../etc/passwd',
  '[[[[[[[[[[[[[[[[[[[[[[[[[[',
  '{a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: ',
];

type Edit =
  | { readonly kind: 'insert' | 'replace'; readonly at: number; readonly text: string; readonly length: number }
  | { readonly kind: 'cut' | 'repeat'; readonly at: number; readonly length: number };

const at = fc.double({ min: 0, max: 1, noNaN: true });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('insert' as const, 'replace' as const),
    at,
    text: fc.oneof(fc.constantFrom(...dangerous), fc.string({ unit: 'binary', maxLength: 8 })),
    length: fc.integer({ min: 1, max: 12 }),
  }),
  fc.record({
    kind: fc.constantFrom('cut' as const, 'repeat' as const),
    at,
    length: fc.integer({ min: 1, max: 60 }),
  }),
);

/** Texts that were valid before somebody touched them in a few places. */
export function mutated(...valid: readonly string[]): fc.Arbitrary<string> {
  const edits = fc.array(edit, { minLength: 1, maxLength: 6 });
  return fc.tuple(fc.constantFrom(...valid), edits).map(([text, all]) => all.reduce(applied, text));
}

function applied(text: string, change: Edit): string {
  const from = Math.floor(change.at * text.length);
  const rest = text.slice(from + change.length);
  switch (change.kind) {
    case 'insert':
      return text.slice(0, from) + change.text + text.slice(from);
    case 'replace':
      return text.slice(0, from) + change.text + rest;
    case 'cut':
      return text.slice(0, from) + rest;
    case 'repeat':
      return text.slice(0, from) + text.slice(from, from + change.length).repeat(20) + rest;
  }
}

/** The same for bytes: some are flipped, cut out or doubled. */
export function mutatedBytes(valid: Uint8Array, edits = 8): fc.Arbitrary<Uint8Array> {
  const one = fc.record({
    at,
    kind: fc.constantFrom('flip', 'cut', 'double'),
    value: fc.integer({ min: 0, max: 255 }),
  });
  return fc.array(one, { minLength: 1, maxLength: edits }).map(all => {
    let bytes = Buffer.from(valid);
    for (const { at: where, kind, value } of all) {
      const from = Math.min(bytes.length - 1, Math.floor(where * bytes.length));
      if (from < 0) break;
      if (kind === 'flip') bytes[from] = value;
      else if (kind === 'cut') bytes = Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + value)]);
      else bytes = Buffer.concat([bytes.subarray(0, from + 1), bytes.subarray(Math.max(0, from - value))]);
    }
    return bytes;
  });
}

/** So many levels of one thing in another: what recursion does not survive. */
export function nested(open: string, close: string, levels = 100_000): string {
  return open.repeat(levels) + close.repeat(levels);
}
