import type { AuditEntry } from '../domain/state.ts';
import type { Database } from './database.ts';

/** The audit log: what was done, when and by whose word; counts, never names. */
export class Journal {
  readonly #db: Database;
  /** The codes written per failing change: a target that is down is tried for ever, and says each of them once. */
  readonly #failing = new Map<string, Set<string>>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Appends a row. */
  write(entry: AuditEntry): void {
    const { at, ...rest } = entry;
    this.#db.run('INSERT INTO audit (at, entry) VALUES (?, ?)', at, JSON.stringify(rest));
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
  *read(): Generator<AuditEntry> {
    let last = 0;
    for (;;) {
      const rows = this.#db.all<{ id: number; at: number; entry: string }>(
        'SELECT id, at, entry FROM audit WHERE id > ? ORDER BY id LIMIT 500',
        last,
      );
      for (const { id, at, entry } of rows) {
        last = id;
        yield { at, ...(JSON.parse(entry) as Omit<AuditEntry, 'at'>) };
      }
      if (rows.length === 0) return;
    }
  }

  /** Drops rows from before that moment. */
  prune(before: number): void {
    this.#db.run('DELETE FROM audit WHERE at < ?', before);
  }
}
