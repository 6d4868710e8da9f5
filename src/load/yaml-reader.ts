import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import type { Place, Problem } from '../domain/problem.ts';

/** Keys and indexes from the root of a document to a value in it. */
export type Path = readonly (string | number)[];

/** How many levels a document may nest: behaviour.md §8. */
const mostLevels = 20;
/** How many problems of one file are told: a broken file of 256 kB can have a hundred thousand. */
export const mostProblems = 50;

export interface ReadOptions {
  /** How many aliases may be followed; one that is followed again, or through another, counts again. */
  readonly aliases: number;
  /** `<<: *name` takes over what the named mapping has, as YAML 1.1 did. */
  readonly mergeKeys?: boolean;
}

interface Followed {
  readonly value: unknown;
  readonly aliases: number;
}

/** Turns the nodes of one document into plain JSON values, once, and remembers where they stand. */
export class YamlReader {
  readonly problems: Problem[] = [];
  value: unknown;
  stopped = false;
  firstAlias: Place | undefined;
  readonly #root: Node | null;
  readonly #options: ReadOptions;
  readonly #placeOf: (offset: number) => Place;
  readonly #anchors = new Map<string, Node>();
  readonly #followed = new Map<Node, Followed>();
  readonly #open = new Set<Node>();
  #aliases = 0;

  /** `placeOf` turns an offset in the text into a place. */
  constructor(root: Node | null, options: ReadOptions, placeOf: (offset: number) => Place) {
    this.#root = root;
    this.#options = options;
    this.#placeOf = placeOf;
  }

  /** The keys of the outermost mapping. */
  get keys(): string[] {
    if (!isMap(this.#root)) return [];
    return this.#root.items.map(({ key }) => keyName(key as Node | null)).filter(name => name !== undefined);
  }

  /** Fills `value` and `problems`. `stopped`: the value is not whole, checking it would only find follow-ups. */
  start(): void {
    this.value = this.#read(this.#root, 0);
  }

  /** An anchor counts from where it stands on, so that a name used twice means the nearest one before. */
  #read(node: Node | null, level: number): unknown {
    if (node === null) return null;
    if (isAlias(node)) return this.#follow(node, level).value;
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor === undefined) return this.#plain(node, level);
    this.#anchors.set(anchor, node);
    const before = this.#aliases;
    this.#open.add(node);
    const value = this.#plain(node, level);
    this.#open.delete(node);
    this.#followed.set(node, { value, aliases: this.#aliases - before });
    return value;
  }

  #plain(node: Node, level: number): unknown {
    if (isScalar(node)) return this.#scalar(node.value, node);
    if (level >= mostLevels) {
      this.#stop('yaml-too-deep', `Nested deeper than ${mostLevels} levels.`, 'Make it flatter.', node);
      return null;
    }
    if (isSeq(node)) return node.items.map(item => this.#read(item as Node | null, level + 1));
    return isMap(node) ? this.#map(node, level) : null;
  }

  #map(map: YAMLMap, level: number): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const merged: Record<string, unknown>[] = [];
    const seen = new Map<string, Node>();
    for (const pair of map.items) {
      const key = pair.key as Node | null;
      const name = keyName(key);
      if (name === undefined || name === '__proto__') {
        const what = name === undefined ? 'This key is not a plain name.' : '`__proto__` cannot be a key.';
        this.#stop('yaml-key', what, 'Use a word as the key.', key ?? map);
        continue;
      }
      const value = pair.value as Node | null;
      if (name === '<<' && this.#options.mergeKeys === true && value !== null) {
        merged.push(...this.#merged(value, level));
        continue;
      }
      const first = seen.get(name);
      if (first !== undefined) {
        const { line, column } = this.#at(first);
        this.#say('yaml-duplicate-key', `The key "${name}" is already given at ${line}:${column}.`, 'Keep one.', key);
        continue;
      }
      seen.set(name, key as Node);
      result[name] = this.#read(value, level + 1);
    }
    for (const more of merged) {
      for (const [name, value] of Object.entries(more)) if (!Object.hasOwn(result, name)) result[name] = value;
    }
    return result;
  }

  #merged(value: Node, level: number): Record<string, unknown>[] {
    const from = isSeq(value) ? (value.items as (Node | null)[]) : [value];
    return from.flatMap(item => {
      const read = this.#read(item, level + 1);
      if (typeof read === 'object' && read !== null && !Array.isArray(read)) return [{ ...read }];
      if (!this.stopped) this.#stop('yaml-merge', '`<<` takes mappings only.', 'Name one with an alias.', item);
      return [];
    });
  }

  #follow(alias: Alias, level: number): Followed {
    this.firstAlias ??= this.#at(alias);
    const none: Followed = { value: null, aliases: 0 };
    const target = this.#anchors.get(alias.source);
    if (target === undefined || this.#open.has(target)) {
      const what = target === undefined ? 'names nothing that stands before it' : 'stands inside what it names';
      this.#stop('yaml-alias', `The alias *${alias.source} ${what}.`, 'Write the value out.', alias);
      return none;
    }
    const followed = this.#followed.get(target) ?? none;
    this.#aliases += 1 + followed.aliases;
    if (this.#aliases > this.#options.aliases) {
      const most = this.#options.aliases;
      const what = most === 0 ? 'Aliases are not allowed here.' : `More than ${most} aliases.`;
      this.#stop('yaml-alias', what, 'Write the value out.', alias);
      return none;
    }
    if (level + depthOf(followed.value) > mostLevels) {
      this.#stop('yaml-too-deep', `Nested deeper than ${mostLevels} levels.`, 'Make it flatter.', alias);
    }
    return followed;
  }

  #scalar(value: unknown, node: Node): unknown {
    if (typeof value === 'bigint' || (typeof value === 'number' && !isExact(value))) {
      const what = 'This number cannot be kept exactly.';
      this.#say('yaml-number', what, 'Put it in quotes, or use a number that JSON can hold.', node);
      return 0;
    }
    return value;
  }

  #say(code: string, message: string, hint: string, node: Node | null): void {
    if (this.problems.length < mostProblems) this.problems.push({ code, message, hint, at: this.#at(node) });
  }

  #stop(code: string, message: string, hint: string, node: Node | null): void {
    if (!this.stopped) this.#say(code, message, hint, node);
    this.stopped = true;
  }

  #at(node: Node | null): Place {
    return this.#placeOf(node?.range?.[0] ?? 0);
  }

  /** Where a value stands, or its key; the nearest one around it where there is none. */
  place(path: Path, part: 'key' | 'value'): Place {
    let node = this.#resolve(this.#root);
    let best: Node | null = node;
    for (const [index, step] of path.entries()) {
      const found = this.#child(node, step);
      if (found === undefined) break;
      const last = index === path.length - 1;
      best = last && part === 'key' ? (found.key ?? found.value ?? best) : (found.value ?? found.key ?? best);
      node = this.#resolve(found.value);
    }
    return this.#at(best);
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) ? (this.#anchors.get(node.source) ?? null) : node;
  }

  #child(node: Node | null, step: string | number): { key: Node | null; value: Node | null } | undefined {
    if (isSeq(node)) {
      const value = node.items[Number(step)] as Node | undefined;
      return value === undefined ? undefined : { key: null, value };
    }
    if (!isMap(node)) return undefined;
    const pair = node.items.find(item => keyName(item.key as Node | null) === step);
    if (pair !== undefined) return { key: pair.key as Node | null, value: pair.value as Node | null };
    if (this.#options.mergeKeys !== true) return undefined;
    for (const item of node.items) {
      if (keyName(item.key as Node | null) !== '<<') continue;
      const value = item.value as Node | null;
      for (const from of isSeq(value) ? (value.items as Node[]) : [value]) {
        const found = this.#child(this.#resolve(from), step);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }
}

function keyName(key: Node | null): string | undefined {
  // The text as written: `1` and `0x1` are two keys, and `2026-11-01` is no date.
  return isScalar(key) && key.value !== null ? key.source : undefined;
}

function isExact(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

/** Levels of nesting of a value that was read, so at most `mostLevels`. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Object.values(value).reduce<number>((most, item) => Math.max(most, depthOf(item)), 0);
}
