import { createHmac } from 'node:crypto';
import type { AuditEntry } from '../domain/state.ts';
import type { Database } from './database.ts';

export interface JournalOptions {
  /** Members are kept by name. */
  readonly users: boolean;
  /** The key of the hashes that stand for members. */
  key(): string;
}

/** The audit log: what was done, when and by whose word; counts, and members as keyed hashes. */
export class Journal {
  readonly #db: Database;
  readonly #options: JournalOptions;
  /** The codes written per failing change: a target that is down is tried for ever, and says each of them once. */
  readonly #failing = new Map<string, Set<string>>();

  constructor(db: Database, options: JournalOptions) {
    this.#db = db;
    this.#options = options;
  }

  /** A member as it may be shown: `h:` and the first 8 bytes of its HMAC-SHA256, in hex. */
  tag(member: string): string {
    const digest = createHmac('sha256', this.#options.key()).update(member).digest();
    return `h:${digest.toString('hex', 0, 8)}`;
  }

  /** Appends a row. */
  write(entry: AuditEntry): void {
    const { at, member, ...rest } = entry;
    const named = member === undefined ? {} : { member: this.#options.users ? member : this.tag(member) };
    this.#db.run('INSERT INTO audit (at, entry) VALUES (?, ?)', at, JSON.stringify({ ...rest, ...named }));
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
