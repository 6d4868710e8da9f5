import fs from 'node:fs';
import { isDescendent, readBlob, readCommit, readTree, type TreeEntry as Entry } from 'isomorphic-git';
import { type GitBlob, type GitReader, isSafeName, mostEntries, mostFolders, type TreeEntry } from './driver.ts';
import { badCommit, damaged, folderTrouble, GitError } from './git-error.ts';

/** Reads a clone that isomorphic-git made. What it parses of packs is kept as long as the reader is. */
export function openIsomorphic(gitdir: string): GitReader {
  const cache = {};

  /** The library's errors here are about what lies on the disk. */
  async function locally<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof GitError) throw error;
      throw folderTrouble(error) ?? damaged(what);
    }
  }

  const read = (oid: string): Promise<Entry[]> =>
    locally('a tree', async () => (await readTree({ fs, gitdir, oid, cache })).tree);

  async function entryAt(commit: string, path: string): Promise<Entry | undefined> {
    const { tree } = await locally(
      'a commit',
      async () => (await readCommit({ fs, gitdir, oid: commit, cache })).commit,
    );
    let found: Entry | undefined = { mode: '040000', path: '', oid: tree, type: 'tree' };
    for (const name of path.split('/').filter(part => part !== '')) {
      if (found?.type !== 'tree') return undefined;
      found = (await read(found.oid)).find(entry => entry.path === name);
    }
    return found;
  }

  async function collect(oid: string, prefix: string, into: Collected): Promise<void> {
    if (++into.folders > mostFolders) throw badCommit(`The commit has more than ${mostFolders} folders.`);
    const names = new Set<string>();
    const folders: Entry[] = [];
    for (const entry of await read(oid)) {
      if (names.has(entry.path)) throw badCommit('The commit holds two entries of one name.');
      names.add(entry.path);
      if (!isSafeName(entry.path)) continue;
      if (entry.type === 'tree') folders.push(entry);
      const leaf = leafOf(entry, prefix + entry.path);
      if (leaf !== undefined) into.entries.push(leaf);
      if (into.entries.length > mostEntries) throw badCommit(`The commit has more than ${mostEntries} files.`);
    }
    for (const folder of folders) await collect(folder.oid, `${prefix}${folder.path}/`, into);
  }

  return {
    async has(commit) {
      try {
        await readCommit({ fs, gitdir, oid: commit, cache });
        return true;
      } catch {
        return false;
      }
    },
    async tree(commit, folder) {
      const top = await entryAt(commit, folder);
      if (top?.type !== 'tree') return undefined;
      const into: Collected = { entries: [], folders: 0 };
      await collect(top.oid, '', into);
      return into.entries;
    },
    async file(commit, path) {
      const entry = await entryAt(commit, path);
      return entry && leafOf(entry, path);
    },
    async *blobs(ids, limit, signal): AsyncGenerator<GitBlob, void, undefined> {
      for (const id of ids) {
        signal.throwIfAborted();
        const { blob } = await locally('a file', () => readBlob({ fs, gitdir, oid: id, cache }));
        yield { id, size: blob.length, bytes: blob.length > limit ? undefined : Buffer.from(blob) };
      }
    },
    async descends(commit, from) {
      if (commit === from) return true;
      return isDescendent({ fs, gitdir, oid: commit, ancestor: from, depth: -1, cache }).catch(() => false);
    },
  };
}

interface Collected {
  readonly entries: TreeEntry[];
  folders: number;
}

/** A file or a link; of another repository's commit (a submodule) there is nothing to read. */
function leafOf(entry: Entry, path: string): TreeEntry | undefined {
  if (entry.type !== 'blob') return undefined;
  return { path, kind: entry.mode.endsWith('120000') ? 'link' : 'file', id: entry.oid };
}
