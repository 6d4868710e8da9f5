import type { Members } from '../domain/members.ts';

export interface StrangersOptions {
  /** Nobody of these is a stranger. */
  readonly insiders: (name: string) => boolean;
  /** What near-misses are made of: the members, or where there are none whoever else is known. */
  readonly near: Members;
  /** Known people who have no business here: members of other audiences. */
  readonly others: readonly Members[];
  readonly seed: number;
  readonly count: number;
}

/** Shares of the whole: the rest are names made up. */
const nearShare = 0.5;
const othersShare = 0.2;
/** What looks like Latin and is not, letter by letter: https://www.unicode.org/reports/tr39/#Confusable_Detection. */
const alike: readonly (readonly [string, string])[] = [
  ['aceiopsxyABEHKMOPTX', 'асеіорѕхуАВЕНКМОРТХ'],
  ['01l-@.', 'Ol1‐＠․'],
];
const confusables: ReadonlyMap<string, string> = new Map(
  alike.flatMap(([plain, strange]) => Array.from(plain, (letter, index) => [letter, strange.charAt(index)] as const)),
);

/** Ways to be almost a member: what a substring test, a pattern, a trim or a case fold would let in. */
const nearMisses: readonly ((name: string, random: () => number) => string)[] = [
  name => (name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase()),
  name => name.slice(0, 1).toUpperCase() + name.slice(1),
  name => part(name, 0, -1),
  name => part(name, 1),
  (name, random) => part(name, 0, 1 + Math.floor(random() * name.length)),
  (name, random) => part(name, Math.floor(random() * name.length)),
  name => `${name} `,
  name => ` ${name}`,
  name => `${name}x`,
  name => `x${name}`,
  name => `${name}\u200b`,
  (name, random) => confused(name, random),
  name => (name === name.normalize('NFD') ? name.normalize('NFC') : name.normalize('NFD')),
  name => `${name},${name}`,
  name => JSON.stringify(name),
  name => name.replaceAll('$$', '$'),
  name => name.replaceAll('$', ''),
  name => `${name}*`,
];

/** Names that mean something to somebody. */
const odd = ['*', '%', 'null', 'undefined', 'true', 'on', 'anonymous', '__proto__', 'constructor', 'targetingKey'];

/**
 * So many people who are no members, without doubles: near-misses of members, members of other audiences, and names
 * made up. The same options give the same strangers in the same order.
 */
export function strangers(options: StrangersOptions): readonly string[] {
  const { near, insiders, count } = options;
  const random = seeded(options.seed);
  const found = new Set<string>();
  const add = (name: string): void => {
    // What is no text, or nothing, cannot be asked about everywhere.
    if (name !== '' && name.isWellFormed() && !insiders(name) && found.size < count) found.add(name);
  };
  for (const name of odd) if (found.size < count * (1 - nearShare - othersShare)) add(name);
  const names = picked(near, Math.ceil((count * nearShare) / nearMisses.length), random);
  for (const name of names) for (const miss of nearMisses) if (found.size < count * nearShare) add(miss(name, random));
  const known = options.others.filter(({ size }) => size > 0);
  const each = Math.ceil((count * othersShare) / Math.max(1, known.length));
  for (const members of known) for (const name of picked(members, each, random)) add(name);
  while (found.size < count) add(madeUp(names, random));
  return [...found];
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Some of a set, spread over it; all of a small one. */
export function picked(members: Members, count: number, random: () => number): readonly string[] {
  if (members.size <= count) return [...members.values()];
  const positions = new Set<number>();
  while (positions.size < count) positions.add(Math.floor(random() * members.size));
  const result: string[] = [];
  let position = 0;
  for (const name of members.values()) if (positions.has(position++)) result.push(name);
  return result;
}

function part(name: string, from: number, to?: number): string {
  return Array.from(name).slice(from, to).join('');
}

function confused(name: string, random: () => number): string {
  const letters = Array.from(name);
  const places = letters.flatMap((letter, index) => (confusables.has(letter) ? [index] : []));
  const place = places[Math.floor(random() * places.length)];
  if (place === undefined) return `${name}\u0301`;
  return letters.map((letter, index) => (index === place ? confusables.get(letter) : letter)).join('');
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789-_.';

/** As a member would be called, with some letters of its own: the same domain, the same length. */
function madeUp(like: readonly string[], random: () => number): string {
  const letter = () => alphabet[Math.floor(random() * alphabet.length)] ?? 'z';
  const model = like.length > 0 && random() < 0.5 ? (like[Math.floor(random() * like.length)] ?? '') : '';
  const at = model.indexOf('@');
  const length = 6 + Math.floor(random() * 10);
  return Array.from({ length }, letter).join('') + (at < 0 ? '' : model.slice(at));
}
