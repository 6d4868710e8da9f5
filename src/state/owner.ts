import { hostname } from 'node:os';
import type { Database } from './database.ts';
import { meta, setMeta } from './form.ts';
import type { Owner } from './problems.ts';

/** What the process that has the state for itself leaves behind. */
interface Marks extends Owner {
  readonly boot: string | null;
  /** When the file was made, where the file system knows: a copy that is put back was made later. */
  readonly born?: string | undefined;
  readonly closed: boolean;
  /** Its own start was uncertain already, and it did not end well. */
  readonly uncertain: boolean;
}

/** Who has the state, or had it last. */
export function lastOwner(db: Database): Owner | undefined {
  return marksOf(db);
}

/** What an owner finds around the file: this run of the machine, and when the file was made (`bornAt`). */
export interface Surroundings {
  readonly boot: string | null;
  readonly born: string | undefined;
}

/** Why the state may not hold the last of what was done. */
export type Doubt = 'copy' | 'crash';

/**
 * Set when the last rows may be missing. `crash`: the last owner did not close the state and the machine went down since,
 * or may have. (Without that, what a killed process wrote is in the file: the kernel has it.) `copy`: the file is not the
 * one that was written last, so what was done since the copy was made is not in it. It stays so until an owner closes the
 * state, because only by then everything was looked at or written once more.
 */
export function doubtOf(db: Database, { boot, born }: Surroundings): Doubt | undefined {
  const last = marksOf(db);
  if (!last) return undefined;
  if (last.born !== undefined && born !== undefined && last.born !== born) return 'copy';
  if (last.closed) return undefined;
  return last.uncertain || boot === null || last.boot !== boot ? 'crash' : undefined;
}

/** Marks the state as taken; on disk for certain when it returns. */
export function markTaken(db: Database, pid: number, around: Surroundings, at: number): void {
  const uncertain = doubtOf(db, around) !== undefined;
  saveMarks(db, { pid, host: hostname(), since: at, ...around, closed: false, uncertain });
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
