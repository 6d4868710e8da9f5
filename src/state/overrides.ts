import type { Members } from '../domain/members.ts';
import type { Override, OverrideFacts, OverrideSubject } from '../domain/override.ts';
import type { Change, PlacementChange } from '../domain/plan.ts';
import type { AuditEntry } from '../domain/state.ts';
import type { PlacementId } from '../domain/listing.ts';
import type { Database } from './database.ts';
import type { Journal } from './journal.ts';
import type { MemberSets, SetId } from './member-sets.ts';

interface Row {
  readonly id: string;
  readonly subject: string;
  readonly since: number;
  readonly until: number | null;
  readonly by: string;
  readonly reason: string;
}

type PlacementWrite = Pick<Change & PlacementChange, 'placement' | 'causes' | 'after' | 'offByHand'>;

/** So much of a keyed hash names an override: enough to tell them apart, short enough to be typed. */
const idLength = 12;

/** What operators said against git and policy, and what they took away by it. */
export class OverrideRows {
  readonly #db: Database;
  readonly #sets: MemberSets;
  readonly #journal: Journal;
  /** A keyed hash of a text, hex. */
  readonly #hash: (text: string) => string;

  constructor(db: Database, sets: MemberSets, journal: Journal, hash: (text: string) => string) {
    this.#db = db;
    this.#sets = sets;
    this.#journal = journal;
    this.#hash = hash;
  }

  /** Those whose time is not over, by since, then id. */
  all(now: number): Override[] {
    const rows = this.#db.all<Row>('SELECT * FROM overrides WHERE until IS NULL OR until > ? ORDER BY since, id', now);
    return rows.map(overrideOf);
  }

  /** Puts one in force, or gives it new facts, with its line in the audit log. */
  put(subject: OverrideSubject, facts: Omit<OverrideFacts, 'id' | 'since'>, at: number): Override {
    return this.#db.transaction(() => {
      const id = this.#hash(JSON.stringify(namedBy(subject))).slice(0, idLength);
      const row = this.#db.get<Row>('SELECT * FROM overrides WHERE id = ? AND (until IS NULL OR until > ?)', id, at);
      const one: Override = { ...subject, ...facts, id, since: row?.since ?? at };
      this.#db.run(
        `INSERT OR REPLACE INTO overrides (id, subject, since, until, by, reason) VALUES (?, ?, ?, ?, ?, ?)`,
        id,
        JSON.stringify(subject),
        one.since,
        one.until,
        one.by,
        one.reason,
      );
      this.#journal.write({ ...aboutOverride(one, at), what: lines[one.kind], by: one.by, ...untilOf(one) });
      return one;
    });
  }

  /** Takes them back. Returns those that were there. */
  take(ids: readonly string[], by: string, at: number): Override[] {
    return this.#db.transaction(() => {
      const taken = this.all(at).filter(({ id }) => ids.includes(id));
      for (const one of taken) {
        this.#db.run('DELETE FROM overrides WHERE id = ?', one.id);
        this.#journal.write({ ...aboutOverride(one, at), what: 'resumed', by, message: messageOf(one) });
      }
      return taken;
    });
  }

  /** Drops those whose time is over, each with its line in the audit log. Returns them. */
  expire(now: number): Override[] {
    const over = this.#db.get('SELECT 1 FROM overrides WHERE until <= ? LIMIT 1', now);
    if (over === undefined) return [];
    return this.#db.transaction(() => {
      const rows = this.#db
        .all<Row>('SELECT * FROM overrides WHERE until <= ? ORDER BY since, id', now)
        .map(overrideOf);
      for (const one of rows) {
        this.#db.run('DELETE FROM overrides WHERE id = ?', one.id);
        this.#journal.write({
          ...aboutOverride(one, now),
          what: 'resumed',
          message: `${messageOf(one)}: its time is over`,
        });
      }
      return rows;
    });
  }

  /** A write is about to start: whom an operator's word takes it from is kept until it is open again. */
  intend(
    { placement, causes, after, offByHand }: PlacementWrite,
    was: { readonly isOn: boolean; readonly who: SetId | null },
  ): void {
    if (after.on || offByHand || !was.isOn || was.who === null || !causes.includes('operator')) return;
    this.#db.run('INSERT OR IGNORE INTO set_aside (placement, who) VALUES (?, ?)', placement, was.who);
  }

  /** A write is done: of what is open nothing is set aside. */
  placed({ placement, after }: PlacementWrite): void {
    if (after.on) this.#db.run('DELETE FROM set_aside WHERE placement = ?', placement);
  }

  /** Who had a placement when an operator's word closed it; undefined: none did, or it is open again. */
  setAside(placement: PlacementId): Members | undefined {
    const row = this.#db.get<{ who: SetId }>('SELECT who FROM set_aside WHERE placement = ?', placement);
    return row && this.#sets.byId(row.who);
  }

  /** Since when these placements wait for an answer (ms); all others of the address wait no more. */
  waiting(address: string, placements: Iterable<PlacementId>, at: number): ReadonlyMap<PlacementId, number> {
    const known = this.waitingSince(address);
    const now = new Set(placements);
    const since = new Map<PlacementId, number>();
    this.#db.transaction(() => {
      for (const id of known.keys()) if (!now.has(id)) this.#db.run('DELETE FROM waiting WHERE placement = ?', id);
      for (const id of now) {
        since.set(id, known.get(id) ?? at);
        if (known.has(id)) continue;
        this.#db.run('INSERT OR REPLACE INTO waiting (placement, address, since) VALUES (?, ?, ?)', id, address, at);
      }
    });
    return since;
  }

  /** The same, changing nothing. */
  waitingSince(address: string): ReadonlyMap<PlacementId, number> {
    const rows = this.#db.all<{ placement: string; since: number }>(
      'SELECT placement, since FROM waiting WHERE address = ?',
      address,
    );
    return new Map(rows.map(({ placement, since }) => [placement, since]));
  }
}

const lines = { off: 'off', deny: 'denied', pause: 'paused' } as const;

function overrideOf({ id, subject, since, until, by, reason }: Row): Override {
  return { ...(JSON.parse(subject) as OverrideSubject), id, since, until, by, reason };
}

/** What makes two of them the same. */
function namedBy(subject: OverrideSubject): readonly (string | null)[] {
  switch (subject.kind) {
    case 'off':
      return ['off', subject.toggle, subject.environment];
    case 'deny':
      return ['deny', subject.member];
    case 'pause':
      return ['pause', subject.what, subject.name];
  }
}

function aboutOverride(one: Override, at: number): Omit<AuditEntry, 'what'> {
  const about = { at, approval: one.id, ...(one.reason !== '' && { message: one.reason }) };
  switch (one.kind) {
    case 'off':
      return { ...about, toggle: one.toggle, ...(one.environment !== null && { environment: one.environment }) };
    case 'deny':
      return { ...about, member: one.member };
    case 'pause':
      return { ...about, [one.what]: one.name };
  }
}

function messageOf({ kind }: Override): string {
  return { off: 'off is taken back', deny: 'the denial is taken back', pause: 'it is paused no more' }[kind];
}

function untilOf({ until }: Override): { readonly until?: number } {
  return until === null ? {} : { until };
}
