import type { Members } from '../domain/members.ts';
import type { AuditEntry, AuditFilter, AuditLine } from '../domain/state.ts';
import type { AuditMembers } from './audit-members.ts';
import type { Database } from './database.ts';
import type { MemberSets, SetId } from './member-sets.ts';

/** Whom a line is about; sets of nobody need not be given. */
export interface Whom {
  readonly granted?: Members | undefined;
  readonly revoked?: Members | undefined;
}

interface Row {
  readonly id: number;
  readonly at: number;
  readonly entry: string;
  readonly member: string | null;
  readonly granted: SetId | null;
  readonly revoked: SetId | null;
  readonly granted_hashes: number | null;
  readonly revoked_hashes: number | null;
}

const rowsAtOnce = 500;

/** The audit log: what was done, when and by whose word; counts, and members as keyed hashes. */
export class Journal {
  readonly #db: Database;
  readonly #sets: MemberSets;
  readonly #members: AuditMembers;
  /** The codes written per failing change: a target that is down is tried for ever, and says each of them once. */
  readonly #failing = new Map<string, Set<string>>();
  #commit: string | undefined;

  constructor(db: Database, sets: MemberSets, members: AuditMembers) {
    this.#db = db;
    this.#sets = sets;
    this.#members = members;
  }

  /** Of the flags repository: what is written now is written for it. */
  get commit(): string | undefined {
    return this.#commit;
  }

  /** Appends a row. */
  write(entry: AuditEntry, whom: Whom = {}): void {
    const { at, member, ...rest } = entry;
    if (entry.what === 'commit') this.#commit = entry.commit;
    this.#db.run(
      'INSERT INTO audit (at, entry, toggle, granted, revoked, member, is_name) VALUES (?, ?, ?, ?, ?, ?, ?)',
      at,
      JSON.stringify(rest),
      entry.toggle ?? null,
      this.#setOf(whom.granted),
      this.#setOf(whom.revoked),
      member === undefined ? null : this.#members.shown(member),
      member === undefined ? null : Number(this.#members.areNamed),
    );
  }

  /** Writes a failure unless this change showed the same one since it last succeeded. */
  writeFailure(change: string, code: string, entry: AuditEntry): void {
    if (this.#failing.get(change)?.has(code)) return;
    this.write(entry);
    this.#db.afterCommit(() => this.#failing.set(change, (this.#failing.get(change) ?? new Set()).add(code)));
  }

  /** The change was written: its next failure is news again. */
  recovered(change: string): void {
    this.#failing.delete(change);
  }

  /** Oldest first; rows that come while somebody reads are read too. */
  *read(filter: AuditFilter = {}): Generator<AuditLine> {
    const { toggle, member, since = Number.MIN_SAFE_INTEGER } = filter;
    const which =
      toggle === undefined
        ? ''
        : `AND (toggle = ? OR (toggle IS NULL
             AND (member IN (?, ?) OR EXISTS (SELECT 1 FROM json_each(entry, '$.toggles') WHERE value = ?))))`;
    const values =
      toggle === undefined
        ? []
        : [toggle, ...(member === undefined ? [null, null] : [member, this.#members.tag(member)]), toggle];
    let last = 0;
    for (;;) {
      const rows = this.#db.all<Row>(
        `SELECT id, at, entry, member, granted, revoked, granted_hashes, revoked_hashes FROM audit
          WHERE id > ? AND at >= ? ${which} ORDER BY id LIMIT ${rowsAtOnce}`,
        last,
        since,
        ...values,
      );
      for (const row of rows) {
        last = row.id;
        yield this.#lineOf(row);
      }
      if (rows.length === 0) return;
    }
  }

  /** Drops rows from before that moment, and the oldest of more than `most`. */
  prune(before: number, most?: number): void {
    const newest = this.#db.get<{ id: number | null }>('SELECT max(id) AS id FROM audit')?.id ?? 0;
    const last = most === undefined ? 0 : newest - most;
    this.#members.forgetting('at < ? OR id <= ?', [before, last], () => {
      this.#db.run('DELETE FROM audit WHERE at < ? OR id <= ?', before, last);
    });
  }

  #setOf(members: Members | undefined): SetId | null {
    return members === undefined || members.size === 0 ? null : this.#sets.put(members);
  }

  #lineOf(row: Row): AuditLine {
    const { id, at, member } = row;
    const granted = { set: row.granted, hashes: row.granted_hashes };
    const revoked = { set: row.revoked, hashes: row.revoked_hashes };
    return {
      id,
      entry: {
        at,
        ...(JSON.parse(row.entry) as Omit<AuditEntry, 'at'>),
        ...(member !== null && { member }),
      },
      granted: () => this.#members.list(granted),
      revoked: () => this.#members.list(revoked),
      isMember: one => member !== null && (member === one || member === this.#members.tag(one)),
      touched: one =>
        this.#members.has(granted, one) ? 'granted' : this.#members.has(revoked, one) ? 'revoked' : undefined,
    };
  }
}
