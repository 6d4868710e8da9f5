import { ProblemError } from '../domain/problem.ts';

/** Who holds a state folder, as its owner wrote it down. */
export interface Owner {
  readonly pid: number;
  readonly host: string;
  /** ms since the epoch. */
  readonly since: number;
}

/** Another process has the folder for itself. `owner` undefined: it did not get as far as writing who it is. */
export function inUse(folder: string, owner: Owner | undefined): ProblemError {
  const who = owner
    ? `process ${owner.pid} on ${owner.host} since ${new Date(owner.since).toISOString()}`
    : 'another process';
  return new ProblemError({
    code: 'state-in-use',
    message: `The state folder ${folder} is in use by ${who}.`,
    hint: 'Stop that process, or ask it with --server URL; `optoggles plan` and `optoggles approve` may run beside it.',
  });
}

/** The folder or its files cannot be written: the code on which a caller may fall back to a state in memory. */
export function readOnly(path: string, cause?: unknown): ProblemError {
  return new ProblemError(
    {
      code: 'state-readonly',
      message: `The state ${path} cannot be written${reasonOf(cause)}.`,
      hint: 'Give the user that OPToggles runs as read and write access to `stateDir`, or choose another `stateDir`.',
    },
    { cause },
  );
}

/** The folder can be read, but what the last process left there needs a writer to be put in order. */
export function needsOwner(path: string, cause?: unknown): ProblemError {
  return new ProblemError(
    {
      code: 'state-readonly',
      message: `The state ${path} was not closed properly, and a reader may not repair it.`,
      hint: 'Run this as a user who may write `stateDir`, or start `optoggles run` or `optoggles apply` there once.',
    },
    { cause },
  );
}

/** Nobody owned the folder yet: the code on which a preview goes on with an empty `memoryState`. */
export function missing(folder: string): ProblemError {
  return new ProblemError({
    code: 'state-missing',
    message: `There is no state in ${folder} yet.`,
    hint: 'Start `optoggles run` or `optoggles apply` first, or check `stateDir` and --config.',
  });
}

/** Something else lies where the state belongs. */
export function unsafe(path: string, what: string): ProblemError {
  return new ProblemError({
    code: 'state-unsafe',
    message: `${path} is ${what}; the state is kept in plain files of its own.`,
    hint: 'Move it away, or choose another `stateDir`.',
  });
}

/** The file is damaged, or is no state of ours. Nothing is ever deleted. */
export function damaged(path: string, what: string, cause?: unknown): ProblemError {
  return new ProblemError(
    {
      code: 'state-corrupt',
      message: `The state ${path} cannot be used: ${what}.`,
      hint:
        'Put a backup of the folder back. Without one, move the folder away and run `optoggles plan` before `apply`: ' +
        'without its state OPToggles reads what the targets hold, and blocks where it cannot know.',
    },
    { cause },
  );
}

/** Written by an OPToggles that knows more than this one. */
export function newer(path: string, writtenBy: string, own: string): ProblemError {
  return new ProblemError({
    code: 'state-newer',
    message: `The state ${path} was written by OPToggles ${writtenBy}; this is ${own}, which does not know its form.`,
    hint: `Run OPToggles ${writtenBy} or newer, or put back the copy of the folder made before the upgrade.`,
  });
}

/** Written by an older OPToggles and not yet brought up to date; who only looks does not do that. */
export function older(path: string, writtenBy: string, own: string): ProblemError {
  return new ProblemError({
    code: 'state-older',
    message: `The state ${path} was written by OPToggles ${writtenBy}, in an older form than that of ${own}.`,
    hint: 'Start `optoggles run` or `optoggles apply` of this version once: it brings the state up to date.',
  });
}

/** Two instances would undo each other's writes in one state. */
export function otherInstance(folder: string, theirs: string, ours: string): ProblemError {
  return new ProblemError({
    code: 'state-other-instance',
    message: `The state folder ${folder} belongs to the instance ${theirs}, not to ${ours}.`,
    hint: 'Give each instance a `stateDir` of its own, or put the old `instance` back.',
  });
}

/** A reader beside the owner tried to write what only the owner writes. */
export function shared(what: string): ProblemError {
  return new ProblemError({
    code: 'state-shared',
    message: `The state was opened to look at, so ${what} cannot be written.`,
    hint: 'Use `optoggles apply` or `optoggles run`, which open the state for themselves.',
  });
}

/** The owner dropped what a reader beside it was about to look at. */
export function changedMeanwhile(): ProblemError {
  return new ProblemError({
    code: 'state-changed',
    message: 'The state changed while it was being read.',
    hint: 'Run the command again.',
  });
}

/** What SQLite's result code means for an operator: https://www.sqlite.org/rescode.html. Others come back unchanged. */
export function fromSqlite(error: unknown, path: string): unknown {
  const code = errcodeOf(error);
  if (code === undefined) return error;
  switch (code & 0xff) {
    case 5: // SQLITE_BUSY
    case 6: // SQLITE_LOCKED
      return new ProblemError(
        {
          code: 'state-busy',
          message: `Another process kept the state ${path} locked for too long.`,
          hint: 'Try again; if it stays so, look for a stopped or hanging OPToggles process.',
        },
        { cause: error },
      );
    case 3: // SQLITE_PERM
    case 8: // SQLITE_READONLY
    case 14: // SQLITE_CANTOPEN
    case 23: // SQLITE_AUTH
      return readOnly(path, error);
    case 13: // SQLITE_FULL
      return full(path, error);
    case 10: // SQLITE_IOERR
      return new ProblemError(
        {
          code: 'state-io',
          message: `The state ${path} could not be read or written: the disk or its file system reports an error.`,
          hint: 'Look at free space, quotas and the health of the disk under `stateDir`, then start again.',
        },
        { cause: error },
      );
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
      return damaged(path, 'it is damaged or no database', error);
    default:
      return error;
  }
}

/** No space is left for the state. */
export function full(path: string, cause?: unknown): ProblemError {
  return new ProblemError(
    {
      code: 'state-full',
      message: `There is no space left for the state ${path}.`,
      hint: 'Free space on the disk under `stateDir`; nothing was lost, the change is tried again.',
    },
    { cause },
  );
}

/** SQLite's (extended) result code of an error of node:sqlite, if it is one. */
export function errcodeOf(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? code : undefined;
}

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && code !== 'ERR_SQLITE_ERROR' ? ` (${code})` : '';
}
