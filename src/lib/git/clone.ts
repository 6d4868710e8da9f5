import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../lib/replace-file.ts';
import { diskLimit, type GitDriver, type GitReader, type Tip } from './driver.ts';
import { folderTrouble, GitError, tooLarge } from './git-error.ts';

/** What is remembered of a clone. It names the folder that is whole: every other one is a leftover. */
interface Remembered {
  readonly version: 1;
  readonly url: string;
  readonly repository: string;
  readonly seen: Tip;
  /** The last commit that was taken. */
  readonly good: string | null;
}

export interface CloneOptions {
  /** Ours alone; made when it is missing. */
  readonly folder: string;
  readonly url: string;
  readonly driver: GitDriver;
}

/** A clone on disk that survives a crash at any moment: of a single ref, with its history. */
export interface Clone {
  /** What was fetched last; undefined: nothing yet. */
  readonly seen: Tip | undefined;
  readonly good: string | undefined;
  /** Looks at what a process before left; with `sweep` takes away what it did not finish. */
  open(options: { readonly sweep: boolean }): Promise<void>;
  /** Brings it up to a tip; makes it anew where it is damaged, has grown too large, or is of another address. */
  update(tip: Tip, signal: AbortSignal): Promise<void>;
  /** Remembers that a commit was taken. */
  keep(commit: string): Promise<void>;
  /** Undefined: nothing is cloned yet. */
  reader(): GitReader | undefined;
  /** What is here cannot be read: the next update makes it anew. */
  distrust(): void;
}

const record = 'clone.json';
/** Every fetch leaves a pack; many of them make each look slow. */
const mostPacks = 50;

export function createClone({ folder, url, driver }: CloneOptions): Clone {
  let now: Remembered | undefined;
  let distrusted = false;

  const pathOf = (repository: string) => join(folder, repository);

  async function remember(next: Remembered): Promise<void> {
    const written = `${JSON.stringify(next, null, 2)}\n`;
    // Nobody else writes here: whatever lies there is replaced.
    const there = await readFile(join(folder, record), 'utf8').catch(() => undefined);
    if (written !== there) await replaceFile(join(folder, record), written, there);
    now = next;
  }

  async function sweep(): Promise<void> {
    for (const name of await readdir(folder)) {
      if (name.startsWith('repository-') && name !== now?.repository) {
        await rm(pathOf(name), { recursive: true, force: true });
      }
    }
  }

  async function anew(tip: Tip, signal: AbortSignal): Promise<void> {
    const repository = `repository-${randomUUID()}`;
    try {
      const seen = await driver.clone(pathOf(repository), tip, 'full', signal);
      await mustFit(repository);
      const kept = now?.url === url && now.good !== null && (await hasCommit(repository, now.good));
      await remember({ version: 1, url, repository, seen, good: kept ? (now?.good ?? null) : null });
      distrusted = false;
    } finally {
      await sweep().catch(() => {});
    }
  }

  async function hasCommit(repository: string, commit: string): Promise<boolean> {
    return driver.open(pathOf(repository)).has(commit);
  }

  async function mustFit(repository: string): Promise<void> {
    const { bytes } = await packsIn(pathOf(repository));
    if (bytes > diskLimit) throw tooLarge(url, `its clone takes more than ${diskLimit / 1024 ** 3} GB`);
  }

  async function fetch(known: Remembered, tip: Tip, signal: AbortSignal): Promise<void> {
    const seen = await driver.fetch(pathOf(known.repository), tip, signal);
    await remember({ ...known, seen });
  }

  return {
    get seen() {
      return now?.seen;
    },
    get good() {
      return now?.good ?? undefined;
    },
    async open({ sweep: mayWrite }) {
      if (mayWrite) await mkdir(folder, { recursive: true, mode: 0o700 });
      const text = await readFile(join(folder, record), 'utf8').catch(() => undefined);
      now = text === undefined ? undefined : parse(text);
      if (now !== undefined && (now.url !== url || !(await isFolder(pathOf(now.repository))))) now = undefined;
      if (mayWrite) await sweep();
    },
    async update(tip, signal) {
      try {
        const known = now;
        if (known === undefined || distrusted || (await isLarge(pathOf(known.repository))))
          return await anew(tip, signal);
        try {
          await fetch(known, tip, signal);
        } catch (error) {
          if (signal.aborted || !mayBeOurs(error)) throw error;
          await anew(tip, signal);
        }
      } catch (error) {
        throw folderTrouble(error) ?? error;
      }
    },
    async keep(commit) {
      if (now !== undefined && now.good !== commit) await remember({ ...now, good: commit });
    },
    reader: () => (now === undefined ? undefined : driver.open(pathOf(now.repository))),
    distrust() {
      distrusted = true;
    },
  };
}

/** What a fetch could not read may be what is here, and not what came; what is too much for a fetch, a clone may take. */
function mayBeOurs(error: unknown): boolean {
  if (!(error instanceof GitError)) return true;
  return error.fault === 'damaged' || ['git-bad-answer', 'git-too-large'].includes(error.problem.code);
}

async function isLarge(repository: string): Promise<boolean> {
  const { count, bytes } = await packsIn(repository);
  return count > mostPacks || bytes > diskLimit;
}

async function packsIn(repository: string): Promise<{ count: number; bytes: number }> {
  const folder = join(repository, 'objects', 'pack');
  const names = await readdir(folder).catch(() => []);
  let bytes = 0;
  for (const name of names) bytes += (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
  return { count: names.filter(name => name.endsWith('.pack')).length, bytes };
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** Undefined for whatever is not what this version writes. */
function parse(text: string): Remembered | undefined {
  try {
    const found = JSON.parse(text) as Partial<Remembered> | null;
    const isOurs =
      found?.version === 1 &&
      typeof found.url === 'string' &&
      /^repository-[0-9a-f-]{36}$/.test(found.repository ?? '') &&
      typeof found.seen?.ref === 'string' &&
      typeof found.seen.commit === 'string' &&
      (found.good === null || typeof found.good === 'string');
    return isOurs ? (found as Remembered) : undefined;
  } catch {
    return undefined;
  }
}
