import { randomBytes } from 'node:crypto';
import type { SeenSource } from '../domain/audience.ts';
import type { GoodDefinition } from '../domain/state.ts';
import type { Database } from './database.ts';
import { meta, setMeta } from './form.ts';

/** What is kept under a name and read back as it was: sources seen, last good definitions, backups, our own secrets. */
export class Keepsakes {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** What was last seen of a source. */
  source(id: string): SeenSource | undefined {
    const row = this.#db.get<{ seen: string }>('SELECT seen FROM sources WHERE id = ?', id);
    return row && (JSON.parse(row.seen) as SeenSource);
  }

  /** Writes nothing when it is the same. */
  saveSource(id: string, seen: SeenSource): void {
    this.#db.run(
      `INSERT INTO sources (id, seen) VALUES (?, ?)
       ON CONFLICT DO UPDATE SET seen = excluded.seen WHERE seen <> excluded.seen`,
      id,
      JSON.stringify(seen),
    );
  }

  /** By key. */
  definitions(): GoodDefinition[] {
    return this.#db
      .all<GoodDefinition>('SELECT key, file, text FROM definitions ORDER BY key')
      .map(row => ({ ...row }));
  }

  /** Writes only those that are not there as they are. */
  saveDefinitions(good: readonly GoodDefinition[], gone: readonly string[]): void {
    if (good.length === 0 && gone.length === 0) return;
    this.#db.transaction(() => {
      for (const key of gone) this.#db.run('DELETE FROM definitions WHERE key = ?', key);
      for (const { key, file, text } of good) {
        this.#db.run(
          `INSERT INTO definitions (key, file, text) VALUES (?, ?, ?)
           ON CONFLICT DO UPDATE SET file = excluded.file, text = excluded.text
           WHERE file <> excluded.file OR text <> excluded.text`,
          key,
          file,
          text,
        );
      }
    });
  }

  /** Every backup is kept: nothing else knows what a flag was before it was taken over. */
  saveBackup(address: string, key: string, definition: unknown, at: number): void {
    this.#db.run(
      'INSERT INTO backups (address, key, at, definition) VALUES (?, ?, ?, ?)',
      address,
      key,
      at,
      JSON.stringify(definition ?? null),
    );
  }

  /** The newest of a flag. */
  backup(address: string, key: string): { definition: unknown; at: number } | undefined {
    const row = this.#db.get<{ definition: string; at: number }>(
      'SELECT definition, at FROM backups WHERE address = ? AND key = ? ORDER BY id DESC LIMIT 1',
      address,
      key,
    );
    return row && { definition: JSON.parse(row.definition) as unknown, at: row.at };
  }

  /** What a receiver was told, by what it is about. */
  told(receiver: string): ReadonlyMap<string, string> {
    const text = meta(this.#db, `told ${receiver}`);
    return new Map(text === undefined ? [] : (JSON.parse(text) as [string, string][]));
  }

  /** Replaces it. */
  saveTold(receiver: string, told: ReadonlyMap<string, string>): void {
    setMeta(this.#db, `told ${receiver}`, JSON.stringify([...told]));
  }

  /** A secret made before; undefined: none yet. */
  secret(name: string): string | undefined {
    return this.#db.get<{ value: string }>('SELECT value FROM secrets WHERE name = ?', name)?.value;
  }

  /** 32 random bytes, base64url; what another process made meanwhile stays. */
  makeSecret(name: string): string {
    const value = randomBytes(32).toString('base64url');
    this.#db.run('INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING', name, value);
    return this.secret(name) ?? value;
  }
}
