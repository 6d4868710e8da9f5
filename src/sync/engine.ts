import type { Config } from '../domain/config.ts';
import { refKey } from '../domain/identity.ts';
import type { Change } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import type { Toggle } from '../domain/toggle.ts';
import type { Clock } from '../lib/clock.ts';
import type { Line } from './line.ts';
import type { TargetLane } from './target-lane.ts';
import { blockStatuses, healthOf, overrideStatuses, sourceStatus, targetStatus, toggleStatuses } from './status.ts';
import { keepUp } from './upkeep.ts';
import type { Engine, Gauges, Status, ToggleStatus } from './view.ts';

export interface EngineOptions {
  readonly line: Line;
  readonly config: Config;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly version: string;
  /** The repository of the flags, if they come from one. */
  readonly repository?: FlagsRepository | undefined;
  /** Toggles past their `expires` at this time (ms). */
  expired(toggles: readonly Toggle[], now: number): readonly Problem[];
}

/** How long an approval holds (ms). */
export const approvalHolds = 60 * 60_000;
/** Another process may approve through the state: it is looked at so often (ms). */
const approvalsEvery = 1_000;

/** What the engine needs of a repository: the shape of `GitFlagLoader` in `load/`. */
export interface FlagsRepository {
  readonly state: { readonly state: 'ok' | 'held' | 'failing' };
  poke(): void;
  pushed(ref: string, defaultBranch: string | undefined): boolean;
}

export interface RunningEngine extends Engine {
  /** The configuration's file changed: it is read at the next start. */
  configChanged(): void;
  stop(): void;
}

/** The long-running line as the server sees it: status is put together once per change, not per request. */
export function createEngine(options: EngineOptions): RunningEngine {
  const { line, config, store, clock } = options;
  const startedAt = new Date(clock.now()).toISOString();
  /** Since when a placement is held, as `target toggle environment`. */
  const heldSince = new Map<string, number>();
  const revokingSince = new Map<string, number>();
  let everStarted = false;
  let restartNeeded = false;
  let cached: Status | undefined;
  let dataVersion = store.dataVersion();
  let cancelApprovals = () => {};

  line.onChange(() => {
    cached = undefined;
    everStarted ||= line.started();
  });

  function toggles(): ToggleStatus[] {
    return line.targets
      .flatMap(lane => toggleStatuses(lane, line.audiences, line.overriding.list))
      .sort((a, b) => compare(a.key, b.key) || compare(a.target, b.target) || compare(a.environment, b.environment));
  }

  function status(): Status {
    cached ??= {
      version: options.version,
      instance: config.instance,
      started: startedAt,
      commit: line.definitions.current?.commit ?? null,
      restartNeeded,
      problems: problems(),
      sources: line.sources.map(sourceStatus),
      targets: line.targets.map(targetStatus),
      toggles: toggles(),
      blocked: blockStatuses(store.blocks()),
      overrides: overrideStatuses(line.overriding.list, member => store.memberTag(member)),
    };
    return cached;
  }

  function problems(): readonly Problem[] {
    const loaded = line.definitions.current;
    if (!loaded) return [];
    return [...(loaded.unreadable ? [loaded.unreadable] : []), ...loaded.problems, ...loaded.warnings];
  }

  function flagsState(): 'ok' | 'held' | 'failing' {
    if (line.definitions.current?.unreadable) return 'held';
    return options.repository?.state.state ?? 'ok';
  }

  function watchApprovals(): void {
    cancelApprovals = clock.after(approvalsEvery, () => {
      follow();
      const now = store.dataVersion();
      if (now !== dataVersion) {
        dataVersion = now;
        line.approved();
      }
      // Also where nobody wrote anything: the time of one may be over.
      line.overridden();
      watchApprovals();
    });
  }

  /** Since when what is held is held, and what is to be revoked is not yet revoked. */
  function follow(): void {
    const now = clock.now();
    keep(heldSince, line.targets.flatMap(lane => lane.plan?.held ?? []).map(refKey), now);
    keep(revokingSince, line.targets.flatMap(revoking).map(revokingName), now);
  }

  function gauges(): Gauges {
    follow();
    const now = clock.now();
    const age = (since: ReadonlyMap<string, number>, name: string) => (now - (since.get(name) ?? now)) / 1000;
    const held = line.targets.flatMap(lane => lane.plan?.held ?? []);
    const byHand = held.filter(one => one.reason === 'switched-off-by-hand').length;
    return {
      lastSync: Object.fromEntries(
        line.targets.flatMap(({ target, lastSyncAt }) =>
          lastSyncAt === undefined ? [] : [[target.name, lastSyncAt / 1000]],
        ),
      ),
      held: held.map(one => {
        const { toggle, target, environment } = one;
        return { toggle, target, environment, seconds: age(heldSince, refKey(one)) };
      }),
      blocked: store.blocks().map(({ id, reason, since }) => ({ id, reason, seconds: (now - since) / 1000 })),
      outstanding: Object.fromEntries(
        line.targets.map(lane => {
          const waiting = revoking(lane);
          const count = waiting.reduce((sum, { revoked }) => sum + revoked.size, 0);
          return [
            lane.target.name,
            { count, oldest: Math.max(0, ...waiting.map(one => age(revokingSince, revokingName(one)))) },
          ];
        }),
      ),
      drift: line.targets.flatMap(waitingIn).filter(change => change.causes.includes('drift')).length + byHand,
      stale: options.expired(line.definitions.current?.toggles ?? [], now).length,
    };
  }

  watchApprovals();
  const stopUpkeep = keepUp(store, config, clock);

  return {
    status,
    health() {
      const now = status();
      const health = healthOf(
        line.sources,
        line.targets,
        now.toggles,
        now.blocked.length,
        everStarted,
        now.overrides.length,
      );
      return { ...health, flags: flagsState() };
    },
    gauges,
    callback: bearer => line.callback(bearer),
    sync(by) {
      options.repository?.poke();
      line.syncAll();
      // Last: what cannot be written down, on a full disk, is asked for all the same.
      store.audit({ at: clock.now(), what: 'started', by, message: 'asked to sync' });
    },
    ...(options.repository && { pushed: options.repository.pushed.bind(options.repository) }),
    approve(id, by) {
      const approval = store.approve(id, by, clock.now() + approvalHolds, clock.now());
      if (!approval) return undefined;
      line.approved();
      return { id, until: new Date(approval.until).toISOString() };
    },
    configChanged() {
      restartNeeded = true;
      cached = undefined;
    },
    stop() {
      cancelApprovals();
      stopUpkeep();
    },
  };
}

/** What was planned last and is not done. */
function waitingIn(lane: TargetLane): readonly Change[] {
  return (lane.plan?.changes ?? []).filter(change => !lane.isDone(change));
}

function revoking(lane: TargetLane) {
  return waitingIn(lane)
    .filter(change => change.kind === 'placement')
    .filter(change => change.revoked.size > 0);
}

function revokingName(change: Change): string {
  return `${change.target}\n${change.id}`;
}

/** Starts the clock of what is new, forgets what is over. */
function keep(since: Map<string, number>, names: readonly string[], now: number): void {
  for (const name of names) if (!since.has(name)) since.set(name, now);
  const current = new Set(names);
  for (const name of since.keys()) if (!current.has(name)) since.delete(name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
