import type { Change } from '../domain/plan.ts';
import { type Problem, toProblem } from '../domain/problem.ts';
import type { Recorded, StateStore } from '../domain/state.ts';
import type { PlacementId } from '../domain/listing.ts';
import type { Outcome, Target } from '../domain/target.ts';
import type { Clock } from '../lib/clock.ts';

export interface FlightsOptions {
  readonly target: Target;
  readonly store: Pick<StateStore, 'intend' | 'record'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called for each outcome, in the order of arrival, after it was recorded. */
  landed(change: Change, outcome: Outcome): void;
}

/** Batches of writes under way. Intent is recorded before, result after; nothing is lost when a target does not answer. */
export interface Flights {
  /**
   * Starts a batch; resolves when every change of it has its outcome. Asks `mayStart` right before each write: false =
   * it is not sent. Rejects only when the intent cannot be recorded; then nothing was sent.
   */
  start(batch: readonly Change[], mayStart: (change: Change) => boolean): Promise<void>;
  /** Placements, and `listing <key>`, with a write under way. */
  readonly placements: ReadonlySet<PlacementId>;
  /** Of those, the group that the write puts it in. */
  readonly entering: ReadonlyMap<PlacementId, string>;
  has(change: Change): boolean;
  /** The change with this id is under way. */
  hasId(id: string): boolean;
  readonly size: number;
  /** Resolves when nothing is under way. */
  settled(): Promise<void>;
}

/** Outcomes that come in together are recorded together: at most so many in one transaction. */
const atOnce = 256;

export function createFlights(options: FlightsOptions): Flights {
  const { target, store, clock } = options;
  const placements = new Set<PlacementId>();
  const entering = new Map<PlacementId, string>();
  const keys = new Map<string, number>();
  const ids = new Set<string>();
  const running = new Set<Promise<void>>();

  function take(change: Change, by: 1 | -1): void {
    if (by === 1) ids.add(change.id);
    else ids.delete(change.id);
    if (change.kind === 'placement') {
      if (by === 1) placements.add(change.placement);
      else placements.delete(change.placement);
      if (by === 1 && change.after.group !== undefined) entering.set(change.placement, change.after.group);
      else entering.delete(change.placement);
    } else {
      const count = (keys.get(change.key) ?? 0) + by;
      if (count === 0) keys.delete(change.key);
      else keys.set(change.key, count);
    }
  }

  /** The problem, if the state cannot be written. */
  function save(recorded: readonly Recorded[]): Problem | undefined {
    try {
      store.record(target.address, recorded, clock.now());
      return undefined;
    } catch (error) {
      return toProblem(error);
    }
  }

  async function fly(batch: readonly Change[], mayStart: (change: Change) => boolean): Promise<void> {
    const open = new Map(batch.map(change => [change.id, change]));
    let arrived: Recorded[] = [];
    let flush: NodeJS.Immediate | undefined;

    function record(): void {
      clearImmediate(flush);
      flush = undefined;
      const recorded = arrived;
      arrived = [];
      if (recorded.length === 0) return;
      const lost = save(recorded);
      for (const { change, outcome } of recorded) {
        take(change, -1);
        // What the state does not know of was not answered, as far as anybody can tell later: its intent stands.
        options.landed(change, lost ? { change: change.id, result: 'unanswered', problem: lost } : outcome);
      }
    }

    function arrive(outcome: Outcome): void {
      const change = open.get(outcome.change);
      if (!change) return;
      open.delete(outcome.change);
      const approval = change.kind === 'placement' ? change.approval : undefined;
      arrived.push({ change, outcome, ...(approval !== undefined && { approval }) });
      if (open.size === 0 || arrived.length >= atOnce) record();
      else flush ??= setImmediate(record);
    }

    let problem: Problem = { code: 'unanswered', message: `${target.name} did not say what became of the write.` };
    try {
      for await (const outcome of target.apply(batch, options.signal, mayStart)) arrive(outcome);
    } catch (error) {
      problem = toProblem(error);
    }
    for (const id of open.keys()) arrive({ change: id, result: 'unanswered', problem });
    record();
  }

  return {
    async start(batch, mayStart) {
      store.intend(target.address, batch, clock.now());
      for (const change of batch) take(change, 1);
      const flight = fly(batch, mayStart).finally(() => running.delete(flight));
      running.add(flight);
      await flight;
    },
    placements,
    entering,
    has: change => (change.kind === 'placement' ? placements.has(change.placement) : keys.has(change.key)),
    hasId: id => ids.has(id),
    get size() {
      return running.size;
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
