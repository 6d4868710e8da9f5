import { membersJson } from '../../domain/members-json.ts';
import { type Members, membersOf } from '../../domain/members.ts';
import type { FlagFile } from './flag-file.ts';

/** Evaluators of ours are named after what is in them: toggles with the same audience share one. */
const ourName = /^optoggles-[0-9a-f]{12,64}$/;
const ourNames = /"(optoggles-[0-9a-f]{12,64})"/g;
const nameLengths = [12, 24, 64];

/**
 * Members by the text of what holds them, so that a list of many is parsed once. Only lists of at least this size are
 * worth remembering.
 */
const worthRemembering = 4096;

export class Groups {
  #known = new Map<string, Members | undefined>();

  /**
   * The members that `{"in":[{"var":"targetingKey"},[…]]}` lets in; undefined for every other rule. Where the left side
   * is not exactly this, or the right side no list of strings (a string there is a substring test), it is another rule.
   */
  listed(rule: unknown): Members | undefined {
    if (!hasOnly(rule, 'in') || !Array.isArray(rule.in) || rule.in.length !== 2) return undefined;
    const [left, list] = rule.in as readonly unknown[];
    if (!hasOnly(left, 'var') || left.var !== 'targetingKey' || !Array.isArray(list)) return undefined;
    if (!list.every(member => typeof member === 'string')) return undefined;
    return membersOf(list);
  }

  /** The members of an evaluator; undefined when it is none of that kind, or cannot be referred to without being changed. */
  inEvaluator(text: string): Members | undefined {
    if (!isSafeToRefer(text)) return undefined;
    if (this.#known.has(text)) return this.#known.get(text);
    const members = this.listed(JSON.parse(text));
    if (text.length >= worthRemembering) this.#known.set(text, members);
    return members;
  }

  /** The same for one that is only kept and referred to by no rule, so that a `$` in it does no harm. */
  keptIn(text: string): Members | undefined {
    return isSafeToRefer(text) ? this.inEvaluator(text) : this.listed(JSON.parse(text));
  }

  /** Forgets the lists that are in none of these files any more. */
  keepOnly(files: Iterable<FlagFile>): void {
    const kept = new Map<string, Members | undefined>();
    for (const file of files) {
      for (const text of file.evaluators.values()) {
        if (this.#known.has(text)) kept.set(text, this.#known.get(text));
      }
    }
    this.#known = kept;
  }

  /** Remembers what was written, so that it need not be parsed when it is read. */
  written(text: string, members: Members): void {
    if (text.length >= worthRemembering) this.#known.set(text, members);
  }
}

/** The rule that lets exactly these in. */
export function ruleText(members: Members): string {
  return `{"in":[{"var":"targetingKey"},${membersJson(members)}]}`;
}

/**
 * Engines put an evaluator's text in the place of its `$ref` by pattern, where `$&` and `$1` in it mean something else:
 * flagd-core 4 (`replaceAll`) would serve `a$b` for the member `a$$b`, and the daemon (Go's `ReplaceAllString`) `a` for
 * `a$b`. A list with a `$` in it therefore stands in the flag itself.
 */
export function isSafeToRefer(text: string): boolean {
  return !text.includes('$');
}

/**
 * Puts the members into the file's evaluators, if they are not there yet, and gives the name. A name that holds something
 * else and is referred to by others (somebody edited it) is left alone: the next longer one is taken.
 */
export function addGroup(
  evaluators: Map<string, string>,
  flags: ReadonlyMap<string, string>,
  members: Members,
  groups: Groups,
): string {
  const text = ruleText(members);
  for (const length of nameLengths) {
    const name = `optoggles-${members.hash.slice(0, length)}`;
    const there = evaluators.get(name);
    if (there !== undefined && there !== text && isReferred(name, flags)) continue;
    if (there !== text) {
      evaluators.set(name, text);
      groups.written(text, members);
    }
    return name;
  }
  throw new Error('every name of a group is taken by something else');
}

function isReferred(name: string, flags: ReadonlyMap<string, string>): boolean {
  const quoted = `"${name}"`;
  for (const text of flags.values()) if (text.includes(quoted)) return true;
  return false;
}

/** Drops the evaluators of ours that nothing in the file refers to, and sorts the rest of ours behind the foreign ones. */
export function tidyGroups(file: { flags: ReadonlyMap<string, string>; evaluators: Map<string, string> }): void {
  const named = new Set<string>();
  const lookIn = (text: string) => {
    for (const match of text.matchAll(ourNames)) named.add(match[1] as string);
  };
  for (const text of file.flags.values()) lookIn(text);
  const ours: [string, string][] = [];
  for (const [name, text] of file.evaluators) {
    if (ourName.test(name)) ours.push([name, text]);
    else lookIn(text);
  }
  for (const [name] of ours) file.evaluators.delete(name);
  for (const [name, text] of ours.sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (named.has(name)) file.evaluators.set(name, text);
  }
}

/** True for an object with this key and no other. */
export function hasOnly<K extends string>(value: unknown, key: K): value is Readonly<Record<K, unknown>> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length === 1 && keys[0] === key;
}
