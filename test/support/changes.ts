import type { Who } from '../../src/domain/audience.ts';
import { placementIdOf } from '../../src/domain/identity.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { difference, type Members, membersOf, noMembers } from '../../src/domain/members.ts';
import type { Change, ListingChange, Phase } from '../../src/domain/plan.ts';
import type { DesiredListing } from '../../src/domain/listing.ts';
import type { Outcome, Target } from '../../src/domain/target.ts';

/** What a test says of a toggle; everything else has a default. */
export interface ToggleDraft {
  readonly key?: string;
  readonly environments?: readonly string[];
  readonly name?: string;
  readonly spec?: JsonObject;
  readonly adopt?: boolean;
}

/** The toggle as this target wants it, made by the target's own `shape`. Throws what it was refused for. */
export function listingFor(target: Target, draft: ToggleDraft = {}): DesiredListing {
  const key = draft.key ?? 'us-feature';
  const environments = draft.environments ?? (target.environments.length > 0 ? target.environments : ['production']);
  const shaped = target.shape({
    toggle: key,
    target: target.name,
    key,
    contextKind: 'user',
    adopt: draft.adopt ?? false,
    placements: environments.map(environment => ({
      id: placementIdOf(target.address, target.remoteEnvironment(environment), key),
      toggle: key,
      target: target.name,
      environment,
      state: 'on',
      source: 'opal',
      audience: 'a1',
      guard: {},
    })),
    name: draft.name ?? 'US only feature',
    description: 'Shown to people who live in the US.',
    owner: 'team-growth',
    type: 'permission',
    spec: draft.spec ?? {},
  });
  if ('refused' in shaped) throw new Error(shaped.refused.problem.message);
  return shaped.listing;
}

function common(listing: DesiredListing, id: string, phase: Phase) {
  return {
    id,
    phase,
    needs: [],
    causes: ['definition' as const],
    toggle: listing.toggle,
    target: listing.target,
    key: listing.key,
    contextKind: listing.contextKind,
  };
}

const phaseOf: Readonly<Record<ListingChange['kind'], Phase>> = {
  create: 'prepare',
  adopt: 'prepare',
  restore: 'prepare',
  update: 'tidy',
  retire: 'tidy',
  archive: 'tidy',
};

/** A change of the listing as a whole. */
export function listingChange(listing: DesiredListing, kind: ListingChange['kind'], before?: JsonObject): Change {
  return {
    ...common(listing, `${kind} ${listing.key} ${listing.target}`, phaseOf[kind]),
    kind,
    environments: listing.placements.map(({ environment }) => environment),
    metadata: listing.metadata,
    ...(before !== undefined && { before }),
  };
}

export interface PlacementDraft {
  readonly environment?: string;
  /** `unknown`: nobody can tell who is in now. */
  readonly before?: readonly string[] | 'unknown';
  readonly after: readonly string[] | 'off';
  readonly writesMetadata?: boolean;
  readonly removal?: boolean;
}

function who(members: Members): Who {
  return { kind: 'members', members };
}

/** A change of who has it in one environment (the first, if none is named). */
export function placementChange(listing: DesiredListing, draft: PlacementDraft): Change {
  const placement =
    listing.placements.find(({ environment }) => environment === draft.environment) ?? listing.placements[0];
  if (placement === undefined) throw new Error(`${listing.key} has no placement`);
  const known = draft.before !== 'unknown';
  const before = draft.before === 'unknown' ? noMembers : membersOf(draft.before ?? []);
  const on = draft.after !== 'off';
  const after = draft.after === 'off' ? noMembers : membersOf(draft.after);
  const { added: granted, removed: revoked } = difference(before, after);
  const phase = !on ? 'off' : revoked.size === 0 ? 'grant' : granted.size === 0 ? 'revoke' : 'replace';
  return {
    ...common(listing, `placement ${listing.key} ${listing.target} ${placement.environment}`, phase),
    kind: 'placement',
    placement: placement.id,
    environment: placement.environment,
    source: placement.source,
    audience: placement.audience,
    metadata: listing.metadata,
    writesMetadata: draft.writesMetadata ?? false,
    before: { known, on: true, who: who(before) },
    after: { on, who: who(after) },
    granted,
    revoked,
    closes: [],
    removal: draft.removal ?? false,
  };
}

/** Applies changes as one batch and gives the outcomes by change; fails unless each change has exactly one. */
export async function applied(
  target: Target,
  changes: readonly Change[],
  signal: AbortSignal = AbortSignal.timeout(15_000),
  mayStart: (change: Change) => boolean = () => true,
): Promise<ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  for await (const outcome of target.apply(changes, signal, mayStart)) {
    if (outcomes.has(outcome.change)) throw new Error(`two outcomes for ${outcome.change}`);
    outcomes.set(outcome.change, outcome);
  }
  for (const { id } of changes) if (!outcomes.has(id)) throw new Error(`no outcome for ${id}`);
  if (outcomes.size !== changes.length) throw new Error('an outcome for a change that nobody asked for');
  return outcomes;
}

/** Applies one change and gives its outcome. */
export async function applyOne(target: Target, change: Change, signal?: AbortSignal): Promise<Outcome> {
  const outcome = (await applied(target, [change], signal)).get(change.id);
  if (outcome === undefined) throw new Error('no outcome');
  return outcome;
}
