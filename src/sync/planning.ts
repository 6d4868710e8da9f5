import type { Audience, AudienceId } from '../domain/audience.ts';
import type { Config } from '../domain/config.ts';
import type { Plan, PlanInput, RemovalView, SourceStanding, TargetView } from '../domain/plan.ts';
import type { StateStore } from '../domain/state.ts';
import type { Clock } from '../lib/clock.ts';
import { planTargets } from '../plan/plan.ts';
import type { Definitions } from './definitions.ts';
import { type Overriding, toldOverrides } from './overriding.ts';
import type { SourceLane } from './source-lane.ts';
import type { TargetLane } from './target-lane.ts';

export interface PlanningOptions {
  readonly config: Pick<Config, 'guard' | 'onRemoved'>;
  readonly store: Pick<StateStore, 'baseline' | 'moved' | 'approvals' | 'windows' | 'setAside' | 'memberTag'>;
  readonly clock: Clock;
  readonly definitions: Definitions;
  readonly only: ReadonlySet<string> | undefined;
  /** `apply --checksum`: the definition-caused changes were reviewed. */
  readonly reviewed: boolean;
  sources(): readonly SourceLane[];
  targets(): readonly TargetLane[];
  readonly audiences: ReadonlyMap<AudienceId, Audience>;
  readonly overriding: Pick<Overriding, 'current' | 'list'>;
}

export interface Planning {
  /** The plan of one lane's target, or of these toggles in it; undefined while it cannot be made. */
  planFor(lane: TargetLane, toggles: ReadonlySet<string> | undefined): Plan | undefined;
  /** One plan over all targets that were read. */
  planAll(): Plan;
}

/** Gathers what the pure planner needs; the only place that calls it. */
export function createPlanning(options: PlanningOptions): Planning {
  const { store, clock, definitions } = options;

  function input(
    targets: readonly TargetView[],
    audiences: ReadonlyMap<AudienceId, Audience>,
    toggles?: ReadonlySet<string>,
  ): PlanInput {
    const only = toggles ?? options.only;
    const now = clock.now();
    const since = now - options.config.guard.window;
    return {
      now,
      targets,
      audiences,
      sources: standings(),
      guard: options.config.guard,
      baseline: placement => store.baseline(placement, since),
      moved: store.moved(since),
      approvals: store.approvals(now),
      windows: store.windows(now),
      removals: removals(since, only !== undefined),
      overrides: options.overriding.current,
      setAside: placement => store.setAside(placement),
      ...(only && { only }),
      ...(toggles && { settled: true }),
      ...(options.reviewed && { definitionsReviewed: true }),
    };
  }

  function standings(): ReadonlyMap<string, SourceStanding> {
    return new Map(options.sources().map(lane => [lane.source.id, lane.view().standing]));
  }

  /** Toggles removed within the guard's window count with those that are gone now, so that slices add up. */
  function removals(since: number, none: boolean): RemovalView {
    const known = new Map<string, boolean>();
    for (const lane of none || options.config.onRemoved === 'keep' ? [] : options.targets()) {
      if (lane.view()?.policy === 'upsert-only') continue;
      for (const listing of lane.applied().values()) {
        if (listing.removed && !listing.placements.some(placement => placement.appliedAt >= since)) continue;
        const off = !listing.removed && listing.placements.every(({ on, intent }) => !on && !intent?.on);
        known.set(listing.toggle, (known.get(listing.toggle) ?? true) && off);
      }
    }
    return {
      present: definitions.current?.present ?? new Set(),
      confirmed: definitions.confirmed,
      known: [...known].map(([toggle, appliedOff]) => ({ toggle, appliedOff })),
    };
  }

  /** Sources whose answers wait to be compared with what was last applied. */
  function comparing(): ReadonlySet<string> {
    const suspects = [...standings()].filter(([, { state, by }]) => state === 'suspect' && by === 'nothing');
    return new Set(suspects.map(([id]) => id));
  }

  function uses(lane: TargetLane, sources: ReadonlySet<string>): boolean {
    if (sources.size === 0) return false;
    return [...lane.desired.asks.values()].some(ask => sources.has(ask.policy.source));
  }

  return {
    planFor(lane, toggles) {
      const view = lane.view();
      if (!view || !definitions.current) return undefined;
      const suspects = comparing();
      const scope = movedLately(lane, clock.now() - options.config.guard.window) ? undefined : toggles;
      if (!uses(lane, suspects)) return planTargets(input([view], options.audiences, scope));
      // A comparison is over everything the source decides, in every target.
      const concerned = options.targets().filter(other => other === lane || uses(other, suspects));
      const views = concerned.map(other => other.view() ?? other.unreadView());
      return only(planTargets(input(views, options.audiences)), lane.target.name);
    },
    planAll() {
      const views = options.targets().map(lane => lane.view());
      const plan = planTargets(
        input(
          views.filter(view => view !== undefined),
          options.audiences,
        ),
      );
      const commit = definitions.current?.commit;
      const overrides = toldOverrides(options.overriding.list, member => store.memberTag(member));
      return {
        ...plan,
        ...(commit !== undefined && { commit }),
        ...(overrides.length > 0 && { overrides }),
      };
    },
  };
}

/** What was done where a toggle was before counts for it within the window, so then nothing may be left out. */
function movedLately(lane: TargetLane, since: number): boolean {
  const { listings } = lane.desired;
  const applied = lane.applied();
  if (applied.size <= listings.length) return false;
  const wanted = new Set(listings.map(({ key }) => key));
  const toggles = new Set(listings.map(({ toggle }) => toggle));
  return [...applied.values()].some(
    ({ key, toggle, placements }) =>
      toggles.has(toggle) && !wanted.has(key) && placements.some(({ appliedAt }) => appliedAt > since),
  );
}

/** The part of a plan that is about one target. */
function only(plan: Plan, target: string): Plan {
  return {
    ...plan,
    changes: plan.changes.filter(change => change.target === target),
    held: plan.held.filter(held => held.target === target),
    refused: plan.refused.filter(refusal => refusal.target === target),
    blocked: plan.blocked.filter(
      block => block.scope === 'removal' || block.placements.some(placement => placement.target === target),
    ),
  };
}
