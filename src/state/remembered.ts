import type { JsonObject } from '../domain/json.ts';
import { union } from '../domain/members.ts';
import type { AppliedListing, AppliedPlacement } from '../domain/listing.ts';
import type { Database } from './database.ts';
import type { MemberSets } from './member-sets.ts';
import type { ListingId, PlacementRow } from './rows.ts';

interface ListingColumns {
  readonly id: ListingId;
  readonly key: string;
  readonly toggle: string;
  readonly context_kind: string;
  readonly metadata: string | null;
  readonly removed: number;
}

/** `who_hash`: null where nobody knows what was there before an intended write. */
type Columns = PlacementRow & {
  readonly who_hash: string | null;
  readonly who_size: number | null;
  readonly intent_hash: string | null;
  readonly intent_size: number | null;
  readonly doubt_hash: string | null;
  readonly doubt_size: number | null;
};

const placementQuery = `
  SELECT p.*, w.hash AS who_hash, w.size AS who_size, i.hash AS intent_hash, i.size AS intent_size,
         d.hash AS doubt_hash, d.size AS doubt_size
    FROM placements p LEFT JOIN members w ON w.id = p.who
    LEFT JOIN members i ON i.id = p.intent_who LEFT JOIN members d ON d.id = p.doubt_who`;
// A write that may have let somebody in since brought it back, if it was carried out.
const listingQuery = `
  SELECT id, key, toggle, context_kind, metadata,
         removed AND NOT EXISTS (SELECT 1 FROM placements p WHERE p.listing = listings.id AND (p.intent_on OR p.doubt_on))
           AS removed
    FROM listings`;

interface Cached {
  all: ReadonlyMap<string, AppliedListing>;
  readonly stale: Set<string>;
}

/** What was last applied, as the plan looks at it: read from the file once, then only what changed. */
export class Remembered {
  readonly #db: Database;
  readonly #sets: MemberSets;
  readonly #cache = new Map<string, Cached>();

  constructor(db: Database, sets: MemberSets) {
    this.#db = db;
    this.#sets = sets;
  }

  /** Listings of a target by remote key, in the order of the keys. The map given out never changes. */
  all(address: string): ReadonlyMap<string, AppliedListing> {
    let cached = this.#cache.get(address);
    if (!cached) {
      cached = { all: this.#load(address), stale: new Set() };
      this.#cache.set(address, cached);
    }
    if (cached.stale.size > 0) {
      cached.all = this.#refreshed(address, cached);
      cached.stale.clear();
    }
    return cached.all;
  }

  /** One listing, by remote key. */
  one(address: string, key: string): AppliedListing | undefined {
    const cached = this.#cache.get(address);
    if (cached && !cached.stale.has(key)) return cached.all.get(key);
    return this.#loadOne(address, key);
  }

  /** That listing changed. */
  changed(address: string, key: string): void {
    this.#cache.get(address)?.stale.add(key);
  }

  /** Another process may have written. */
  reload(): void {
    this.#cache.clear();
  }

  #refreshed(address: string, { all, stale }: Cached): ReadonlyMap<string, AppliedListing> {
    const next = new Map(all);
    let isSorted = true;
    for (const key of stale) {
      const listing = this.#loadOne(address, key);
      if (!listing) next.delete(key);
      else {
        isSorted &&= next.has(key);
        next.set(key, listing);
      }
    }
    return isSorted ? next : new Map([...next].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #load(address: string): ReadonlyMap<string, AppliedListing> {
    return this.#db.snapshot(() => {
      const byListing = new Map<ListingId, Columns[]>();
      const rows = this.#db.all<Columns>(
        `${placementQuery} WHERE p.listing IN (SELECT id FROM listings WHERE address = ?) ORDER BY p.environment, p.id`,
        address,
      );
      for (const row of rows) {
        const list = byListing.get(row.listing);
        if (list) list.push(row);
        else byListing.set(row.listing, [row]);
      }
      const listings = this.#db.all<ListingColumns>(`${listingQuery} WHERE address = ?`, address);
      return new Map(
        listings
          .sort((a, b) => (a.key < b.key ? -1 : 1))
          .map(listing => [listing.key, this.#listingOf(listing, byListing.get(listing.id) ?? [])]),
      );
    });
  }

  #loadOne(address: string, key: string): AppliedListing | undefined {
    return this.#db.snapshot(() => {
      const listing = this.#db.get<ListingColumns>(`${listingQuery} WHERE address = ? AND key = ?`, address, key);
      if (!listing) return undefined;
      const rows = this.#db.all<Columns>(
        `${placementQuery} WHERE p.listing = ? ORDER BY p.environment, p.id`,
        listing.id,
      );
      return this.#listingOf(listing, rows);
    });
  }

  /** What nothing is known of is not shown as a placement: that would be nobody. */
  #listingOf(row: ListingColumns, placements: readonly Columns[]): AppliedListing {
    const unknown = placements.filter(({ who_hash }) => who_hash === null).map(({ id }) => id);
    return {
      key: row.key,
      toggle: row.toggle,
      contextKind: row.context_kind,
      ...(row.metadata !== null && { metadata: JSON.parse(row.metadata) as JsonObject }),
      removed: row.removed === 1,
      placements: placements.flatMap(one => (one.who_hash === null ? [] : this.#placementOf(one, one.who_hash))),
      ...(unknown.length > 0 && { unknown }),
    };
  }

  #placementOf(row: Columns, hash: string): AppliedPlacement {
    const intent = this.#intentOf(row);
    return {
      id: row.id,
      environment: row.environment,
      source: row.source,
      audience: row.audience,
      on: row.is_on === 1,
      who: this.#sets.get(hash, row.who_size ?? 0),
      ...(row.revision !== null && { revision: row.revision }),
      ...(row.first_filled_at !== null && { firstFilledAt: row.first_filled_at }),
      appliedAt: row.applied_at ?? intent?.at ?? 0,
      ...(intent && { intent }),
    };
  }

  /** Several writes may be open: whoever any of them lets in may be in. */
  #intentOf(row: Columns): AppliedPlacement['intent'] {
    const newest = row.intent_hash === null ? undefined : this.#sets.get(row.intent_hash, row.intent_size ?? 0);
    const earlier = row.doubt_hash === null ? undefined : this.#sets.get(row.doubt_hash, row.doubt_size ?? 0);
    const last = newest ?? earlier;
    if (!last) return undefined;
    return {
      on: row.intent_on === 1 || row.doubt_on === 1,
      who: union(...[earlier, newest].filter(members => members !== undefined)),
      at: Math.min(row.intent_at ?? Infinity, row.doubt_at ?? Infinity),
      last: { on: (newest ? row.intent_on : row.doubt_on) === 1, who: last },
    };
  }
}
