import { ProblemError } from '../domain/problem.ts';
import { DatabaseSync } from 'node:sqlite';
import { errcodeOf, fromSqlite } from './problems.ts';

/** Held for as long as the process lives; the operating system takes it back when it dies, however it dies. */
export interface Lock {
  release(): void;
}

/**
 * Takes the lock of a state folder: an exclusive transaction that is never ended, on a file of its own, so that readers
 * of the state are not kept out. Undefined: another process (or another state of this one) has it.
 */
export function takeLock(file: string): Lock | undefined {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: 0 });
    // In memory: nothing is ever written, and no journal is left beside it.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    if (((errcodeOf(error) ?? 0) & 0xff) === 5) return undefined;
    const translated = fromSqlite(error, file);
    throw translated instanceof ProblemError ? translated : error;
  }
  const held = db;
  let isHeld = true;
  return {
    release() {
      if (isHeld) held.close();
      isHeld = false;
    },
  };
}
