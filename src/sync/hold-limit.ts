import type { Audience, AudienceId } from '../domain/audience.ts';
import type { DesiredPlacement, PlacementId } from '../domain/listing.ts';
import type { Overrides } from '../domain/override.ts';
import type { StateStore } from '../domain/state.ts';
import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import type { Log } from '../lib/log.ts';
import type { Desired } from './desired.ts';
import type { TargetLane } from './target-lane.ts';

export interface HoldLimitOptions {
  /** How long users may stay as they are for want of an answer (ms). */
  readonly most: number;
  readonly store: Pick<StateStore, 'waiting' | 'waitingSince'>;
  readonly clock: Clock;
  readonly log: Log;
  /** A preview leaves no trace in the state. */
  readonly remember: boolean;
  readonly audiences: ReadonlyMap<AudienceId, Audience>;
  overrides(): Overrides;
}

/** `maxHold`: what is without an answer for longer is closed until one comes. */
export interface HoldLimit {
  /** Looks how long this lane's placements have been waiting. True: others than before are to be closed. */
  look(lane: TargetLane, wanted: Desired): boolean;
  /** What git wants, with what waited too long switched off. */
  closed(lane: TargetLane, wanted: Desired): Desired;
  stop(): void;
}

export function createHoldLimit(options: HoldLimitOptions): HoldLimit {
  const { most, store, clock, log, audiences } = options;
  const overdue = new Map<TargetLane, ReadonlySet<PlacementId>>();
  const warned = new Map<TargetLane, Set<PlacementId>>();
  const timers = new Map<TargetLane, () => void>();

  /** Pauses are somebody's will, and nobody was asked before the first look. */
  function isWaiting(placement: DesiredPlacement, isOpen: boolean, isKnown: boolean): boolean {
    if (placement.state === 'off' || options.overrides().paused.source.has(placement.source)) return false;
    const audience = audiences.get(placement.audience);
    if (audience === undefined) return isKnown;
    return audience.state !== 'defined' && (isOpen || isKnown);
  }

  function waitingIn(lane: TargetLane, { listings }: Desired): ReadonlyMap<PlacementId, number> {
    const { address } = lane.target;
    const known = store.waitingSince(address);
    const open = openIn(lane);
    const waiting = listings
      .flatMap(({ placements }) => placements)
      .filter(one => isWaiting(one, open.has(one.id), known.has(one.id)))
      .map(({ id }) => id);
    const now = clock.now();
    if (options.remember) return store.waiting(address, waiting, now);
    return new Map(waiting.map(id => [id, known.get(id) ?? now]));
  }

  function warn(lane: TargetLane, waiting: ReadonlyMap<PlacementId, number>, now: number): void {
    const told = warned.get(lane) ?? new Set();
    const soon = [...waiting].filter(([id, since]) => now >= since + most / 2 && now < since + most && !told.has(id));
    warned.set(lane, new Set([...waiting.keys()].filter(id => told.has(id)).concat(soon.map(([id]) => id))));
    if (soon.length === 0) return;
    const first = Math.min(...soon.map(([, since]) => since));
    log.warn(
      { target: lane.target.name, placements: soon.length },
      `${lane.target.name}: ${soon.length} placements have no answer since ${new Date(first).toISOString()}; ` +
        `without one they are closed at ${new Date(first + most).toISOString()} (maxHold ${formatDuration(most)})`,
    );
  }

  function lookAgain(lane: TargetLane, waiting: ReadonlyMap<PlacementId, number>, now: number): void {
    timers.get(lane)?.();
    timers.delete(lane);
    const moments = [...waiting.values()].flatMap(since => [since + most / 2, since + most]).filter(at => at > now);
    if (moments.length === 0) return;
    const wake = () => lane.wake({ kind: 'retry' });
    timers.set(lane, clock.after(Math.min(...moments) - now, wake));
  }

  return {
    look(lane, wanted) {
      const now = clock.now();
      const waiting = waitingIn(lane, wanted);
      const asked = new Map(wanted.listings.flatMap(({ placements }) => placements).map(one => [one.id, one.audience]));
      const over = [...waiting]
        .filter(([id, since]) => now >= since + most && audiences.has(asked.get(id) ?? ''))
        .map(([id]) => id);
      if (options.remember) {
        warn(lane, waiting, now);
        lookAgain(lane, waiting, now);
      }
      const before = overdue.get(lane) ?? new Set();
      const fresh = over.filter(id => !before.has(id));
      overdue.set(lane, new Set(over));
      if (fresh.length > 0) {
        log.error(
          { target: lane.target.name, placements: fresh.length },
          `${lane.target.name}: ${fresh.length} placements were without an answer for ${formatDuration(most)} (maxHold): they are closed until one comes`,
        );
      }
      return fresh.length > 0 || over.length < before.size;
    },
    closed(lane, wanted) {
      const over = overdue.get(lane);
      if (over === undefined || over.size === 0) return wanted;
      const listings = wanted.listings.map(listing => {
        if (!listing.placements.some(({ id }) => over.has(id))) return listing;
        const placements = listing.placements.map(placement =>
          over.has(placement.id) && placement.state === 'on'
            ? { ...placement, state: 'off' as const, overridden: true as const }
            : placement,
        );
        return { ...listing, placements };
      });
      return { ...wanted, listings };
    },
    stop() {
      for (const cancel of timers.values()) cancel();
    },
  };
}

/** Placements in which somebody is, as far as the state knows. */
function openIn(lane: TargetLane): ReadonlySet<PlacementId> {
  const open = new Set<PlacementId>();
  for (const { placements } of lane.applied().values()) {
    for (const { id, on, who } of placements) if (on && who.size > 0) open.add(id);
  }
  return open;
}
