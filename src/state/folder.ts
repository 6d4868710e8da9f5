import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { full, readOnly, unsafe } from './problems.ts';

export interface StateFiles {
  readonly folder: string;
  readonly database: string;
  readonly lock: string;
}

/** The files of a state folder. */
export function filesOf(folder: string): StateFiles {
  return { folder, database: join(folder, 'state.db'), lock: join(folder, 'lock.db') };
}

/**
 * Makes the folder (0700) and its files (0600) where they are missing, and checks that they are plain files that can be
 * written. Files that others may read are closed to them; a folder that was there keeps its mode, it may be a mount.
 * Never opens a file that is there: closing it would drop the locks that this process holds on it (POSIX).
 */
export function prepareFolder(files: StateFiles): void {
  const made = attempt(files.folder, () => mkdirSync(files.folder, { recursive: true, mode: 0o700 }));
  // Members' names are in here, and `.optoggles` often lies in a repository.
  if (made !== undefined)
    attempt(files.folder, () => writeFileSync(join(files.folder, '.gitignore'), '*\n', { mode: 0o600 }));
  attempt(files.folder, () => accessSync(files.folder, constants.R_OK | constants.W_OK | constants.X_OK));
  for (const file of [files.lock, files.database]) prepareFile(file);
}

function prepareFile(file: string): void {
  let stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) {
    attempt(file, () => {
      try {
        closeSync(openSync(file, 'wx', 0o600));
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
      }
    });
    stat = lstatSync(file);
  }
  if (!stat.isFile()) throw unsafe(file, stat.isSymbolicLink() ? 'a symbolic link' : 'not a file');
  if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) attempt(file, () => chmodSync(file, 0o600));
  attempt(file, () => accessSync(file, constants.R_OK | constants.W_OK));
}

/** True when this process may write the folder and the file. */
export function mayWrite(files: StateFiles): boolean {
  try {
    accessSync(files.folder, constants.W_OK);
    accessSync(files.database, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Names this run of the machine; null where nobody tells (then every crash counts as one of the machine). */
export function bootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() || null;
  } catch {
    return null;
  }
}

/** When that file was made, as a text that only it has; undefined where the file system does not know (Node: 0). */
export function bornAt(file: string): string | undefined {
  const { birthtimeNs } = lstatSync(file, { bigint: true });
  return birthtimeNs > 0n ? String(birthtimeNs) : undefined;
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (hasCode(error, 'ENOTDIR') || hasCode(error, 'EEXIST')) throw unsafe(path, 'not where a folder can be made');
    if (hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT')) throw full(path, error);
    throw readOnly(path, error);
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
