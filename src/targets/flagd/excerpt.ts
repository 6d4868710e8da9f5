import type { FlagFile } from './flag-file.ts';
import { hasOnly, isSafeToRefer } from './groups.ts';

/** One flag of a file with its long lists cut to some members, as a file of its own. */
export interface Excerpt {
  /**
   * The text of a file whose flag answers about each of these members as it does in the whole file. About anybody else
   * it says nothing.
   */
  textFor(members: readonly string[]): string;
}

interface LongList {
  /** The arguments of the `in`, of which the second is the list. */
  readonly slot: unknown[];
  readonly names: ReadonlySet<string>;
}

/** Shorter lists are asked whole: cutting them saves nothing. */
const long = 2000;

/** Operators that ask their arguments of the same person: `some`, `map` and their like ask them of something else. */
const transparent = new Set('if and or ! !! in var == === != !== starts_with ends_with sem_ver fractional'.split(' '));

/**
 * Cuts `{"in":[{"var":"targetingKey"},[names]]}` and nothing else: whether one of these members is on such a list depends
 * on no other name on it. Everything around the lists, their evaluators too, stays as it is for the engine to make sense
 * of. Undefined where no list is long, or where a rule could look at a list with other eyes.
 */
export function excerptOf(file: FlagFile, key: string): Excerpt | undefined {
  const text = file.flags.get(key);
  if (text === undefined) return undefined;
  const flag = JSON.parse(text) as unknown;
  const evaluators = new Map<string, unknown>();
  const lists: LongList[] = [];
  const targeting = flag !== null && typeof flag === 'object' && 'targeting' in flag ? flag.targeting : undefined;
  if (!collect(targeting, file, evaluators, lists) || lists.length === 0) return undefined;
  return {
    textFor(members) {
      for (const { slot, names } of lists) slot[1] = members.filter(member => names.has(member));
      const $evaluators = Object.fromEntries(evaluators);
      return JSON.stringify({ flags: { [key]: flag }, ...(evaluators.size > 0 && { $evaluators }) });
    },
  };
}

/** Finds the long lists. False: there is something that may not be cut. */
function collect(node: unknown, file: FlagFile, evaluators: Map<string, unknown>, lists: LongList[]): boolean {
  if (node === null || typeof node !== 'object') return true;
  if (Array.isArray(node)) return node.every(one => collect(one, file, evaluators, lists));
  const [operator, ...others] = Object.keys(node);
  if (operator === undefined || others.length > 0) return false;
  if (hasOnly(node, '$ref')) return collectReferred(node.$ref, file, evaluators, lists);
  if (!transparent.has(operator)) return false;
  const given: unknown = (node as Readonly<Record<string, unknown>>)[operator];
  const names = operator === 'in' ? namesOf(given) : undefined;
  if (names === undefined) return collect(given, file, evaluators, lists);
  if (names.size > long) lists.push({ slot: given as unknown[], names });
  return true;
}

function collectReferred(name: unknown, file: FlagFile, evaluators: Map<string, unknown>, lists: LongList[]): boolean {
  const text = typeof name === 'string' ? file.evaluators.get(name) : undefined;
  // The engine puts it in by a pattern, and then what it means may depend on the text around it.
  if (typeof name !== 'string' || text === undefined || !isSafeToRefer(text) || !isSafeToRefer(name)) return false;
  if (evaluators.has(name)) return true;
  const rule = JSON.parse(text) as unknown;
  evaluators.set(name, rule);
  return collect(rule, file, evaluators, lists);
}

function namesOf(given: unknown): ReadonlySet<string> | undefined {
  if (!Array.isArray(given) || given.length !== 2) return undefined;
  const [left, right] = given as readonly unknown[];
  if (!hasOnly(left, 'var') || left.var !== 'targetingKey' || !Array.isArray(right)) return undefined;
  return right.every(name => typeof name === 'string') ? new Set(right) : undefined;
}
