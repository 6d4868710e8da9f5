import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { StateStore } from '../domain/state.ts';
import { version } from '../lib/version.ts';
import { Database } from './database.ts';
import { bootId, bornAt, filesOf, prepareFolder, type StateFiles } from './folder.ts';
import { bringToForm, type FormOptions } from './form.ts';
import { type Lock, takeLock } from './lock.ts';
import { type Doubt, doubtOf, markClosed, markTaken, type Surroundings } from './owner.ts';
import { inUse, missing } from './problems.ts';
import { lookFirst, openBeside, readOwner } from './reader.ts';
import { assembleStore } from './assemble.ts';

export interface StateOptions {
  /** Absolute. `own` makes it when it is not there. */
  readonly folder: string;
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Log;
  /** `own`: one process at a time, for as long as it lives. `share`: beside it, to look, and to approve. */
  readonly access: 'own' | 'share';
  /** The audit log names members; default: keyed hashes. */
  readonly auditUsers?: boolean;
  readonly pid?: number;
  /** Names this run of the machine; for tests. */
  readonly boot?: string | null;
  /** Names the file of the state as the one that was made at some moment; for tests. */
  readonly born?: string;
  /** Of this OPToggles; for tests. */
  readonly version?: string;
}

/** A full WAL of 40 MB instead of 4: a set of a million members fits in without being copied at once. */
const walPages = 10_000;
const walLimit = 64 * 1024 * 1024;

/**
 * Opens the state of a folder. Throws a ProblemError: `state-in-use` (another process owns it), `state-readonly` (the
 * caller may go on with `memoryState`), `state-other-instance`, `state-newer`, `state-older`, `state-corrupt`,
 * `state-unsafe`, `state-full`, `state-io`, `state-busy`; when sharing, `state-missing` (nobody owned the folder yet).
 */
export function openState(options: StateOptions): StateStore {
  const files = filesOf(options.folder);
  const form: FormOptions = {
    folder: options.folder,
    instance: options.instance,
    version: options.version ?? version,
  };
  return options.access === 'own' ? openOwn(options, files, form) : openShared(options, files, form);
}

/** A state that is gone at exit: where the folder cannot be written, and in tests. */
export function memoryState(options: Pick<StateOptions, 'instance' | 'clock' | 'auditUsers'>): StateStore {
  const db = new Database('in memory', { location: ':memory:' });
  bringToForm(db, { folder: 'in memory', instance: options.instance, version }, options.clock.now());
  const { auditUsers = false } = options;
  const close = () => db.close();
  return assembleStore(db, { durability: 'memory', uncertain: false, access: 'own', auditUsers, close });
}

function openOwn(options: StateOptions, files: StateFiles, form: FormOptions): StateStore {
  prepareFolder(files);
  const lock = takeLock(files.lock);
  if (!lock) throw inUse(files.folder, readOwner(files));
  let db: Database | undefined;
  try {
    lookFirst(files, form);
    db = new Database(files.database);
    const around = surroundings(options, files);
    // The form first: of a file that is not ours not even the journal mode is changed.
    bringToForm(db, form, options.clock.now());
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = ${walPages};
             PRAGMA journal_size_limit = ${walLimit}`);
    const doubt = doubtOf(db, around);
    const uncertain = doubt !== undefined;
    markTaken(db, options.pid ?? process.pid, around, options.clock.now());
    if (doubt) options.log.warn({ folder: files.folder }, doubts[doubt]);
    const { auditUsers = false } = options;
    return assembleStore(db, { durability: 'disk', uncertain, access: 'own', auditUsers, close: closing(db, lock) });
  } catch (error) {
    db?.close();
    lock.release();
    throw error;
  }
}

const doubts: Readonly<Record<Doubt, string>> = {
  crash: 'the machine went down while the state was open; its newest rows may be missing',
  copy: 'the state is a copy: what was done since it was made is not in it, so everything is read or written once more',
};

function surroundings(options: StateOptions, files: StateFiles): Surroundings {
  return { boot: options.boot === undefined ? bootId() : options.boot, born: options.born ?? bornAt(files.database) };
}

/** The lock goes last: until then nobody else may look at what is being put away. */
function closing(db: Database, lock: Lock): () => void {
  return () => {
    try {
      markClosed(db);
      db.exec('PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)');
    } finally {
      db.close();
      lock.release();
    }
  };
}

function openShared(options: StateOptions, files: StateFiles, form: FormOptions): StateStore {
  const beside = openBeside(files, form);
  if (!beside) throw missing(files.folder);
  const { db, readOnly } = beside;
  try {
    const uncertain = doubtOf(db, surroundings(options, files)) !== undefined;
    // An approval waits for the disk: nobody would ask for it again.
    if (!readOnly) db.exec('PRAGMA synchronous = FULL');
    const { auditUsers = false } = options;
    const close = () => db.close();
    return assembleStore(db, { durability: 'disk', uncertain, access: 'share', auditUsers, close });
  } catch (error) {
    db.close();
    throw error;
  }
}
