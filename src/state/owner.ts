import { hostname } from 'node:os';
import type { Database } from './database.ts';
import { meta, setMeta } from './form.ts';
import type { Owner } from './problems.ts';

/** What the process that has the state for itself leaves behind. */
interface Marks extends Owner {
  readonly boot: string | null;
  readonly closed: boolean;
  /** Its own start was uncertain already, and it did not end well. */
  readonly uncertain: boolean;
}

/** Who has the state, or had it last. */
export function lastOwner(db: Database): Owner | undefined {
  return marksOf(db);
}

/**
 * True when the last rows may be missing: the last owner did not close the state and the machine went down since, or
 * may have. (Without that, what a killed process wrote is in the file: the kernel has it.) It stays so until an owner
 * closes the state, because only by then everything was looked at or written once more.
 */
export function isUncertain(db: Database, boot: string | null): boolean {
  const last = marksOf(db);
  if (!last || last.closed) return false;
  return last.uncertain || boot === null || last.boot !== boot;
}

/** Marks the state as taken; on disk for certain when it returns. */
export function markTaken(db: Database, pid: number, boot: string | null, at: number): void {
  const uncertain = isUncertain(db, boot);
  saveMarks(db, { pid, host: hostname(), since: at, boot, closed: false, uncertain });
}

/** Marks the state as closed properly; on disk for certain when it returns. */
export function markClosed(db: Database): void {
  const last = marksOf(db);
  if (last) saveMarks(db, { ...last, closed: true });
}

function saveMarks(db: Database, marks: Marks): void {
  // NORMAL does not wait for the disk, so this row would not outlive the machine: https://www.sqlite.org/wal.html
  db.exec('PRAGMA synchronous = FULL');
  db.transaction(() => setMeta(db, 'owner', JSON.stringify(marks)));
  db.exec('PRAGMA synchronous = NORMAL');
}

function marksOf(db: Database): Marks | undefined {
  const text = meta(db, 'owner');
  return text === undefined ? undefined : (JSON.parse(text) as Marks);
}
