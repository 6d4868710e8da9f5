import { existsSync, lstatSync, statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { ProblemError } from '../domain/problem.ts';
import { Database } from './database.ts';
import { mayWrite, type StateFiles } from './folder.ts';
import { type FormOptions, inspectForm, requireForm } from './form.ts';
import { lastOwner } from './owner.ts';
import { needsOwner, type Owner, unsafe } from './problems.ts';

/** A connection beside the owner's. */
export interface Beside {
  readonly db: Database;
  readonly readOnly: boolean;
}

/**
 * Opens a state to look at, and to approve in where it may be written. Undefined: there is none yet. Throws a
 * ProblemError.
 */
export function openBeside(files: StateFiles, form: FormOptions): Beside | undefined {
  const stat = lstatSync(files.database, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isFile()) throw unsafe(files.database, stat.isSymbolicLink() ? 'a symbolic link' : 'not a file');
  const readOnly = !mayWrite(files);
  if (!readOnly) lookFirst(files, form);
  const db = readOnly ? openReadOnly(files.database) : new Database(files.database);
  try {
    if (requireForm(db, form)) return { db, readOnly };
  } catch (error) {
    db.close();
    throw error;
  }
  db.close();
  return undefined;
}

/**
 * Refuses a state that is not for us before anything can write into it. The last connection that may write puts a `-wal`
 * file away when it closes (https://www.sqlite.org/wal.html), also into a state of a newer version that was killed; one
 * that only reads leaves both as they are. Throws a ProblemError.
 */
export function lookFirst(files: StateFiles, form: FormOptions): void {
  if ((statSync(`${files.database}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
  const db = new Database(files.database, { readOnly: true });
  try {
    inspectForm(db, form);
  } finally {
    db.close();
  }
}

/** Who has the state, for the message to who cannot have it; undefined where that cannot be read. */
export function readOwner(files: StateFiles): Owner | undefined {
  let db: Database | undefined;
  try {
    db = new Database(files.database, { readOnly: true });
    return lastOwner(db);
  } catch {
    return undefined;
  } finally {
    db?.close();
  }
}

/**
 * A state that was closed properly has no `-wal` file, and SQLite cannot make one in a folder that is read-only; then
 * nobody can write into it either, and it may be read as it is: https://www.sqlite.org/wal.html#read_only_databases
 */
function openReadOnly(path: string): Database {
  const db = new Database(path, { readOnly: true });
  try {
    db.get('SELECT count(*) FROM sqlite_schema');
    return db;
  } catch (error) {
    db.close();
    if (!(error instanceof ProblemError) || error.problem.code !== 'state-readonly') throw error;
    if (existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0) throw needsOwner(path, error);
  }
  const location = pathToFileURL(path);
  location.searchParams.set('immutable', '1');
  return new Database(path, { location, readOnly: true });
}
