/**
 * A target whose address changed, as one target: what lies at its former addresses stands beside what lies at the new
 * one, each listing under a key of its own (`us-feature at flagd out/old.json`). For the plan it is then a toggle whose
 * key changed: the new placement is filled and opened, the old one loses people until then and is closed after it, and
 * the guard judges both as one.
 */
import type { AppliedListing, AppliedPlacement, ListingRef, Live, LiveListing } from '../domain/listing.ts';
import type { Change } from '../domain/plan.ts';
import { type Problem, toProblem } from '../domain/problem.ts';
import type { Recorded, StateStore } from '../domain/state.ts';
import type { Outcome, Target } from '../domain/target.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { merged } from '../lib/merged.ts';
import { atFormer, environmentNow, formerOf, isOver, keyAt, reaches } from './former-address.ts';
import { createSamePlaces } from './same-place.ts';

/** What a lane asks of the state. */
export type LaneStore = Pick<
  StateStore,
  'applied' | 'appliedListing' | 'observed' | 'uncertain' | 'intend' | 'record' | 'saveBackup'
>;

export interface MovesOptions {
  readonly target: Target;
  /** The same target at its former addresses, where the state says that something was applied. */
  readonly former: readonly Target[];
  readonly store: LaneStore & Pick<StateStore, 'forget' | 'samePlace'>;
  /** Where writes of the configured targets go, by `Target.place`: nothing is closed there. */
  readonly inUse: ReadonlySet<string>;
  readonly clock: Clock;
  /** The guard's window, ms. */
  readonly window: number;
  /** False: nothing is written into the state. */
  readonly remember: boolean;
  readonly log: Log;
}

export interface Moves {
  readonly target: Target;
  readonly store: LaneStore;
  /**
   * Calls with the key of a listing at a former address that turned out to be that at the new one (`key`): one place
   * under two names.
   */
  onSame(listener: (former: string, key: string) => void): void;
}

/** A former address gets this long to be read (ms): it holds up the new one no longer. */
const patience = 5_000;
const slow: Problem = { code: 'unanswered', message: 'it was not read in time.', hint: 'It is read again.' };

/** Joins a target with its former addresses; without any it is the target itself. */
export function followMoves(options: MovesOptions): Moves {
  const { target, former, store, clock, remember, log } = options;
  if (former.length === 0) return { target, store, onSame() {} };
  const places = createSamePlaces({ target, former, store, clock, remember, log });

  function since(): number {
    return clock.now() - options.window;
  }

  function isInUse(at: Target, environment: string): boolean {
    const place = at.place?.(environment);
    return place !== undefined && options.inUse.has(place);
  }

  function shown(at: Target, listing: AppliedListing): AppliedListing {
    const placements = listing.placements
      .filter(({ id }) => !places.isTaken(id))
      .map(one => ({ ...one, environment: environmentNow(target, at, one.environment) }));
    return { ...listing, key: keyAt(at.address, listing.key), placements };
  }

  /** The changes of a batch by address: those at the address itself, then those at each former one, as they are there. */
  function split(changes: readonly Change[]): { readonly own: readonly Change[]; readonly old: Map<Target, Change[]> } {
    const own: Change[] = [];
    const old = new Map<Target, Change[]>();
    for (const change of changes) {
      const found = formerOf(former, change.key);
      if (found === undefined) own.push(change);
      else old.set(found.at, [...(old.get(found.at) ?? []), { ...change, key: found.key }]);
    }
    return { own, old };
  }

  async function* applyAt(
    at: Target,
    batch: readonly Change[],
    signal: AbortSignal,
    mayStart: (change: Change) => boolean,
  ): AsyncGenerator<Outcome> {
    const open = new Map(batch.map(change => [change.id, change]));
    // Where there are no marks there is nothing to retire: its placements are closed.
    const idle = at.can.marks ? [] : batch.filter(({ kind }) => kind === 'retire');
    for (const { id } of idle) {
      open.delete(id);
      yield { change: id, result: 'done' };
    }
    // What is gone there is not made again.
    const sent = [...open.values()].map(change =>
      change.kind === 'placement' ? { ...change, removal: true } : change,
    );
    let problem: Problem = {
      code: 'unanswered',
      message: 'it did not say what became of the write.',
      hint: 'It is read or sent once more.',
    };
    try {
      if (sent.length > 0) {
        for await (const outcome of at.apply(sent, signal, mayStart)) {
          open.delete(outcome.change);
          yield fromFormer(at, outcome);
        }
      }
    } catch (error) {
      problem = toProblem(error);
    }
    for (const id of open.keys()) yield { change: id, result: 'unanswered', problem: atFormer(at, problem) };
  }

  async function readAt(
    at: Target,
    want: readonly ListingRef[],
    signal: AbortSignal,
    onlyThese?: boolean,
  ): Promise<Live> {
    const refs = want.flatMap(ref => {
      const found = formerOf(former, ref.key);
      if (found?.at !== at) return [];
      const environments = ref.environments.filter(environment => !isInUse(at, environment));
      return environments.length > 0 ? [{ ...ref, key: found.key, environments }] : [];
    });
    if (refs.length === 0 || at.read === undefined) return { listings: [], unreadable: [] };
    const keys = new Set(refs.map(({ key }) => key));
    const end = new AbortController();
    const cancel = clock.after(patience, () => end.abort(new Error(slow.message)));
    try {
      const live = await at.read(refs, AbortSignal.any([signal, end.signal]), onlyThese);
      const listings = live.listings.filter(({ key }) => keys.has(key));
      const unreadable = live.unreadable.filter(({ key }) => keys.has(key));
      forgetGone(at, keys, { listings, unreadable });
      return {
        listings: listings.map(listing => liveFrom(at, listing)),
        unreadable: unreadable.map(({ key, problem }) => ({
          key: keyAt(at.address, key),
          problem: atFormer(at, problem),
        })),
      };
    } catch (error) {
      if (signal.aborted) throw error;
      const problem = atFormer(at, end.signal.aborted ? slow : toProblem(error));
      return { listings: [], unreadable: [...keys].map(key => ({ key: keyAt(at.address, key), problem })) };
    } finally {
      cancel();
    }
  }

  function liveFrom(at: Target, listing: LiveListing): LiveListing {
    const placements = listing.placements
      .filter(({ environment }) => !isInUse(at, environment))
      .map(one => ({ ...one, environment: environmentNow(target, at, one.environment) }));
    return { ...listing, key: keyAt(at.address, listing.key), placements };
  }

  /** What was asked for and is not there needs no closing. */
  function forgetGone(at: Target, keys: ReadonlySet<string>, { listings, unreadable }: Live): void {
    if (!remember) return;
    const there = new Set(listings.flatMap(({ placements }) => placements.map(({ id }) => id)));
    const unknown = new Set(unreadable.map(({ key }) => key));
    for (const key of keys) {
      const listing = unknown.has(key) ? undefined : store.appliedListing(at.address, key);
      if (listing === undefined) continue;
      const isGone = (one: AppliedPlacement) => reaches(at, key, one) && !there.has(one.id);
      if (isOver(listing, since(), isGone)) store.forget(at.address, key);
    }
  }

  /** `read` of the new address alone, which is there. */
  async function readBoth(
    read: NonNullable<Target['read']>,
    want: readonly ListingRef[],
    signal: AbortSignal,
    onlyThese?: boolean,
  ): Promise<Live> {
    const own = want.filter(({ key }) => formerOf(former, key) === undefined);
    const [live, ...old] = await Promise.all([
      read(own, signal, onlyThese),
      ...former.map(at => readAt(at, want, signal, onlyThese)),
    ]);
    const known = target.can.marks ? [] : live.listings.filter(({ key }) => places.listing(key) === undefined);
    const here = new Set(known.map(({ key }) => key));
    for (const key of here) places.found(key);
    const stays = ({ key }: { readonly key: string }) => !here.has(formerOf(former, key)?.key ?? '');
    return {
      ...live,
      listings: [...live.listings, ...old.flatMap(({ listings }) => listings.filter(stays))],
      unreadable: [...live.unreadable, ...old.flatMap(({ unreadable }) => unreadable.filter(stays))],
    };
  }

  const readNew = target.read?.bind(target);
  const both: Target = {
    ...target,
    ...(readNew && { read: (want, signal, onlyThese) => readBoth(readNew, want, signal, onlyThese) }),
    apply(batch, signal, mayStart) {
      const { own, old } = split(batch);
      const parts = [...old].map(([at, changes]) => applyAt(at, changes, signal, mayStart));
      return own.length > 0 ? merged([target.apply(own, signal, mayStart), ...parts]) : merged(parts);
    },
  };

  return {
    target: both,
    store: {
      uncertain: store.uncertain,
      applied() {
        const all = new Map(places.applied());
        for (const at of former) {
          for (const listing of store.applied(at.address).values()) {
            const left = shown(at, listing);
            if (left.placements.length === 0 && listing.placements.length > 0) continue;
            if (!isOver(listing, since(), one => isInUse(at, one.environment))) all.set(left.key, left);
            else if (remember) store.forget(at.address, listing.key);
          }
        }
        return all;
      },
      appliedListing(_address, key) {
        const found = formerOf(former, key);
        if (found === undefined) return places.listing(key);
        const listing = store.appliedListing(found.at.address, found.key);
        return listing && shown(found.at, listing);
      },
      observed(_address, placement, seen, at) {
        const owner = former.find(one =>
          [...store.applied(one.address).values()].some(({ placements }) =>
            placements.some(({ id }) => id === placement),
          ),
        );
        store.observed((owner ?? target).address, placement, seen, at);
      },
      intend(_address, changes, at) {
        const { own, old } = split(changes);
        store.intend(target.address, own, at);
        for (const [one, there] of old) store.intend(one.address, there, at);
      },
      record(_address, recorded, at) {
        const own = recorded.filter(({ change }) => formerOf(former, change.key) === undefined);
        store.record(target.address, own, at);
        for (const [one, there] of recordedAt(recorded)) store.record(one.address, there, at);
        if (target.can.marks) return;
        for (const { change, outcome } of own) {
          if (change.kind === 'create' && outcome.result === 'done' && outcome.existed) places.found(change.key);
        }
      },
      saveBackup: (_address, key, definition, at) => store.saveBackup(target.address, key, definition, at),
    },
    onSame: listener => places.onSame(listener),
  };

  function recordedAt(recorded: readonly Recorded[]): ReadonlyMap<Target, readonly Recorded[]> {
    const old = new Map<Target, Recorded[]>();
    for (const one of recorded) {
      const found = formerOf(former, one.change.key);
      if (found === undefined) continue;
      const there = { ...one, change: { ...one.change, key: found.key } };
      old.set(found.at, [...(old.get(found.at) ?? []), there]);
    }
    return old;
  }
}

/** What a former address says of itself as a whole holds up nothing at the new one. */
function fromFormer(at: Target, outcome: Outcome): Outcome {
  switch (outcome.result) {
    case 'failed':
      return { ...outcome, scope: 'change', problem: atFormer(at, outcome.problem) };
    case 'conflict':
    case 'unanswered':
    case 'refused':
      return { ...outcome, problem: atFormer(at, outcome.problem) };
    case 'done':
    case 'late':
    case 'pending':
      return outcome;
  }
}
