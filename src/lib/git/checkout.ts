import { createHash } from 'node:crypto';
import { mkdirSync, rmdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { GitBlob, GitReader, TreeEntry } from './driver.ts';
import { badCommit, damaged, folderTrouble } from './git-error.ts';

export interface CheckoutOptions {
  /** Where files are put, by their path in the repository. Emptied at first. */
  readonly folder: string;
  /** The folder of the repository that is wanted; `''` for the whole. */
  readonly path: string;
  /** One file beside it. */
  readonly also: string;
  /** Files that are looked at, by name; all of them where there are links, which may lead anywhere. */
  readonly wanted: (path: string) => boolean;
  /** Of larger files only the size counts, in bytes. */
  readonly limit: number;
}

/** The files of one commit on disk. From commit to commit only what differs is written. */
export interface Checkout {
  /** Throws a GitError; then what lies there is no commit, and the next call begins from nothing. */
  update(reader: GitReader, commit: string, signal: AbortSignal): Promise<void>;
  /** Takes everything away. */
  clear(): void;
}

const longestLink = 4096;

export function createCheckout({ folder, path, also, wanted, limit }: CheckoutOptions): Checkout {
  /** By path in the repository. Undefined: nobody knows what lies there. */
  let there: Map<string, TreeEntry> | undefined;

  async function entriesOf(reader: GitReader, commit: string, signal: AbortSignal): Promise<TreeEntry[]> {
    const tree = await reader.tree(commit, path, signal);
    const all = tree?.some(({ kind }) => kind === 'link') ?? false;
    const found = (tree ?? [])
      .filter(entry => all || wanted(entry.path))
      .map(entry => ({ ...entry, path: path === '' ? entry.path : `${path}/${entry.path}` }));
    const beside = await reader.file(commit, also, signal);
    if (beside?.kind === 'file' && !found.some(entry => entry.path === also)) found.push({ ...beside, path: also });
    // Without the folder the loader says that it does not exist; without a file in it, that there is none.
    if (tree !== undefined) mkdirSync(join(folder, path), { recursive: true, mode: 0o700 });
    else if (path !== '') rmSync(join(folder, path), { recursive: true, force: true });
    return found;
  }

  function put(entry: TreeEntry, { size, bytes }: GitBlob): void {
    const full = join(folder, entry.path);
    mkdirSync(dirname(full), { recursive: true, mode: 0o700 });
    if (entry.kind === 'link') {
      if (bytes === undefined || bytes.length > longestLink)
        throw badCommit('The commit holds a link that is no path.');
      symlinkSync(bytes.toString('utf8'), full);
      return;
    }
    writeFileSync(full, bytes ?? '', { mode: 0o600 });
    if (bytes === undefined) truncateSync(full, size);
  }

  async function change(reader: GitReader, commit: string, signal: AbortSignal): Promise<void> {
    if (there === undefined) rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const before = there ?? new Map<string, TreeEntry>();
    there = undefined;
    const after = new Map((await entriesOf(reader, commit, signal)).map(entry => [entry.path, entry]));
    for (const old of before.values()) if (!isSame(old, after.get(old.path))) remove(old.path);
    const news = [...after.values()].filter(entry => !isSame(entry, before.get(entry.path)));
    const users = Map.groupBy(news, ({ id }) => id);
    const missing = new Set(users.keys());
    for await (const blob of reader.blobs([...users.keys()], limit, signal)) {
      if (blob.bytes !== undefined && hashOf(blob.id, blob.bytes) !== blob.id) throw damaged('a file');
      missing.delete(blob.id);
      for (const entry of users.get(blob.id) ?? []) put(entry, blob);
    }
    if (missing.size > 0) throw damaged('a file is missing');
    there = after;
  }

  /** Folders that are empty then go too: a file may take their name. */
  function remove(gone: string): void {
    rmSync(join(folder, gone), { recursive: true, force: true });
    for (let above = dirname(gone); above !== '.' && above !== path; above = dirname(above)) {
      try {
        rmdirSync(join(folder, above));
      } catch {
        return;
      }
    }
  }

  return {
    clear() {
      there = undefined;
      rmSync(folder, { recursive: true, force: true });
    },
    async update(reader, commit, signal) {
      try {
        await change(reader, commit, signal);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : '';
        // Names that this file system does not take, or takes for one another.
        if (/^(EEXIST|EISDIR|ENOTDIR|ENAMETOOLONG|EINVAL|EILSEQ)$/.test(code)) {
          throw badCommit(`The commit holds names that cannot be files here (${code}).`);
        }
        throw folderTrouble(error) ?? error;
      }
    },
  };
}

function isSame(entry: TreeEntry, other: TreeEntry | undefined): boolean {
  return other?.id === entry.id && other.kind === entry.kind;
}

/** What git calls these bytes: by the length of the name the hash that the repository uses. */
function hashOf(id: string, bytes: Buffer): string {
  return createHash(id.length === 64 ? 'sha256' : 'sha1')
    .update(`blob ${bytes.length}\0`)
    .update(bytes)
    .digest('hex');
}
