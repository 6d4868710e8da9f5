/** Finds out that a former address and the new one are one place: then nothing may be closed there. */
import type { AppliedListing, AppliedPlacement, PlacementId } from '../domain/listing.ts';
import type { StateStore } from '../domain/state.ts';
import type { Target } from '../domain/target.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { environmentNow, keyAt, placementId, reaches } from './former-address.ts';

/** Names of what a target writes, environment by environment; none where its kind names nothing. */
export function placesOf(target: Target): readonly string[] {
  const environments = target.environments.length > 0 ? target.environments : [''];
  return environments.map(one => target.place?.(one)).filter(place => place !== undefined);
}

export interface SamePlacesOptions {
  readonly target: Target;
  readonly former: readonly Target[];
  readonly store: Pick<StateStore, 'applied' | 'appliedListing' | 'samePlace'>;
  readonly clock: Clock;
  /** False: nothing is written into the state. */
  readonly remember: boolean;
  readonly log: Log;
}

export interface SamePlaces {
  /** What was applied at the new address, with what turned out to be there already. */
  applied(): ReadonlyMap<string, AppliedListing>;
  listing(key: string): AppliedListing | undefined;
  /** Recorded at a former address, and at the new one by now. */
  isTaken(placement: PlacementId): boolean;
  /** The new address had this key before we made it there. */
  found(key: string): void;
  /** Calls with the key that stood for a listing at a former address, and its key. */
  onSame(listener: (former: string, key: string) => void): void;
}

/** For one target and its former addresses. Where a kind names the places it writes, they are compared at the first look. */
export function createSamePlaces(options: SamePlacesOptions): SamePlaces {
  const { target, former, store, clock, remember, log } = options;
  const listeners: ((former: string, key: string) => void)[] = [];
  /** In a preview, what would be recorded: listings by key, and placements that went there. */
  const overlay = new Map<string, AppliedListing>();
  const taken = new Set<PlacementId>();
  let joined = false;

  function listing(key: string): AppliedListing | undefined {
    return overlay.get(key) ?? store.appliedListing(target.address, key);
  }

  /** What was recorded at a former address is so at the new one: the same file, the same toggle of the same API. */
  function same(at: Target, before: AppliedListing, placements: readonly AppliedPlacement[]): void {
    const { key } = before;
    const moved = placements.map(one => ({
      ...one,
      id: placementId(target, environmentNow(target, at, one.environment), key),
    }));
    const ids = new Map(placements.map(({ id }, index) => [id, (moved[index] as AppliedPlacement).id]));
    if (remember) store.samePlace({ address: at.address, key }, target.address, ids, clock.now());
    else {
      const own = listing(key);
      overlay.set(key, { ...before, ...own, placements: [...(own?.placements ?? []), ...moved] });
      for (const id of ids.keys()) taken.add(id);
    }
    for (const listener of listeners) listener(keyAt(at.address, key), key);
  }

  /** A file may have two names: a link, or a pattern and what it comes to. */
  function join(): void {
    if (joined) return;
    joined = true;
    for (const at of former) {
      for (const before of store.applied(at.address).values()) {
        const here = before.placements.filter(one => {
          const place = reaches(at, before.key, one) ? at.place?.(one.environment) : undefined;
          return place !== undefined && place === target.place?.(one.environment);
        });
        if (here.length > 0) same(at, before, here);
      }
    }
  }

  return {
    applied() {
      join();
      return new Map([...store.applied(target.address), ...overlay]);
    },
    listing,
    isTaken: placement => taken.has(placement),
    found(key) {
      for (const at of former) {
        const before = store.appliedListing(at.address, key);
        if (before === undefined || before.placements.every(({ id }) => taken.has(id))) continue;
        same(at, before, before.placements);
        log.warn(
          { code: 'target-same-place', target: target.name, toggle: before.toggle },
          `${key} was at ${target.address} before it was made there: that and ${at.address} count as one place, and nothing of it is closed. ` +
            'If they are two, close it at the former address by hand.',
        );
      }
    },
    onSame(listener) {
      listeners.push(listener);
    },
  };
}
