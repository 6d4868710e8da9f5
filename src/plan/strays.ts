import type { AppliedListing, LiveListing } from '../domain/listing.ts';
import { isOurs, type Lookup } from './lookup.ts';

/** A listing under a key that no file wants in this target: of a removed toggle, or of one that moved or left. */
export interface Stray {
  readonly key: string;
  readonly toggle: string;
  /** Undefined: gone, unreadable, or not ours; then only its history matters. */
  readonly live: LiveListing | undefined;
  readonly applied: AppliedListing | undefined;
}

/**
 * Finds what lies in a target and is not wanted there, sorted by key. Only what carries our mark counts, and, in a target
 * without marks, what the state remembers. Without a record the key is taken for the toggle's.
 */
export function straysOf(lookup: Lookup): readonly Stray[] {
  const { view, live } = lookup;
  const wanted = new Set<string>();
  let found = 0;
  for (const { key } of view.desired) {
    wanted.add(key);
    if (live.has(key)) found++;
  }
  const strays: Stray[] = [];
  for (const [key, applied] of view.applied) {
    if (wanted.has(key)) continue;
    const listing = live.get(key);
    const ours = listing !== undefined && isOurs(lookup, listing) ? listing : undefined;
    strays.push({ key, toggle: applied.toggle, live: ours, applied });
  }
  if (found < live.size && view.can.marks) {
    for (const [key, listing] of live) {
      if (wanted.has(key) || view.applied.has(key) || !isOurs(lookup, listing)) continue;
      strays.push({ key, toggle: key, live: listing, applied: undefined });
    }
  }
  return strays.sort((a, b) => (a.key < b.key ? -1 : 1));
}
