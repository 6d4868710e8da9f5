import { groupKey, placementIdOf } from '../domain/identity.ts';
import type { Change } from '../domain/plan.ts';
import type { StateStore } from '../domain/state.ts';
import type {
  AppliedListing,
  DesiredListing,
  ListingRef,
  Live,
  LiveListing,
  LivePlacement,
  PlacementId,
  Unread,
} from '../domain/listing.ts';
import type { Outcome, Target } from '../domain/target.ts';
import type { Clock } from '../lib/clock.ts';
import { createGroupMates } from './group-mates.ts';
import { liveAfter, liveFromApplied, rememberedPlacement } from './live.ts';

export interface HoldingsOptions {
  readonly target: Target;
  readonly store: Pick<StateStore, 'applied' | 'appliedListing' | 'observed' | 'uncertain'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  desired(): readonly DesiredListing[];
  /** A write of this placement is under way: what is read of it settles nothing. */
  inFlight(placement: PlacementId): boolean;
}

/** What a target is known to hold: read from it where it can be read, else what was last applied. */
export interface Holdings {
  /** What the state remembers, by remote key. */
  applied(): ReadonlyMap<string, AppliedListing>;
  /** Undefined before the first refresh. */
  live(): Live | undefined;
  /** Reads what is in doubt (everything at first). Throws a ProblemError when the target cannot be read. */
  refresh(): Promise<void>;
  /** This key has to be read again before it is written. */
  doubt(key: string): void;
  doubtAll(): void;
  readonly inDoubt: boolean;
  /** Which keys are. */
  readonly doubts: ReadonlySet<string> | 'all';
  /** What was known under the first key is recorded under the second one now. */
  same(former: string, key: string): void;
  /** A change landed and was recorded. */
  landed(change: Change, outcome: Outcome): void;
}

export function createHoldings(options: HoldingsOptions): Holdings {
  const { target, store, clock } = options;
  let applied: Map<string, AppliedListing> | undefined;
  let live: Map<string, LiveListing> | undefined;
  let unreadable: Live['unreadable'] = [];
  let doubtful: Set<string> | 'all' = 'all';
  const mates = createGroupMates();

  function remembered(): Map<string, AppliedListing> {
    applied ??= new Map(store.applied(target.address));
    return applied;
  }

  async function readBack(keys: ReadonlySet<string> | 'all'): Promise<void> {
    const desired = options.desired();
    const wanted = new Set(desired.map(({ key }) => key));
    // A target without marks does not tell by itself what we left there when a file went.
    const left = [...remembered().values()].filter(({ key, removed }) => !removed && !wanted.has(key));
    const refs = [...desired, ...left].filter(({ key }) => keys === 'all' || keys.has(key)).map(refTo);
    const found = await target.read?.(refs, options.signal, keys !== 'all');
    if (!found) return;
    const others = keys === 'all' ? [] : [...(live ?? [])].filter(([key]) => !keys.has(key));
    const before = new Map(unreadable.map(({ key, standing }) => [key, standing]));
    const unread = found.unreadable.map(one => ({ ...one, standing: standingOf(one.key, before.get(one.key)) }));
    live = new Map([...others, ...found.listings.map(listing => [listing.key, recalled(listing)] as const)]);
    unreadable = [...(keys === 'all' ? [] : unreadable.filter(one => !keys.has(one.key))), ...unread];
    mates.forget();
    settleIntents();
  }

  /** The groups that it was in when it was last seen, or by a write since. */
  function standingOf(key: string, before: Unread['standing'] = []): NonNullable<Unread['standing']> {
    const now = (live?.get(key)?.placements ?? []).flatMap(({ environment, group, pending }) =>
      [...(group === undefined ? [] : [group]), ...(pending?.groups ?? [])].map(one => ({ environment, group: one })),
    );
    return [...new Map([...before, ...now].map(one => [groupKey(one.environment, one.group), one])).values()];
  }

  /** Where the target does not tell who is in, it is who was put in last. */
  function recalled(listing: LiveListing): LiveListing {
    const known = remembered().get(listing.key)?.placements;
    if (!known || listing.placements.every(({ seen }) => seen !== 'unknown')) return listing;
    const placements = listing.placements.map((placement): LivePlacement => {
      const last = placement.seen === 'unknown' && known.find(({ id }) => id === placement.id);
      return last ? { ...rememberedPlacement(last, false), waysIn: placement.waysIn } : placement;
    });
    return { ...listing, placements };
  }

  /** What was read answers what unanswered writes left open. */
  function settleIntents(): void {
    for (const listing of remembered().values()) {
      const open = listing.placements.filter(({ intent }) => intent).map(({ id }) => id);
      const ids = [...open, ...(listing.unknown ?? [])];
      if (ids.length === 0) continue;
      for (const id of ids) {
        const seen = live?.get(listing.key)?.placements.find(placement => placement.id === id);
        if (options.inFlight(id) || seen?.seen !== 'read' || seen.who.kind !== 'members') continue;
        store.observed(target.address, id, { on: seen.on, who: seen.who.members }, clock.now());
      }
      recall(listing.key);
    }
  }

  function recall(key: string): void {
    const listing = store.appliedListing(target.address, key);
    if (listing) remembered().set(key, listing);
    else remembered().delete(key);
  }

  function doubt(key: string): void {
    if (target.read && doubtful !== 'all') doubtful.add(key);
  }

  return {
    applied: remembered,
    live: () => live && { listings: [...live.values()], byKey: live, unreadable },
    async refresh() {
      const keys = live ? doubtful : 'all';
      if (keys === 'all') applied = undefined;
      if (target.read) await readBack(keys);
      else if (keys === 'all') {
        // What was written since the start is certain again.
        const uncertain = store.uncertain && live === undefined;
        const recalled = [...remembered().values()].map(listing => liveFromApplied(listing, uncertain));
        live = new Map(recalled.filter(listing => listing !== undefined).map(listing => [listing.key, listing]));
      }
      doubtful = new Set();
    },
    doubt,
    doubtAll() {
      doubtful = 'all';
    },
    get doubts() {
      return live === undefined ? 'all' : doubtful;
    },
    get inDoubt() {
      return live === undefined || doubtful === 'all' || doubtful.size > 0;
    },
    same(former, key) {
      live?.delete(former);
      recall(former);
      recall(key);
    },
    landed(change, outcome) {
      const { key } = change;
      const idOf = (environment: string) => placementIdOf(target.address, target.remoteEnvironment(environment), key);
      const after = liveAfter(live?.get(key), change, outcome, idOf, clock.now());
      if (after) live?.set(key, after);
      if (live && change.kind === 'placement' && target.can.groups) {
        for (const other of mates.landed(live, change, outcome)) doubt(other);
      }
      // It came back closed, or as it was: the platform knows which.
      const isDoubtful = (change.kind === 'adopt' || change.kind === 'restore') && change.closesIn !== undefined;
      if (isDoubtful) doubt(key);
      recall(key);
    },
  };
}

function refTo({ key, toggle, placements }: DesiredListing | AppliedListing): ListingRef {
  return { key, toggle, environments: placements.map(({ environment }) => environment) };
}
