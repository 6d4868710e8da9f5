/** Text that is no JSON: where, and what is wrong there, without quoting it. Lines and columns start at 1. */
export class JsonTextError extends Error {
  override readonly name = 'JsonTextError';
  readonly line: number;
  readonly column: number;

  constructor(text: string, offset: number, what: string) {
    super(what);
    const before = text.slice(0, offset);
    this.line = before.split('\n').length;
    this.column = offset - before.lastIndexOf('\n');
  }
}

/** One member of an object as it stands in the text: `text.slice(from, to)` is its value. */
export interface JsonTextMember {
  readonly key: string;
  readonly keyFrom: number;
  readonly from: number;
  readonly to: number;
}

/**
 * `JSON.parse` with an error that tells line and column and quotes nothing: what V8 says of an error quotes the text
 * around it, and that may be somebody's name. Throws a JsonTextError.
 */
export function parseJsonText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const end = blank(text, valueEnd(text, blank(text, 0), 0));
    if (end < text.length) throw new JsonTextError(text, end, 'The JSON text goes on after its end');
    // Only where V8 is stricter than the grammar: what it says may quote, so it is not passed on.
    throw new JsonTextError(text, 0, 'The text is no JSON');
  }
}

/** The members of the object that starts at `from`. Throws a JsonTextError for bad JSON and for a key that is there twice. */
export function membersAt(text: string, from: number): readonly JsonTextMember[] {
  const members: JsonTextMember[] = [];
  const seen = new Set<string>();
  objectEnd(text, from, 0, member => {
    if (seen.has(member.key)) throw new JsonTextError(text, member.keyFrom, 'A key is there twice');
    seen.add(member.key);
    members.push(member);
  });
  return members;
}

/** Where the first thing that is no white space stands. */
export function blank(text: string, from: number): number {
  let at = from;
  for (;;) {
    const unit = text.charCodeAt(at);
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return at;
    at++;
  }
}

const deepest = 500;

/**
 * Whether a parsed value nests no deeper than can be walked through. `JSON.parse` itself takes any depth, and whatever
 * then calls itself for each level ends the stack: ask this of what comes from outside before it is compared or copied.
 */
export function isShallow(value: unknown, levels = deepest): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  return Object.values(value).every(inner => isShallow(inner, levels - 1));
}
const word = /true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

function valueEnd(text: string, from: number, depth: number): number {
  if (depth > deepest) throw new JsonTextError(text, from, `Values are nested deeper than ${deepest} levels`);
  const first = text[from];
  if (first === '{') return objectEnd(text, from, depth, undefined);
  if (first === '[') return arrayEnd(text, from, depth);
  if (first === '"') return stringEnd(text, from);
  word.lastIndex = from;
  const found = word.exec(text);
  if (found === null) throw new JsonTextError(text, from, first === undefined ? cut : 'A value is missing here');
  return from + found[0].length;
}

const cut = 'The text ends in the middle';

function objectEnd(
  text: string,
  from: number,
  depth: number,
  take: ((member: JsonTextMember) => void) | undefined,
): number {
  let at = blank(text, from + 1);
  if (text[at] === '}') return at + 1;
  for (;;) {
    if (text[at] !== '"')
      throw new JsonTextError(text, at, at >= text.length ? cut : 'A key in double quotes is missing here');
    const keyFrom = at;
    const keyTo = stringEnd(text, at);
    at = blank(text, keyTo);
    if (text[at] !== ':') throw new JsonTextError(text, at, at >= text.length ? cut : 'A colon is missing here');
    const valueFrom = blank(text, at + 1);
    const valueTo = valueEnd(text, valueFrom, depth + 1);
    take?.({ key: JSON.parse(text.slice(keyFrom, keyTo)) as string, keyFrom, from: valueFrom, to: valueTo });
    at = blank(text, valueTo);
    if (text[at] === '}') return at + 1;
    if (text[at] !== ',') throw new JsonTextError(text, at, at >= text.length ? cut : 'A comma or } is missing here');
    at = blank(text, at + 1);
  }
}

function arrayEnd(text: string, from: number, depth: number): number {
  let at = blank(text, from + 1);
  if (text[at] === ']') return at + 1;
  for (;;) {
    at = blank(text, valueEnd(text, at, depth + 1));
    if (text[at] === ']') return at + 1;
    if (text[at] !== ',') throw new JsonTextError(text, at, at >= text.length ? cut : 'A comma or ] is missing here');
    at = blank(text, at + 1);
  }
}

const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function stringEnd(text: string, from: number): number {
  let at = from + 1;
  for (;;) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) return at + 1;
    if (unit === 0x5c) {
      escape.lastIndex = at;
      const found = escape.exec(text);
      if (found === null) throw new JsonTextError(text, at, 'An escape that JSON does not know');
      at += found[0].length;
    } else if (unit >= 0x20) at++;
    else throw new JsonTextError(text, at, at >= text.length ? cut : 'A line end or control character inside a string');
  }
}
