import { compareCodePoints, firstNotBefore, isAmong, isStrictlySorted, isStrictlySortedAscii } from './code-points.ts';
import { type Hashed, hashSorted } from './member-hash.ts';

/**
 * The members of an audience: sorted by Unicode code point, without doubles. Two equal sets have the same `hash`.
 * Sets of a million members pass through here, so nobody copies them into arrays or `Set`s on the way.
 */
export interface Members {
  readonly size: number;
  /** SHA-256 (hex) over the sorted members, each ended by a line feed. */
  readonly hash: string;
  has(member: string): boolean;
  values(): Iterable<string>;
}

/** What has to be added to and removed from one set to get another. */
export interface Difference {
  readonly added: Members;
  readonly removed: Members;
}

/** How a set came from another: its members from `start` on were put in the place of `gone`, all others are the same. */
interface Origin {
  /** Not held by what came of it: each answer comes from the one before. */
  readonly from: WeakRef<SortedMembers>;
  readonly hashed: Hashed | undefined;
  readonly start: number;
  readonly gone: readonly string[];
  readonly fresh: readonly string[];
}

class SortedMembers implements Members {
  readonly sorted: readonly string[];
  readonly #origin: Origin | undefined;
  #hashed: Hashed | undefined;

  constructor(sorted: readonly string[], origin?: Origin) {
    this.sorted = sorted;
    this.#origin = origin;
  }

  /** The set with `fresh` in place of the members from `start` to before `end`; the caller knows that they fit in. */
  replaced(start: number, end: number, fresh: readonly string[]): SortedMembers {
    const gone = this.sorted.slice(start, end);
    const sorted = spliced(this.sorted, start, end, fresh);
    return new SortedMembers(sorted, { from: new WeakRef(this), hashed: this.#hashed, start, gone, fresh });
  }

  /** The difference to this set, where it came from that one; else undefined. */
  since(from: SortedMembers): Difference | undefined {
    const origin = this.#origin;
    if (origin?.from.deref() !== from) return undefined;
    return mergedDifference(origin.gone, origin.fresh);
  }

  /** It is there, or costs less than looking at every member. */
  get hasHash(): boolean {
    return this.#hashed !== undefined || this.#origin?.hashed !== undefined;
  }

  get size(): number {
    return this.sorted.length;
  }

  get hash(): string {
    const { hashed, start: same } = this.#origin ?? {};
    this.#hashed ??= hashSorted(this.sorted, hashed && same !== undefined ? { hashed, same } : undefined);
    return this.#hashed.hex;
  }

  has(member: string): boolean {
    return isAmong(this.sorted, member);
  }

  values(): Iterable<string> {
    return this.sorted;
  }
}

class FetchedMembers implements Members {
  readonly size: number;
  readonly hash: string;
  readonly #fetch: () => readonly string[];

  constructor(size: number, hash: string, fetch: () => readonly string[]) {
    this.size = size;
    this.hash = hash;
    this.#fetch = fetch;
  }

  get sorted(): readonly string[] {
    return this.#fetch();
  }

  has(member: string): boolean {
    return isAmong(this.sorted, member);
  }

  values(): Iterable<string> {
    return this.sorted;
  }
}

/** The empty set. */
export const noMembers: Members = new SortedMembers([]);

/**
 * Makes a set of what may be unsorted and hold doubles. Input that is sorted already (OPA's answers are) costs one scan.
 * The array belongs to the set from here on; the caller must not change it. `ascii`: the caller knows that no member
 * holds anything else, so that the engine's own comparison, five times faster, gives the same order.
 */
export function membersOf(values: readonly string[], ascii = false): Members {
  if (values.length === 0) return noMembers;
  if (ascii ? isStrictlySortedAscii(values) : isStrictlySorted(values)) return new SortedMembers(values);
  const sorted = [...values].sort(compareCodePoints);
  let kept = 1;
  for (let index = 1; index < sorted.length; index++) {
    if (sorted[index] !== sorted[kept - 1]) sorted[kept++] = sorted[index] as string;
  }
  sorted.length = kept;
  return new SortedMembers(sorted);
}

/**
 * A set that lies elsewhere (in the state): size and hash are known, the members are fetched when somebody looks.
 * `fetch` gives them sorted and without doubles; it is called at every look, so it should remember for a while.
 */
export function fetchedMembers(size: number, hash: string, fetch: () => readonly string[]): Members {
  return size === 0 ? noMembers : new FetchedMembers(size, hash, fetch);
}

/** The members as they are: sorted, not to be changed. */
export function sortedOf(members: Members): readonly string[] {
  return members instanceof SortedMembers || members instanceof FetchedMembers ? members.sorted : [...members.values()];
}

const foundSame = new WeakMap<Members, Members>();

/** True for equal sets. Cheap: hashes are made only where one side is not here, and a pair found equal is remembered. */
export function sameMembers(one: Members, other: Members): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  if (foundSame.get(one) === other) return true;
  const here = one instanceof SortedMembers && other instanceof SortedMembers;
  const same = here && !(one.hasHash && other.hasHash) ? areEqual(one.sorted, other.sorted) : one.hash === other.hash;
  if (same) foundSame.set(one, other);
  return same;
}

function areEqual(one: readonly string[], other: readonly string[]): boolean {
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}

/** What `to` has more, and what it has less: merged once, where not one of the two came from the other. */
export function difference(from: Members, to: Members): Difference {
  if (from === to) return { added: noMembers, removed: noMembers };
  if (from instanceof SortedMembers && to instanceof SortedMembers) {
    const forth = to.since(from);
    if (forth) return forth;
    const back = from.since(to);
    if (back) return { added: back.removed, removed: back.added };
  }
  return mergedDifference(sortedOf(from), sortedOf(to));
}

function mergedDifference(before: readonly string[], after: readonly string[]): Difference {
  const added: string[] = [];
  const removed: string[] = [];
  let left = 0;
  let right = 0;
  while (left < before.length && right < after.length) {
    const a = before[left] as string;
    const b = after[right] as string;
    if (a === b) {
      left++;
      right++;
    } else if (compareCodePoints(a, b) < 0) {
      removed.push(a);
      left++;
    } else {
      added.push(b);
      right++;
    }
  }
  while (left < before.length) removed.push(before[left++] as string);
  while (right < after.length) added.push(after[right++] as string);
  return { added: fromSorted(added), removed: fromSorted(removed) };
}

/** Looking for one member costs as much as walking past so many. */
const searchCost = 20;

/** What is in both sets. */
export function intersection(one: Members, other: Members): Members {
  if (one === other) return one;
  const [small, large] = one.size <= other.size ? [one, other] : [other, one];
  if (small.size * searchCost > large.size) return subtract(small, subtract(small, large));
  const result: string[] = [];
  for (const member of small.values()) if (large.has(member)) result.push(member);
  return fromSorted(result);
}

/** What is in at least one of the sets. */
export function union(...sets: readonly Members[]): Members {
  let result = noMembers;
  for (const next of sets) {
    if (next.size === 0 || next === result) continue;
    if (result.size === 0) result = next;
    else result = mergeTwo(result, next);
  }
  return result;
}

function mergeTwo(one: Members, other: Members): Members {
  const { added, removed } = difference(one, other);
  if (added.size === 0) return one;
  if (removed.size === 0) return other;
  const a = sortedOf(one);
  const b = sortedOf(added);
  if (b.length <= fewest) return fromSorted(withFew(a, b));
  const result: string[] = [];
  let left = 0;
  let right = 0;
  while (left < a.length && right < b.length) {
    if (compareCodePoints(a[left] as string, b[right] as string) < 0) result.push(a[left++] as string);
    else result.push(b[right++] as string);
  }
  while (left < a.length) result.push(a[left++] as string);
  while (right < b.length) result.push(b[right++] as string);
  return fromSorted(result);
}

/** So many are put in one by one: each time a million references are copied in 4 ms, where the merge takes 20. */
const fewest = 4;

function withFew(sorted: readonly string[], few: readonly string[]): readonly string[] {
  return few.reduce((all, member) => {
    const at = firstNotBefore(all, member);
    return spliced(all, at, at, [member]);
  }, sorted);
}

/** As arguments of a call, so many are safe. */
const mostArguments = 10_000;

function spliced(sorted: readonly string[], start: number, end: number, fresh: readonly string[]): readonly string[] {
  if (fresh.length > mostArguments) return sorted.slice(0, start).concat(fresh, sorted.slice(end));
  return sorted.toSpliced(start, end - start, ...fresh);
}

/** What is in the first set and not in the second. */
export function subtract(from: Members, what: Members): Members {
  if (what.size === 0 || from.size === 0) return from;
  return difference(what, from).added;
}

/**
 * The set with the members at the positions from `start` to before `end` (in its own order) replaced by `fresh`, which is
 * sorted and without doubles; undefined where those do not fit in there. Copies references, not names.
 */
export function replacedAt(
  members: Members,
  start: number,
  end: number,
  fresh: readonly string[],
): Members | undefined {
  const sorted = sortedOf(members);
  const around = [...sorted.slice(Math.max(0, start - 1), start), ...fresh, ...sorted.slice(end, end + 1)];
  if (!isStrictlySorted(around)) return undefined;
  if (members instanceof SortedMembers && sorted.length + fresh.length > end - start) {
    return members.replaced(start, end, fresh);
  }
  return fromSorted(spliced(sorted, start, end, fresh));
}

function fromSorted(sorted: readonly string[]): Members {
  return sorted.length === 0 ? noMembers : new SortedMembers(sorted);
}
