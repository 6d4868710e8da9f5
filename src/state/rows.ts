import type { Change } from '../domain/plan.ts';
import type { PlacementId } from '../domain/listing.ts';
import type { Database } from './database.ts';
import type { SetId } from './member-sets.ts';

export type ListingId = number;

/** A row of `listings`; migrations.ts says what the columns mean. */
export interface ListingRow {
  readonly id: ListingId;
  readonly address: string;
  readonly key: string;
  readonly toggle: string;
  readonly context_kind: string;
  readonly metadata: string | null;
  readonly removed: number;
}

/** A row of `placements`. */
export interface PlacementRow {
  readonly id: PlacementId;
  readonly listing: ListingId;
  readonly environment: string;
  readonly source: string;
  readonly audience: string;
  readonly is_on: number;
  readonly who: SetId | null;
  readonly revision: string | null;
  readonly first_filled_at: number | null;
  readonly applied_at: number | null;
  readonly intent_on: number | null;
  readonly intent_who: SetId | null;
  readonly intent_at: number | null;
  readonly intent_source: string | null;
  readonly intent_audience: string | null;
  readonly intent_revision: string | null;
  readonly intent_about: string | null;
  readonly doubt_on: number | null;
  readonly doubt_who: SetId | null;
  readonly doubt_at: number | null;
}

/** Columns of a placement without a write under way. */
export const noIntent = {
  intent_on: null,
  intent_who: null,
  intent_at: null,
  intent_source: null,
  intent_audience: null,
  intent_revision: null,
  intent_about: null,
} as const;

/** Columns of a placement without an earlier write that was not answered. */
export const noDoubt = { doubt_on: null, doubt_who: null, doubt_at: null } as const;

const listingColumns = 'id, address, key, toggle, context_kind, metadata, removed';

/** The row of a listing, by target and remote key. */
export function listingRow(db: Database, address: string, key: string): ListingRow | undefined {
  return db.get(`SELECT ${listingColumns} FROM listings WHERE address = ? AND key = ?`, address, key);
}

/** The listing of a change. One that is not there yet is made as merely intended. */
export function ensureListing(
  db: Database,
  address: string,
  change: Pick<Change, 'key' | 'toggle' | 'contextKind'>,
): ListingRow {
  const found = listingRow(db, address, change.key);
  if (found) return found;
  const { key, toggle, contextKind: context_kind } = change;
  const fresh = { address, key, toggle, context_kind, metadata: null, removed: 0 };
  const id = db.run(
    `INSERT INTO listings (address, key, toggle, context_kind, metadata, removed) VALUES (?, ?, ?, ?, NULL, 0)`,
    address,
    key,
    toggle,
    context_kind,
  );
  return { id, ...fresh };
}

/** Replaces what may change of a listing; writes nothing when it is the same. */
export function saveListing(db: Database, before: ListingRow, after: Omit<ListingRow, 'id' | 'address' | 'key'>): void {
  const { toggle, context_kind, metadata, removed } = after;
  if (
    before.toggle === toggle &&
    before.context_kind === context_kind &&
    before.metadata === metadata &&
    before.removed === removed
  ) {
    return;
  }
  db.run(
    'UPDATE listings SET toggle = ?, context_kind = ?, metadata = ?, removed = ? WHERE id = ?',
    toggle,
    context_kind,
    metadata,
    removed,
    before.id,
  );
}

/** Somebody is in again, so it is not removed any more. */
export function bringBack(db: Database, listing: ListingId): void {
  db.run('UPDATE listings SET removed = 0 WHERE id = ? AND removed = 1', listing);
}

/** Drops a listing of which nothing was ever written and nothing is intended any more. */
export function dropEmptyListing(db: Database, listing: ListingId): void {
  db.run(
    `DELETE FROM listings WHERE id = ? AND metadata IS NULL
       AND NOT EXISTS (SELECT 1 FROM placements WHERE placements.listing = listings.id)`,
    listing,
  );
}

/** The row of a placement, also of one that nothing is shown of. */
export function placementRow(db: Database, id: PlacementId): PlacementRow | undefined {
  return db.get('SELECT * FROM placements WHERE id = ?', id);
}

/** Inserts or replaces the whole row. */
export function savePlacement(db: Database, row: PlacementRow): void {
  db.run(
    `INSERT OR REPLACE INTO placements (id, listing, environment, source, audience, is_on, who, revision,
       first_filled_at, applied_at, intent_on, intent_who, intent_at, intent_source, intent_audience, intent_revision,
       intent_about, doubt_on, doubt_who, doubt_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    row.id,
    row.listing,
    row.environment,
    row.source,
    row.audience,
    row.is_on,
    row.who,
    row.revision,
    row.first_filled_at,
    row.applied_at,
    row.intent_on,
    row.intent_who,
    row.intent_at,
    row.intent_source,
    row.intent_audience,
    row.intent_revision,
    row.intent_about,
    row.doubt_on,
    row.doubt_who,
    row.doubt_at,
  );
}
