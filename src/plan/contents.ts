import type { Who } from '../domain/audience.ts';
import { intersection, type Members, noMembers, union } from '../domain/members.ts';
import type { AppliedListing, AppliedPlacement, Capabilities, LiveListing, LivePlacement } from '../domain/listing.ts';

/**
 * Who has it in one placement, as far as anybody can tell. With an unanswered write both old and new count: `any` holds
 * whoever may be in (revocations are judged against it), `sure` whoever certainly is (nobody else counts as granted).
 */
export interface Contents {
  readonly known: boolean;
  readonly on: boolean;
  readonly any: Members;
  readonly sure: Members;
  /** No write is unanswered: what is seen is what is there. */
  readonly settled: boolean;
}

/** A placement that is not there, or was only just created: off, nobody. */
const nothing: Contents = { known: true, on: false, any: noMembers, sure: noMembers, settled: true };

/** A placement that cannot be seen. */
export const unknown: Contents = { known: false, on: true, any: noMembers, sure: noMembers, settled: false };

/** The contents of a live placement; of none, nobody. Who is no list counts as unknown. */
export function contentsOf(live: LivePlacement | undefined): Contents {
  if (live === undefined) return nothing;
  const own = membersIn(live.who);
  const other = live.pending && membersIn(live.pending.who);
  if (live.seen === 'unknown' || own === undefined || (live.pending && other === undefined)) {
    return { ...unknown, on: live.on };
  }
  if (live.pending === undefined || other === undefined) {
    return { known: true, on: live.on, any: own, sure: own, settled: true };
  }
  const on = live.on || live.pending.on;
  return { known: true, on, any: union(own, other), sure: intersection(own, other), settled: false };
}

/** True when nobody can be in: off, or nobody listed where off and on are not told apart. */
export function isClosed(contents: Contents, can: Capabilities): boolean {
  if (!contents.known) return false;
  return can.onOff ? !contents.on : contents.any.size === 0;
}

/** The members of a list; undefined for any other way of saying who. */
export function membersIn(who: Who): Members | undefined {
  return who.kind === 'members' ? who.members : undefined;
}

/** A list as a `Who`. */
export function whoOf(members: Members): Who {
  return { kind: 'members', members };
}

/** The placement of that id in a live listing, if the listing and it are there. */
export function livePlacement(listing: LiveListing | undefined, id: string): LivePlacement | undefined {
  return listing === undefined ? undefined : withId(listing.placements, id);
}

/** The placement of that id as last applied, if any. */
export function appliedPlacement(listing: AppliedListing | undefined, id: string): AppliedPlacement | undefined {
  return listing === undefined ? undefined : withId(listing.placements, id);
}

function withId<T extends { readonly id: string }>(all: readonly T[], id: string): T | undefined {
  // By index: this is asked for every placement of every plan.
  for (let index = 0; index < all.length; index++) {
    const one = all[index] as T;
    if (one.id === id) return one;
  }
  return undefined;
}
