import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { errcodeOf, fromSqlite } from './problems.ts';

export type Value = SQLInputValue;
/** What a query for one row gives. */
export type Row<T> = T | undefined;

/** How long another process may keep us waiting for its transaction, ms. An approval takes a few. */
const busyTimeout = 5000;

/**
 * One connection. Statements are prepared once per text; errors of SQLite come out as problems. `T` of a query is what
 * its own SQL selects, from tables that only this room writes.
 */
export class Database {
  /** As shown in messages. */
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #inside = false;
  #afterCommit: (() => void)[] = [];

  /** `location` differs from `path` where it carries options (`immutable=1`). Throws a ProblemError. */
  constructor(path: string, options: { location?: string | URL; readOnly?: boolean } = {}) {
    this.path = path;
    this.#db = this.#translated(
      () =>
        new DatabaseSync(options.location ?? path, {
          timeout: busyTimeout,
          readOnly: options.readOnly ?? false,
          enableForeignKeyConstraints: true,
        }),
    );
  }

  /** Runs statements that give nothing and take no values. */
  exec(sql: string): void {
    this.#translated(() => this.#db.exec(sql));
  }

  /** The first row. */
  get<T>(sql: string, ...values: Value[]): Row<T> {
    return this.#translated(() => this.#statement(sql).get(...values)) as Row<T>;
  }

  /** All rows. */
  all<T>(sql: string, ...values: Value[]): T[] {
    return this.#translated(() => this.#statement(sql).all(...values)) as T[];
  }

  /** Gives the id of the row that was inserted last. */
  run(sql: string, ...values: Value[]): number {
    return Number(this.#translated(() => this.#statement(sql).run(...values)).lastInsertRowid);
  }

  /** All of `work` or nothing of it; inside another transaction it is a part of that. */
  transaction<T>(work: () => T): T {
    // IMMEDIATE: a transaction that reads first and finds another writer at its first write could not wait for it.
    return this.#within('BEGIN IMMEDIATE', work);
  }

  /** Every query of `work` sees the same moment. */
  snapshot<T>(work: () => T): T {
    return this.#within('BEGIN', work);
  }

  /** Runs when the transaction under way is committed (at once outside of one): for what is remembered in memory. */
  afterCommit(act: () => void): void {
    if (this.#inside) this.#afterCommit.push(act);
    else act();
  }

  /** Differs from the last value once another connection wrote: https://www.sqlite.org/pragma.html#pragma_data_version */
  dataVersion(): number {
    return this.get<{ data_version: number }>('PRAGMA data_version')?.data_version ?? 0;
  }

  /** Nothing works after that. */
  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #within<T>(begin: string, work: () => T): T {
    if (this.#inside) return work();
    this.exec(begin);
    this.#inside = true;
    let result: T;
    try {
      result = work();
      this.exec('COMMIT');
    } catch (error) {
      // Some errors (disk full) have ended the transaction already.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      this.#afterCommit = [];
      throw error;
    } finally {
      this.#inside = false;
    }
    const acts = this.#afterCommit;
    if (acts.length > 0) {
      this.#afterCommit = [];
      for (const act of acts) act();
    }
    return result;
  }

  #translated<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (errcodeOf(error) === undefined) throw error;
      throw fromSqlite(error, this.path);
    }
  }
}
