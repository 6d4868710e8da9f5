import { groupKey } from '../domain/identity.ts';
import type { LiveListing } from '../domain/listing.ts';
import type { Change, PlacementChange } from '../domain/plan.ts';
import type { Outcome } from '../domain/target.ts';

/** Who shares a group with whom: one write of it moves them all, whoever it was planned for. */
export interface GroupMates {
  /** Everything may be other than it was. */
  forget(): void;
  /** Brings what is known of the others in its group to what the change made of it. Gives the keys that are in doubt now. */
  landed(live: Map<string, LiveListing>, change: PlacementChange & Change, outcome: Outcome): readonly string[];
}

/** Of one target. */
export function createGroupMates(): GroupMates {
  /** Keys of listings, by group; who left it since may still be there. */
  let mates: Map<string, Set<string>> | undefined;
  /** What the groups were last written with. */
  const written = new Map<string, string>();

  function standing(live: ReadonlyMap<string, LiveListing>): Map<string, Set<string>> {
    const found = new Map<string, Set<string>>();
    for (const { key, placements } of live.values()) {
      for (const { environment, group } of placements) if (group !== undefined) seat(found, environment, group, key);
    }
    return found;
  }

  return {
    forget() {
      mates = undefined;
      written.clear();
    },
    landed(live, { key, environment, after: { group, who } }, { result }) {
      if (group === undefined || (result !== 'done' && result !== 'unanswered')) return [];
      mates ??= standing(live);
      const all = seat(mates, environment, group, key);
      const name = groupKey(environment, group);
      const hash = result === 'done' && who.kind === 'members' ? who.members.hash : undefined;
      // A policy that a thousand toggles follow is one write, and a thousand changes of it.
      if (hash !== undefined && written.get(name) === hash) return [];
      if (hash === undefined) written.delete(name);
      else written.set(name, hash);
      const others = [...all].filter(one => one !== key && isIn(live.get(one), environment, group));
      if (result === 'unanswered') return others;
      for (const one of others) {
        const listing = live.get(one) as LiveListing;
        const placements = listing.placements.map(placement =>
          placement.environment === environment && placement.group === group ? { ...placement, who } : placement,
        );
        live.set(one, { ...listing, placements });
      }
      return [];
    },
  };
}

function seat(mates: Map<string, Set<string>>, environment: string, group: string, key: string): Set<string> {
  const name = groupKey(environment, group);
  const all = mates.get(name) ?? new Set<string>();
  mates.set(name, all.add(key));
  return all;
}

function isIn(listing: LiveListing | undefined, environment: string, group: string): boolean {
  return listing?.placements.some(one => one.environment === environment && one.group === group) === true;
}
