import type { PlanInput, TargetView } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';
import type { DesiredListing, LiveListing } from '../domain/listing.ts';
import type { Differences } from './diff.ts';

/** One target's view with its listings by key. */
export interface Lookup {
  readonly view: TargetView;
  readonly live: ReadonlyMap<string, LiveListing>;
  readonly unreadable: ReadonlyMap<string, Problem>;
}

/** What every step of one plan gets. */
export interface Context {
  readonly input: PlanInput;
  readonly lookups: readonly Lookup[];
  readonly differences: Differences;
}

/** Indexes a view; one pass over what is live, unless that comes by key already. */
export function lookupOf(view: TargetView): Lookup {
  const live = view.live.byKey ?? new Map(view.live.listings.map(listing => [listing.key, listing]));
  const unreadable = new Map<string, Problem>();
  for (const { key, problem } of view.live.unreadable) unreadable.set(key, problem);
  return { view, live, unreadable };
}

const byToggle = new WeakMap<readonly DesiredListing[], ReadonlyMap<string, DesiredListing>>();

/** Desired listings by toggle; made once for as long as the definitions stay what they are. */
export function desiredByToggle({ desired }: TargetView): ReadonlyMap<string, DesiredListing> {
  let found = byToggle.get(desired);
  if (found === undefined) {
    found = new Map(desired.map(listing => [listing.toggle, listing]));
    byToggle.set(desired, found);
  }
  return found;
}

/** True when that listing may be written by mark, or because the target has no marks. */
export function isOurs(lookup: Lookup, live: LiveListing): boolean {
  return live.owner === 'ours' || !lookup.view.can.marks;
}
