import type { Who } from '../domain/audience.ts';
import { noMembers, union } from '../domain/members.ts';
import type { Change } from '../domain/plan.ts';
import type { AppliedListing, AppliedPlacement, LiveListing, LivePlacement, PlacementId } from '../domain/listing.ts';
import type { Outcome } from '../domain/target.ts';

const nobody: Who = { kind: 'members', members: noMembers };

/**
 * What a target that cannot be read is believed to hold. `uncertain`: the machine went down under us, so the last
 * writes may not be in the state; then each placement counts as a write that was not answered, and is sent once more.
 */
export function liveFromApplied(applied: AppliedListing, uncertain: boolean): LiveListing | undefined {
  if (applied.metadata === undefined) return undefined;
  return {
    key: applied.key,
    owner: 'ours',
    metadata: applied.metadata,
    archived: false,
    removed: applied.removed,
    placements: applied.placements.map(placement => rememberedPlacement(placement, uncertain)),
  };
}

/** One placement as last applied; an intent without a result, or doubt, makes it a write that was not answered. */
export function rememberedPlacement(applied: AppliedPlacement, uncertain: boolean): LivePlacement {
  const { id, environment, on, who, intent, appliedAt } = applied;
  return {
    id,
    environment,
    seen: 'remembered',
    on,
    who: { kind: 'members', members: who },
    waysIn: [],
    ...(intent && { pending: { on: intent.on, who: { kind: 'members', members: intent.who }, since: intent.at } }),
    ...(!intent && uncertain && { pending: { on, who: { kind: 'members', members: who }, since: appliedAt } }),
  };
}

/** What is known of a listing after one change of it: pure. `idOf` names the placement of an environment. */
export function liveAfter(
  before: LiveListing | undefined,
  change: Change,
  outcome: Outcome,
  idOf: (environment: string) => PlacementId,
  now: number,
): LiveListing | undefined {
  const listing: LiveListing = before ?? {
    key: change.key,
    owner: 'ours',
    metadata: change.metadata,
    archived: false,
    removed: false,
    placements: [],
  };
  if (outcome.result === 'unanswered' || outcome.result === 'pending') {
    if (change.kind !== 'placement') return before;
    return withPlacement(listing, change.placement, change.environment, placement => ({
      ...placement,
      pending: bothPending(placement.pending, {
        on: change.after.on,
        who: change.after.who,
        since: now,
        ...(outcome.result === 'pending' && { link: outcome.link }),
        ...(change.after.group !== undefined && { groups: [change.after.group] }),
      }),
    }));
  }
  if (outcome.result !== 'done') return before;
  switch (change.kind) {
    case 'create':
    case 'adopt': {
      const seen = outcome.existed ? 'unknown' : 'remembered';
      const made = change.environments.map((environment): LivePlacement => {
        return { id: idOf(environment), environment, seen, on: false, who: nobody, waysIn: [] };
      });
      // An environment may come to a listing that is there.
      const kept = listing.placements.filter(({ environment }) => !change.environments.includes(environment));
      const placements = [...kept, ...made];
      return { ...listing, owner: 'ours', metadata: change.metadata, removed: false, placements };
    }
    case 'update':
      return { ...listing, metadata: change.metadata };
    case 'restore':
      return { ...listing, archived: false, removed: false, metadata: change.metadata };
    case 'archive':
      return { ...listing, archived: true };
    case 'retire':
      return { ...listing, removed: true, metadata: change.metadata };
    case 'placement':
      return withPlacement(
        {
          ...listing,
          removed: change.removal && listing.removed,
          ...(change.writesMetadata && { metadata: change.metadata }),
        },
        change.placement,
        change.environment,
        ({ pending: _, version: __, group: ___, ...placement }) => ({
          ...placement,
          seen: placement.seen === 'read' ? 'read' : 'remembered',
          on: change.after.on,
          who: change.after.who,
          waysIn: [],
          ...(change.after.group !== undefined && { group: change.after.group }),
          ...(outcome.version !== undefined && { version: outcome.version }),
        }),
      );
  }
}

/** Several writes may be open: whoever any of them lets in may be in. */
function bothPending(earlier: LivePlacement['pending'], newer: NonNullable<LivePlacement['pending']>) {
  // A request for the platform's approval takes the place of the one before.
  if (newer.link !== undefined || earlier?.who.kind !== 'members' || newer.who.kind !== 'members') return newer;
  const members = union(earlier.who.members, newer.who.members);
  const groups = [...(earlier.groups ?? []), ...(newer.groups ?? [])];
  const who = { kind: 'members', members } as const;
  return { on: earlier.on || newer.on, who, since: earlier.since, ...(groups.length > 0 && { groups }) };
}

function withPlacement(
  listing: LiveListing,
  id: PlacementId,
  environment: string,
  become: (placement: LivePlacement) => LivePlacement,
): LiveListing {
  const found = listing.placements.find(placement => placement.id === id);
  if (found) {
    return {
      ...listing,
      placements: listing.placements.map(placement => (placement === found ? become(placement) : placement)),
    };
  }
  const fresh: LivePlacement = { id, environment, seen: 'remembered', on: false, who: nobody, waysIn: [] };
  return { ...listing, placements: [...listing.placements, become(fresh)] };
}
