import type { Audience } from '../../src/domain/audience.ts';
import { placementIdOf } from '../../src/domain/identity.ts';
import { membersOf, noMembers } from '../../src/domain/members.ts';
import { type Change, phases, type Plan } from '../../src/domain/plan.ts';
import type { AppliedListing, DesiredListing, Live, LiveListing } from '../../src/domain/listing.ts';
import type { Target } from '../../src/domain/target.ts';
import { planTargets } from '../../src/plan/plan.ts';
import { liveAfter } from '../../src/sync/live.ts';
import { applied } from './changes.ts';

const now = Date.UTC(2026, 10, 21);

/** What a pass wants: toggles, and who has them. An audience that is not named is undefined. */
export interface Wanted {
  readonly listings: readonly DesiredListing[];
  readonly audiences: Readonly<Record<string, readonly string[]>>;
}

/** The line of one target without its lanes: reads or remembers, has the real planner plan, and applies by phases. */
export interface TargetLine {
  plan(wanted: Wanted): Promise<Plan>;
  /** Plans and applies; fails unless everything was done. */
  sync(wanted: Wanted): Promise<Plan>;
}

/** A line with a guard that lets everything through. */
export function targetLine(target: Target): TargetLine {
  let live = new Map<string, LiveListing>();
  const memory = new Map<string, AppliedListing>();

  function placementId(key: string) {
    return (environment: string) => placementIdOf(target.address, target.remoteEnvironment(environment), key);
  }

  async function look({ listings }: Wanted): Promise<Live> {
    if (target.read === undefined) return { listings: [...live.values()], unreadable: [] };
    const wanted = new Set(listings.map(({ key }) => key));
    const known = [...memory.values()].filter(({ key, removed }) => !removed && !wanted.has(key));
    const want = [...listings, ...known].map(({ key, toggle, placements }) => {
      return { key, toggle, environments: placements.map(({ environment }) => environment) };
    });
    const found = await target.read(want, AbortSignal.timeout(10_000));
    live = new Map(found.listings.map(listing => [listing.key, listing]));
    return found;
  }

  async function plan(wanted: Wanted): Promise<Plan> {
    const { listings, audiences } = wanted;
    const used = listings.flatMap(({ placements }) => placements.map(({ audience }) => audience));
    return planTargets({
      now,
      targets: [
        {
          name: target.name,
          can: target.can,
          policy: 'sync',
          onRemoved: 'disable',
          reopen: false,
          environments: target.environments,
          desired: listings,
          refused: [],
          live: await look(wanted),
          applied: memory,
          inFlight: new Set(),
        },
      ],
      audiences: new Map(used.map(id => [id, audienceOf(id, audiences[id])])),
      sources: new Map([['opal', { state: 'ready', by: 'loaded', instanceId: null }]]),
      guard: {
        maxRevokedShare: 1,
        alwaysAllowedRevocations: 1000,
        maxGrantedShare: 1,
        alwaysAllowedGrants: 1000,
        maxUsers: null,
        window: 0,
        maxRemovedToggles: 1,
      },
      baseline: () => undefined,
      approvals: [],
      windows: [],
      removals: {
        present: new Set(listings.map(({ toggle }) => toggle)),
        confirmed: true,
        known: [...memory.values()].filter(one => !one.removed).map(({ toggle }) => ({ toggle, appliedOff: false })),
      },
    });
  }

  function remember(change: Change, listing: LiveListing): void {
    live.set(change.key, listing);
    memory.set(change.key, {
      key: change.key,
      toggle: change.toggle,
      contextKind: change.contextKind,
      metadata: change.metadata,
      removed: listing.removed,
      placements: listing.placements.map(({ id, environment, on, who }) => ({
        id,
        environment,
        source: 'opal',
        audience: change.kind === 'placement' ? change.audience : 'a1',
        on,
        who: who.kind === 'members' ? who.members : noMembers,
        firstFilledAt: now,
        appliedAt: now,
      })),
    });
  }

  return {
    plan,
    async sync(wanted) {
      const made = await plan(wanted);
      for (const phase of phases) {
        const batch = made.changes.filter(change => change.phase === phase);
        if (batch.length === 0) continue;
        const outcomes = await applied(target, batch);
        for (const change of batch) {
          const outcome = outcomes.get(change.id);
          if (outcome?.result !== 'done') throw new Error(`${change.id}: ${outcome?.result}`);
          const after = liveAfter(live.get(change.key), change, outcome, placementId(change.key), now);
          if (after !== undefined) remember(change, after);
        }
      }
      return made;
    },
  };
}

function audienceOf(id: string, members: readonly string[] | undefined): Audience {
  const from = { source: 'opal', rule: 'app.rbac.us_users', answeredAt: now };
  const base = { id, contextKind: 'user', from };
  if (members === undefined) return { ...base, state: 'undefined' };
  return { ...base, state: 'defined', who: { kind: 'members', members: membersOf(members) } };
}
