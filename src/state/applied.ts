import type { Members } from '../domain/members.ts';
import type { Who } from '../domain/audience.ts';
import type { Change, ListingChange, PlacementChange } from '../domain/plan.ts';
import type { AuditEntry, Recorded } from '../domain/state.ts';
import type { PlacementId } from '../domain/listing.ts';
import type { Consent } from './consent.ts';
import type { Database } from './database.ts';
import type { Journal, Whom } from './journal.ts';
import type { Placed, Placements } from './placements.ts';
import type { Remembered } from './remembered.ts';
import { dropEmptyListing, ensureListing, listingRow, saveListing } from './rows.ts';

/** Records what is about to be written and what became of it, with the audit rows, for each kind of change. */
export class Applied {
  readonly #db: Database;
  readonly #placements: Placements;
  readonly #journal: Journal;
  readonly #remembered: Remembered;
  readonly #consent: Consent;
  readonly #targetNames = new Map<string, string>();

  constructor(db: Database, placements: Placements, journal: Journal, remembered: Remembered, consent: Consent) {
    this.#db = db;
    this.#consent = consent;
    this.#placements = placements;
    this.#journal = journal;
    this.#remembered = remembered;
  }

  /** Targets with a listing, by address. */
  addresses(): { address: string; target: string }[] {
    return this.#db
      .all<{ address: string; target: string }>(
        `SELECT address, name AS target FROM targets
          WHERE EXISTS (SELECT 1 FROM listings WHERE listings.address = targets.address) ORDER BY address`,
      )
      .map(row => ({ ...row }));
  }

  /** Only what lets people in or makes something new is worth remembering beforehand; the rest is simply done again. */
  intend(address: string, changes: readonly Change[], at: number): void {
    this.#write(address, changes, () => {
      for (const change of changes) {
        if (change.kind === 'placement') this.#placements.intend(address, change, at);
        else if (change.kind === 'create') ensureListing(this.#db, address, change);
      }
    });
  }

  /** What became of changes, whether they were intended before or not. */
  record(address: string, recorded: readonly Recorded[], at: number): void {
    this.#write(
      address,
      recorded.map(({ change }) => change),
      () => {
        for (const one of recorded) this.#recordOne(address, one, at);
      },
    );
  }

  /** See `StateStore.observed`. */
  observed(address: string, id: PlacementId, seen: { on: boolean; who: Members }, at: number): void {
    this.#db.transaction(() => {
      const key = this.#placements.observed(id, seen, at);
      if (key !== undefined) this.#db.afterCommit(() => this.#remembered.changed(address, key));
    });
  }

  /** Drops a listing and its placements; history, audit and backups stay. */
  forget(address: string, key: string): void {
    this.#db.transaction(() => {
      this.#db.run('DELETE FROM listings WHERE address = ? AND key = ?', address, key);
      this.#db.afterCommit(() => this.#remembered.changed(address, key));
    });
  }

  /** See `StateStore.samePlace`. */
  samePlace(
    from: { readonly address: string; readonly key: string },
    to: string,
    ids: ReadonlyMap<PlacementId, PlacementId>,
    at: number,
  ): void {
    this.#db.transaction(() => {
      const before = listingRow(this.#db, from.address, from.key);
      if (before === undefined) return;
      const name = this.addresses().find(({ address }) => address === from.address)?.target ?? '';
      this.#nameTarget(to, name);
      const { key, toggle, context_kind: contextKind } = before;
      const listing = ensureListing(this.#db, to, { key, toggle, contextKind });
      if (listing.metadata === null) saveListing(this.#db, listing, before);
      this.#placements.rename(listing.id, ids, at);
      this.#db.run(
        'DELETE FROM listings WHERE id = ? AND NOT EXISTS (SELECT 1 FROM placements WHERE listing = listings.id)',
        before.id,
      );
      this.#db.afterCommit(() => {
        this.#remembered.changed(from.address, key);
        this.#remembered.changed(to, key);
      });
    });
  }

  #write(address: string, changes: readonly Change[], work: () => void): void {
    const [first] = changes;
    if (!first) return;
    this.#db.transaction(() => {
      this.#nameTarget(address, first.target);
      work();
      this.#db.afterCommit(() => {
        for (const { key } of changes) this.#remembered.changed(address, key);
      });
    });
  }

  #recordOne(address: string, recorded: Recorded, at: number): void {
    const { change, outcome } = recorded;
    const approval = recorded.approval ?? (change.kind === 'placement' ? change.approval : undefined);
    const name = `${address} ${change.id}`;
    const about = aboutChange(change, at, approval);
    switch (outcome.result) {
      case 'done':
        this.#journal.recovered(name);
        if (change.kind === 'placement') {
          const placed = this.#placements.placed(address, change, approval, at);
          this.#journal.write(this.#lineOf(about, placed), whomOf(change));
        } else {
          this.#listed(address, change, outcome.existed === true, at);
          if (!outcome.existed) this.#journal.write(this.#listingLine(about, change));
        }
        break;
      case 'late':
        this.#withdraw(address, change);
        break;
      case 'failed':
      case 'conflict':
      case 'refused':
        this.#withdraw(address, change);
        this.#journal.writeFailure(name, outcome.problem.code, {
          ...about,
          what: 'failed',
          message: outcome.problem.message,
        });
        break;
      case 'unanswered':
        this.#keepOpen(address, change, at);
        this.#journal.writeFailure(name, outcome.problem.code, {
          ...about,
          what: 'failed',
          message: outcome.problem.message,
        });
        break;
      case 'pending':
        this.#keepOpen(address, change, at);
        this.#journal.writeFailure(name, 'pending', {
          ...about,
          what: 'failed',
          message: "It waits for the target's own approval.",
        });
        break;
    }
  }

  #lineOf(about: Omit<AuditEntry, 'what'>, { on, commit }: Placed): AuditEntry {
    const by = about.approval === undefined ? undefined : this.#consent.approver(about.approval, about.at);
    return {
      ...about,
      what: 'written',
      ...(on !== undefined && { on }),
      ...(commit !== undefined && { commit }),
      ...(by !== undefined && { by }),
    };
  }

  #listingLine(about: Omit<AuditEntry, 'what'>, change: Change & ListingChange): AuditEntry {
    const { commit } = this.#journal;
    return { ...about, what: change.kind === 'adopt' ? 'adopted' : 'written', ...(commit !== undefined && { commit }) };
  }

  #listed(address: string, change: Change & ListingChange, existed: boolean, at: number): void {
    const listing = ensureListing(this.#db, address, change);
    // It was there before, and nobody knows what is in it: as good as not made.
    if (existed) return;
    const after = {
      toggle: change.toggle,
      context_kind: change.contextKind,
      metadata: JSON.stringify(change.metadata),
      removed:
        change.kind === 'retire' || change.kind === 'archive' ? 1 : change.kind === 'update' ? listing.removed : 0,
    };
    saveListing(this.#db, listing, after);
    if (change.kind === 'create') this.#placements.created(listing, change.placements, change.environments, at);
  }

  #withdraw(address: string, change: Change): void {
    if (change.kind === 'placement') return this.#placements.withdraw(change);
    const listing = change.kind === 'create' ? listingRow(this.#db, address, change.key) : undefined;
    if (listing) dropEmptyListing(this.#db, listing.id);
  }

  #keepOpen(address: string, change: Change, at: number): void {
    if (change.kind === 'placement') this.#placements.keepOpen(address, change, at);
    else if (change.kind === 'create') ensureListing(this.#db, address, change);
  }

  #nameTarget(address: string, name: string): void {
    if (this.#targetNames.get(address) === name) return;
    this.#db.run(
      `INSERT INTO targets (address, name) VALUES (?, ?)
       ON CONFLICT DO UPDATE SET name = excluded.name WHERE name <> excluded.name`,
      address,
      name,
    );
    this.#db.afterCommit(() => this.#targetNames.set(address, name));
  }
}

/** Who is let in by a first fill is a set that is stored already, and so is who loses it when all do. */
function whomOf({ granted, revoked, before, after }: PlacementChange): Whom {
  return { granted: wholeOf(granted, after.who), revoked: wholeOf(revoked, before.who) };
}

function wholeOf(part: Members, whole: Who): Members {
  return whole.kind === 'members' && whole.members.size === part.size ? whole.members : part;
}

function aboutChange(change: Change, at: number, approval: string | undefined): Omit<AuditEntry, 'what'> {
  const { toggle, target, causes } = change;
  const about = { at, toggle, target, causes, ...(approval !== undefined && { approval }) };
  if (change.kind !== 'placement') return { ...about, message: change.kind };
  return {
    ...about,
    environment: change.environment,
    source: change.source,
    granted: change.granted.size,
    revoked: change.revoked.size,
    ...(change.from?.revision !== undefined && { revision: change.from.revision }),
  };
}
