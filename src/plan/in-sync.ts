import { sameMembers } from '../domain/members.ts';
import type { PlanInput } from '../domain/plan.ts';
import type {
  AppliedListing,
  DesiredListing,
  DesiredPlacement,
  LiveListing,
  LivePlacement,
} from '../domain/listing.ts';
import { appliedPlacement, livePlacement } from './contents.ts';
import { sameMetadata } from './diff.ts';
import { isOurs, type Lookup } from './lookup.ts';
import { hasDenied, overridesOf, pauseOf } from './overrides.ts';

/**
 * True when a listing is as it is wanted, and nothing has to be said about it: the way out for all but a few listings of a
 * plan. Whatever is doubtful is false and gets the long way.
 */
export function isInSync(
  input: PlanInput,
  lookup: Lookup,
  listing: DesiredListing,
  live: LiveListing,
  applied: AppliedListing | undefined,
): boolean {
  if (pauseOf(overridesOf(input), lookup.view.name, listing.toggle) !== undefined) return false;
  if (!isOurs(lookup, live) || live.archived || live.removed || live.refused !== undefined) return false;
  if (live.metadata === undefined || !sameMetadata(listing.metadata, live.metadata)) return false;
  let matched = 0;
  for (const placement of listing.placements) {
    const now = livePlacement(live, placement.id);
    if (now === undefined || lookup.view.inFlight.has(placement.id)) return false;
    if (applied !== undefined) {
      const last = appliedPlacement(applied, placement.id);
      if (last === undefined || last.audience !== placement.audience) return false;
      if (placement.state === 'off' && last.on) return false;
      matched++;
    }
    if (!isPlacementInSync(input, lookup, placement, now)) return false;
  }
  return applied === undefined || applied.placements.length === matched;
}

function isPlacementInSync(input: PlanInput, lookup: Lookup, placement: DesiredPlacement, now: LivePlacement): boolean {
  if (now.seen === 'unknown' || now.pending !== undefined || now.waysIn.length > 0) return false;
  if (now.who.kind !== 'members') return false;
  const { onOff } = lookup.view.can;
  if (placement.state === 'off') return now.who.members.size === 0 && !(onOff && now.on);
  if (onOff && !now.on) return false;
  const overrides = overridesOf(input);
  if (overrides.paused.source.has(placement.source) || hasDenied(now.who.members, overrides)) return false;
  const audience = input.audiences.get(placement.audience);
  if (audience?.state !== 'defined' || audience.who.kind !== 'members') return false;
  return sameMembers(now.who.members, audience.who.members) && hasItsForm(lookup, placement, now);
}

/** It stands in a group, or in a list, as its size wants it. */
function hasItsForm({ view }: Lookup, { groups }: DesiredPlacement, { who, group }: LivePlacement): boolean {
  const limits = view.can.groups;
  if (limits === null || groups === undefined || who.kind !== 'members') return true;
  const isLarge = who.members.size > (group === undefined ? limits.above : limits.back);
  return isLarge ? group === groups.shared : group === undefined;
}
