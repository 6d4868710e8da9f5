import type { Who } from '../domain/audience.ts';
import { difference, intersection, type Members, noMembers, subtract, union } from '../domain/members.ts';
import type { Change, CreatedPlacement, PlacementChange } from '../domain/plan.ts';
import type { PlacementId } from '../domain/listing.ts';
import type { Database } from './database.ts';
import type { History } from './history.ts';
import type { Journal } from './journal.ts';
import type { MemberSets, SetId, Step } from './member-sets.ts';
import type { OverrideRows } from './overrides.ts';
import {
  bringBack,
  dropEmptyListing,
  ensureListing,
  type ListingRow,
  noDoubt,
  noIntent,
  type PlacementRow,
  placementRow,
  saveListing,
  savePlacement,
} from './rows.ts';

type PlacementWrite = Change & PlacementChange;

/** What an intended write is for, as a line of the audit log says it. */
interface About {
  readonly causes: readonly string[];
  readonly commit?: string;
  readonly approval?: string;
}

/** What the state learned of a write that is done. */
export interface Placed {
  /** It was opened or closed by that; undefined: it stays. */
  readonly on: boolean | undefined;
  /** The commit of the flags that it was written for. */
  readonly commit: string | undefined;
}

/** Whom policy had let in before a change, and when it first did. */
interface Before {
  readonly who: SetId;
  readonly filledAt: number | null;
}

/** Who has it, by placement: what is intended, what was written, what is in doubt. Each method is part of a transaction. */
export class Placements {
  readonly #db: Database;
  readonly #sets: MemberSets;
  readonly #history: History;
  readonly #journal: Journal;
  readonly #overrides: OverrideRows;

  constructor(db: Database, sets: MemberSets, history: History, journal: Journal, overrides: OverrideRows) {
    this.#db = db;
    this.#sets = sets;
    this.#history = history;
    this.#journal = journal;
    this.#overrides = overrides;
  }

  /** A write is about to start. One before it that was not answered may still count: it becomes a doubt. */
  intend(address: string, change: PlacementWrite, at: number): void {
    const listing = ensureListing(this.#db, address, change);
    const row = placementRow(this.#db, change.placement);
    if (row) this.#overrides.intend(change, { isOn: row.is_on === 1, who: row.who });
    savePlacement(this.#db, {
      ...(row ? { ...row, ...this.#doubtsOf(row) } : this.#freshRow(listing, change, at)),
      intent_on: isOn(change) ? 1 : 0,
      intent_who: this.#sets.put(listOf(change.after.who), row?.who, stepOf(change)),
      intent_at: at,
      intent_source: change.source,
      intent_audience: change.audience,
      intent_revision: change.from?.revision ?? null,
      intent_about: JSON.stringify(this.#aboutOf(change)),
    });
  }

  /** The write is done: nothing is in doubt any more. */
  placed(address: string, change: PlacementWrite, approval: string | undefined, at: number): Placed {
    const listing = ensureListing(this.#db, address, change);
    const row = placementRow(this.#db, change.placement);
    const members = listOf(change.after.who);
    const who = this.#sets.put(members, row?.who, stepOf(change));
    const before = this.#before(row, change, at);
    this.#overrides.placed(change);
    savePlacement(this.#db, {
      id: change.placement,
      listing: listing.id,
      environment: change.environment,
      source: change.source,
      audience: change.audience,
      is_on: isOn(change) ? 1 : 0,
      who,
      revision: change.from?.revision ?? null,
      first_filled_at: before.filledAt ?? (members.size > 0 ? at : null),
      applied_at: at,
      ...noIntent,
      ...noDoubt,
    });
    saveListing(this.#db, listing, {
      ...listing,
      toggle: change.toggle,
      context_kind: change.contextKind,
      // Where nothing was known to be written, the target shows these by now, or the plan had said to write them.
      metadata: listing.metadata === null || change.writesMetadata ? JSON.stringify(change.metadata) : listing.metadata,
      removed: change.removal ? listing.removed : 0,
    });
    this.#remember(change, before, who, members.size, approval, at);
    const on = isOn(change);
    return {
      on: on === (row?.is_on === 1) ? undefined : on,
      commit: row?.intent_about == null ? this.#journal.commit : parseAbout(row.intent_about).commit,
    };
  }

  /** Nothing was written: what was intended is so no more. Earlier doubts stay. */
  withdraw(change: PlacementWrite): void {
    const row = placementRow(this.#db, change.placement);
    if (!row || row.intent_who === null) return;
    if (row.applied_at === null && row.doubt_who === null) this.#drop(row);
    else savePlacement(this.#db, { ...row, ...noIntent });
  }

  /** Nobody knows whether it was written: the intent stays. */
  keepOpen(address: string, change: PlacementWrite, at: number): void {
    if (placementRow(this.#db, change.placement)?.intent_who == null) this.intend(address, change, at);
  }

  /** The listing was made, or made again: closed, nobody in. */
  created(
    listing: ListingRow,
    placements: readonly CreatedPlacement[] | undefined,
    environments: readonly string[],
    at: number,
  ): void {
    const there = this.#db.all<PlacementRow>('SELECT * FROM placements WHERE listing = ?', listing.id);
    const nobody = this.#sets.put(noMembers);
    for (const one of placements ?? there.filter(row => environments.includes(row.environment))) {
      const row = there.find(({ id }) => id === one.id);
      const first_filled_at = row?.first_filled_at ?? null;
      savePlacement(this.#db, {
        id: one.id,
        listing: listing.id,
        environment: one.environment,
        source: one.source,
        audience: one.audience,
        is_on: 0,
        who: nobody,
        revision: null,
        first_filled_at,
        applied_at: at,
        ...noIntent,
        ...noDoubt,
      });
      if (row?.who != null && row.who !== nobody && first_filled_at !== null) {
        this.#history.add({ placement: one.id, at, first: false, before: row.who, after: nobody });
      }
    }
  }

  /** See `StateStore.observed`. Gives the key of the listing; undefined: nothing was open. */
  observed(id: PlacementId, seen: { on: boolean; who: Members }, at: number): string | undefined {
    const row = placementRow(this.#db, id);
    if (!row || (row.intent_who === null && row.doubt_who === null)) return undefined;
    const key = this.#db.get<{ key: string }>('SELECT key FROM listings WHERE id = ?', row.listing)?.key;
    const open = this.#open(row);
    if (seen.on) bringBack(this.#db, row.listing);
    if (row.who === null) {
      // Nobody knows what was there before: either nobody but who was intended is there now, or it stays unknown.
      if (subtract(seen.who, open.who).size === 0) this.#settle(row, seen.on, seen.who, at);
      else this.#drop(row);
      return key;
    }
    const before = this.#sets.byId(row.who);
    // Two of three decide, for each member and for on: applied, intended, seen.
    const who = union(intersection(before, open.who), intersection(seen.who, union(before, open.who)));
    const on = Number(row.is_on === 1) + Number(open.on) + Number(seen.on) >= 2;
    this.#settle(row, on, who, at);
    return key;
  }

  /**
   * The placements go to another listing under other ids, with their history. What was applied is intended once more:
   * that it is there was only found out.
   */
  rename(listing: ListingRow['id'], ids: ReadonlyMap<PlacementId, PlacementId>, at: number): void {
    for (const [from, to] of ids) {
      const row = placementRow(this.#db, from);
      if (row === undefined || from === to) continue;
      this.#db.run('UPDATE history SET placement = ? WHERE placement = ?', to, from);
      this.#db.run('DELETE FROM placements WHERE id = ?', from);
      if (placementRow(this.#db, to) !== undefined) continue;
      const again = row.intent_who === null && row.who !== null;
      savePlacement(this.#db, {
        ...row,
        id: to,
        listing,
        ...(again && {
          intent_on: row.is_on,
          intent_who: row.who,
          intent_at: at,
          intent_source: row.source,
          intent_audience: row.audience,
          intent_revision: row.revision,
          intent_about: null,
        }),
      });
    }
  }

  #settle(row: PlacementRow, on: boolean, members: Members, at: number): void {
    const who = this.#sets.put(members, row.who);
    const is_on = on ? 1 : 0;
    const isIntended = row.intent_who === who && row.intent_on === is_on;
    const first_filled_at = row.first_filled_at ?? (members.size > 0 ? at : null);
    savePlacement(this.#db, {
      ...row,
      is_on,
      who,
      first_filled_at,
      applied_at: row.who === who && row.is_on === is_on ? (row.applied_at ?? at) : at,
      ...(isIntended && {
        source: row.intent_source ?? row.source,
        audience: row.intent_audience ?? row.audience,
        revision: row.intent_revision,
      }),
      ...noIntent,
      ...noDoubt,
    });
    this.#auditFound(row, on, members, isIntended, at);
    if (first_filled_at === null || row.who === who) return;
    const before = row.who ?? this.#sets.put(noMembers);
    this.#history.add({ placement: row.id, at, first: row.first_filled_at === null, before, after: who });
  }

  /** Nobody said that it was written, so it is in no line yet. */
  #auditFound(row: PlacementRow, on: boolean, members: Members, isIntended: boolean, at: number): void {
    const before = row.who === null ? noMembers : this.#sets.byId(row.who);
    const isOpened = on !== (row.is_on === 1);
    if (before.hash === members.hash && !isOpened) return;
    const { added, removed } = difference(before, members);
    const place = this.#db.get<{ toggle: string; target: string | null }>(
      `SELECT toggle, name AS target FROM listings LEFT JOIN targets ON targets.address = listings.address WHERE id = ?`,
      row.listing,
    );
    const revision = isIntended ? row.intent_revision : null;
    this.#journal.write(
      {
        at,
        what: 'written',
        toggle: place?.toggle ?? '',
        target: place?.target ?? '',
        environment: row.environment,
        source: row.intent_source ?? row.source,
        granted: added.size,
        revoked: removed.size,
        ...(isOpened && { on }),
        ...(isIntended && row.intent_about !== null && parseAbout(row.intent_about)),
        ...(revision !== null && { revision }),
        message: 'The target did not say that it was written; it was found there.',
      },
      { granted: added, revoked: removed },
    );
  }

  #aboutOf({ causes, approval }: PlacementWrite): About {
    const { commit } = this.#journal;
    return { causes, ...(commit !== undefined && { commit }), ...(approval !== undefined && { approval }) };
  }

  /** A change of whom policy lets in, or one that was approved, as the guard's window has to see it. */
  #remember(
    change: PlacementWrite,
    before: Before,
    after: SetId,
    size: number,
    approval: string | undefined,
    at: number,
  ): void {
    const first = before.filledAt === null;
    if (first && size === 0) return;
    if (before.who === after && approval === undefined) return;
    const approved = change.approved ?? (approval === undefined ? undefined : change);
    this.#history.add({
      placement: change.placement,
      at,
      first,
      before: before.who,
      after,
      approval,
      ...(approved && {
        approved: { granted: this.#sets.put(approved.granted), revoked: this.#sets.put(approved.revoked) },
      }),
    });
  }

  /**
   * A placement that the state does not know (it was lost, or taken over): whoever is in counts as let in by policy, so
   * that the guard sees them go.
   */
  #before(row: PlacementRow | undefined, { before }: PlacementWrite, at: number): Before {
    if (row?.who != null) return { who: row.who, filledAt: row.first_filled_at };
    const found = before.known && before.who.kind === 'members' ? before.who.members : noMembers;
    if (found.size === 0) return { who: this.#sets.put(noMembers), filledAt: null };
    return { who: this.#sets.put(found), filledAt: at };
  }

  /** What the target was found to hold, where that is known, so that what becomes of the write can be told from it. */
  #freshRow(listing: ListingRow, change: PlacementWrite, at: number): PlacementRow {
    const { before } = change;
    const found = before.known && before.who.kind === 'members' ? before.who.members : undefined;
    return {
      id: change.placement,
      listing: listing.id,
      environment: change.environment,
      source: change.source,
      audience: change.audience,
      is_on: found !== undefined && before.on ? 1 : 0,
      who: found === undefined ? null : this.#sets.put(found),
      revision: null,
      first_filled_at: found === undefined || found.size === 0 ? null : at,
      applied_at: null,
      ...noIntent,
      ...noDoubt,
    };
  }

  #doubtsOf(row: PlacementRow): Partial<PlacementRow> {
    if (row.intent_who === null) return {};
    const open = this.#open(row);
    return { doubt_on: open.on ? 1 : 0, doubt_who: this.#sets.put(open.who, row.who), doubt_at: open.at };
  }

  /** Everything that may have been written since what is known. */
  #open(row: PlacementRow): { on: boolean; who: Members; at: number } {
    return {
      on: row.intent_on === 1 || row.doubt_on === 1,
      who: union(...[row.doubt_who, row.intent_who].filter(set => set !== null).map(set => this.#sets.byId(set))),
      at: Math.min(row.intent_at ?? Infinity, row.doubt_at ?? Infinity),
    };
  }

  #drop(row: PlacementRow): void {
    this.#db.run('DELETE FROM placements WHERE id = ?', row.id);
    dropEmptyListing(this.#db, row.listing);
  }
}

/** A flag switched off by hand stays off in the target, but policy has it on. */
function isOn(change: PlacementChange): boolean {
  return change.after.on || change.offByHand === true;
}

function parseAbout(text: string): About {
  return JSON.parse(text) as About;
}

function stepOf({ before, granted, revoked }: PlacementChange): Step | undefined {
  return before.known && before.who.kind === 'members' ? { from: before.who.members, granted, revoked } : undefined;
}

function listOf(who: Who): Members {
  if (who.kind !== 'members') throw new Error(`the state keeps lists of members, not ${who.kind}`);
  return who.members;
}
