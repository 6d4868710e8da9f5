import { type GitBlob, type GitReader, isSafeName, mostEntries, type TreeEntry } from './driver.ts';
import { badCommit, damaged } from './git-error.ts';
import type { GitRan } from './cli-process.ts';

export interface ReaderOptions {
  /** Runs git in the clone. */
  readonly git: (
    args: readonly string[],
    signal: AbortSignal,
    more?: { readonly input?: string; readonly onData?: (chunk: Buffer) => void },
  ) => Promise<GitRan>;
  /** Fetches contents that a blobless clone has not got. */
  readonly fetchBlobs: (ids: readonly string[], signal: AbortSignal) => Promise<void>;
}

const never = new AbortController().signal;

/** Reads a clone that the installed git made. */
export function openCli({ git, fetchBlobs }: ReaderOptions): GitReader {
  async function ok(what: string, args: readonly string[], signal: AbortSignal): Promise<string> {
    try {
      const { code, stdout } = await git(args, signal);
      if (code !== 0) throw damaged(what);
      return stdout.toString('utf8');
    } catch (error) {
      if (error instanceof RangeError) throw badCommit(`The commit has more than ${mostEntries} files.`);
      throw error;
    }
  }

  /** What stands at a path of a commit. */
  async function entryAt(commit: string, path: string, signal: AbortSignal): Promise<RawEntry | undefined> {
    const lines = parse(await ok('a tree', ['ls-tree', '-z', '--full-tree', commit, '--', path], signal));
    return lines.find(entry => entry.path === path);
  }

  async function missing(tree: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const text = await ok('a tree', ['rev-list', '--objects', '--no-object-names', '--missing=print', tree], signal);
    const lines = text.split('\n').filter(line => line.startsWith('?'));
    return new Set(lines.map(line => line.slice(1)));
  }

  /** By blob: the tree that was read last and has it, so that what is missing comes in one fetch. */
  let lastTree: string | undefined;

  return {
    async has(commit) {
      const { code } = await git(['cat-file', '-e', `${commit}^{commit}`], never);
      return code === 0;
    },
    async tree(commit, folder, signal) {
      const top = folder === '' ? { type: 'tree', id: `${commit}^{tree}` } : await entryAt(commit, folder, signal);
      if (top?.type !== 'tree') return undefined;
      lastTree = top.id;
      const found = parse(await ok('a tree', ['ls-tree', '-r', '-z', '--full-tree', top.id], signal));
      if (found.length > mostEntries) throw badCommit(`The commit has more than ${mostEntries} files.`);
      if (new Set(found.map(({ path }) => path)).size < found.length) {
        throw badCommit('The commit holds two entries of one name.');
      }
      return found.flatMap(leafOf).filter(({ path }) => path.split('/').every(isSafeName));
    },
    async file(commit, path, signal) {
      const entry = await entryAt(commit, path, signal);
      return entry && leafOf(entry)[0];
    },
    async *blobs(ids, limit, signal): AsyncGenerator<GitBlob, void, undefined> {
      if (ids.length === 0) return;
      if (lastTree !== undefined) {
        const gone = await missing(lastTree, signal);
        const wanted = ids.filter(id => gone.has(id));
        if (wanted.length > 0) await fetchBlobs(wanted, signal);
      }
      const reader = createBatchReader(limit);
      const onData = (chunk: Buffer) => reader.take(chunk);
      const { code } = await git(['cat-file', '--batch'], signal, { input: `${ids.join('\n')}\n`, onData });
      if (code !== 0 || reader.broken) throw damaged('a file');
      yield* reader.found;
    },
    async descends(commit, from) {
      const { code } = await git(['merge-base', '--is-ancestor', from, commit], never);
      return code === 0;
    },
  };
}

interface RawEntry {
  readonly mode: string;
  readonly type: string;
  readonly id: string;
  readonly path: string;
}

/** `<mode> <type> <id>\t<path>\0` (git-ls-tree). */
function parse(text: string): RawEntry[] {
  return text.split('\0').flatMap(line => {
    const [, mode, type, id, path] = /^(\d+) (\w+) ([0-9a-f]+)\t([^]+)$/.exec(line) ?? [];
    return mode === undefined || type === undefined || id === undefined || path === undefined
      ? []
      : [{ mode, type, id, path }];
  });
}

function leafOf({ mode, type, id, path }: RawEntry): TreeEntry[] {
  return type === 'blob' ? [{ path, kind: mode === '120000' ? 'link' : 'file', id }] : [];
}

/** Takes `<id> <type> <size>\n<bytes>\n` apart as it comes (git-cat-file); of larger contents only the size is kept. */
function createBatchReader(limit: number) {
  const found: GitBlob[] = [];
  let head = Buffer.alloc(0);
  let current: { id: string; size: number; left: number; pieces: Buffer[] } | undefined;
  let broken = false;

  function take(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && !broken) rest = current === undefined ? begin(rest) : more(rest, current);
  }

  function begin(chunk: Buffer): Buffer {
    const joined = Buffer.concat([head, chunk]);
    const end = joined.indexOf(10);
    if (end < 0) {
      head = joined;
      broken = head.length > 1000;
      return Buffer.alloc(0);
    }
    head = Buffer.alloc(0);
    const [, id, size] = /^([0-9a-f]+) blob (\d+)$/.exec(joined.toString('latin1', 0, end)) ?? [];
    if (id === undefined) broken = true;
    // The content is followed by one line end.
    else current = { id, size: Number(size), left: Number(size) + 1, pieces: [] };
    return joined.subarray(end + 1);
  }

  function more(chunk: Buffer, of: NonNullable<typeof current>): Buffer {
    const part = chunk.subarray(0, of.left);
    of.left -= part.length;
    if (of.size <= limit) of.pieces.push(Buffer.from(part));
    if (of.left === 0) {
      const bytes = of.size <= limit ? Buffer.concat(of.pieces).subarray(0, of.size) : undefined;
      found.push({ id: of.id, size: of.size, bytes });
      current = undefined;
    }
    return chunk.subarray(part.length);
  }

  return {
    take,
    found,
    get broken() {
      return broken || current !== undefined;
    },
  };
}
