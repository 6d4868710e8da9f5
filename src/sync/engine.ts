import type { Config } from '../domain/config.ts';
import type { Problem } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import type { Toggle } from '../domain/toggle.ts';
import type { Clock } from '../lib/clock.ts';
import type { Line } from './line.ts';
import { blockStatuses, healthOf, sourceStatus, targetStatus, toggleStatuses } from './status.ts';
import type { Engine, Gauges, Status, ToggleStatus } from './view.ts';

export interface EngineOptions {
  readonly line: Line;
  readonly config: Config;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly version: string;
  /** Toggles past their `expires` at this time (ms). */
  expired(toggles: readonly Toggle[], now: number): readonly Problem[];
}

/** How long an approval holds (ms). */
export const approvalHolds = 60 * 60_000;
/** Another process may approve through the state: it is looked at so often (ms). */
const approvalsEvery = 1_000;
const pruneEvery = 60 * 60_000;
const auditKept = 365 * 24 * 60 * 60_000;

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
  const revocationsSince = new Map<string, number>();
  let everStarted = false;
  let restartNeeded = false;
  let cached: Status | undefined;
  let dataVersion = store.dataVersion();
  let cancelApprovals = () => {};
  let cancelPrune = () => {};

  line.onChange(() => {
    cached = undefined;
    everStarted ||=
      line.sources.every(lane => lane.view().lastAnswerAt !== undefined && lane.view().registered) &&
      line.targets.every(lane => lane.started);
  });

  function toggles(): ToggleStatus[] {
    return line.targets
      .flatMap(lane => toggleStatuses(lane, line.audiences))
      .sort((a, b) => compare(a.key, b.key) || compare(a.target, b.target) || compare(a.environment, b.environment));
  }

  function status(): Status {
    cached ??= {
      version: options.version,
      instance: config.instance,
      started: startedAt,
      commit: null,
      restartNeeded,
      problems: problems(),
      sources: line.sources.map(sourceStatus),
      targets: line.targets.map(targetStatus),
      toggles: toggles(),
      blocked: blockStatuses(store.blocks()),
    };
    return cached;
  }

  function problems(): readonly Problem[] {
    const loaded = line.definitions.current;
    if (!loaded) return [];
    return [...(loaded.unreadable ? [loaded.unreadable] : []), ...loaded.problems, ...loaded.warnings];
  }

  function watchApprovals(): void {
    cancelApprovals = clock.after(approvalsEvery, () => {
      const now = store.dataVersion();
      if (now !== dataVersion) {
        dataVersion = now;
        line.approved();
      }
      watchApprovals();
    });
  }

  function prune(): void {
    const now = clock.now();
    store.prune({ history: now - config.guard.window, audit: now - auditKept });
    cancelPrune = clock.after(pruneEvery, prune);
  }

  function gauges(): Gauges {
    const now = clock.now();
    const held = line.targets.flatMap(lane => lane.plan?.held ?? []);
    keep(heldSince, new Set(held.map(nameOf)), now);
    const outstanding: Record<string, { count: number; oldest: number }> = {};
    const lastSync: Record<string, number> = {};
    let drift = 0;
    const open = new Set<string>();
    for (const lane of line.targets) {
      const waiting = (lane.plan?.changes ?? []).filter(change => !lane.isDone(change));
      const revoking = waiting.filter(change => change.kind === 'placement' && change.revoked.size > 0);
      for (const change of revoking) open.add(`${lane.target.name}\n${change.id}`);
      keep(revocationsSince, open, now, lane.target.name);
      const ages = revoking.map(change => now - (revocationsSince.get(`${lane.target.name}\n${change.id}`) ?? now));
      outstanding[lane.target.name] = {
        count: revoking.reduce((sum, change) => sum + (change.kind === 'placement' ? change.revoked.size : 0), 0),
        oldest: Math.max(0, ...ages) / 1000,
      };
      if (lane.lastSyncAt !== undefined) lastSync[lane.target.name] = lane.lastSyncAt / 1000;
      drift += waiting.filter(change => change.causes.includes('drift')).length;
      drift += (lane.plan?.held ?? []).filter(one => one.reason === 'switched-off-by-hand').length;
    }
    return {
      lastSync,
      held: held.map(({ toggle, target, environment, ...one }) => ({
        toggle,
        target,
        environment,
        seconds: (now - (heldSince.get(nameOf({ toggle, target, environment, ...one })) ?? now)) / 1000,
      })),
      blocked: store.blocks().map(({ id, reason, since }) => ({ id, reason, seconds: (now - since) / 1000 })),
      outstanding,
      drift,
      stale: options.expired(line.definitions.current?.toggles ?? [], now).length,
    };
  }

  watchApprovals();
  cancelPrune = clock.after(pruneEvery, prune);

  return {
    status,
    health() {
      const now = status();
      return healthOf(line.sources, line.targets, now.toggles, now.blocked.length, everStarted);
    },
    gauges,
    callback: bearer => line.callback(bearer),
    sync(by) {
      store.audit({ at: clock.now(), what: 'started', by, message: 'asked to sync' });
      line.syncAll();
    },
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
      cancelPrune();
    },
  };
}

function nameOf({ toggle, target, environment }: { toggle: string; target: string; environment: string }): string {
  return `${target}\n${toggle}\n${environment}`;
}

/** Starts the clock of what is new, forgets what is over; `prefix` limits what is forgotten. */
function keep(since: Map<string, number>, names: ReadonlySet<string>, now: number, prefix = ''): void {
  for (const name of names) if (!since.has(name)) since.set(name, now);
  for (const name of since.keys()) if (!names.has(name) && name.startsWith(prefix)) since.delete(name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
