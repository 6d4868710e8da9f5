import { type FSWatcher, watch } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

interface Watched {
  readonly watcher: FSWatcher;
  readonly identity: string;
}

const mostFolders = 10_000;

/**
 * One watch per folder of a tree. (A watcher of files would need one per flag file, more than many systems allow, and
 * chokidar 5 stays with the old folder when another is renamed into its place.)
 */
export class FolderWatchers {
  /** False while a folder could not be watched: then events may be missing. */
  complete = true;
  readonly #event: () => void;
  readonly #watched = new Map<string, Watched>();
  #closed = false;

  constructor(event: () => void) {
    this.#event = event;
  }

  /** Watches the folder and every folder below it, and nothing else. */
  async cover(folder: string): Promise<void> {
    const found = new Map<string, string>();
    await collect(folder, found);
    this.#adjust(found);
  }

  /** Watches this folder and none below it. */
  async coverOnly(folder: string): Promise<void> {
    const found = new Map<string, string>();
    const identity = await identityOf(folder);
    if (identity !== undefined) found.set(folder, identity);
    this.#adjust(found);
  }

  close(): void {
    this.#closed = true;
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  #adjust(found: ReadonlyMap<string, string>): void {
    if (this.#closed) return;
    for (const [path, { watcher, identity }] of this.#watched) {
      if (found.get(path) === identity) continue;
      watcher.close();
      this.#watched.delete(path);
    }
    this.complete = true;
    for (const [path, identity] of found) {
      if (!this.#watched.has(path)) this.#watch(path, identity);
    }
  }

  #watch(path: string, identity: string): void {
    try {
      const watcher = watch(path, () => this.#event());
      watcher.on('error', () => {
        this.#watched.delete(path);
        watcher.close();
        this.#event();
      });
      this.#watched.set(path, { watcher, identity });
    } catch {
      this.complete = false;
    }
  }
}

async function collect(folder: string, found: Map<string, string>): Promise<void> {
  const real = await realpath(folder).catch(() => undefined);
  const identity = real === undefined ? undefined : await identityOf(real);
  if (real === undefined || identity === undefined || found.has(real) || found.size >= mostFolders) return;
  found.set(real, identity);
  const entries = await readdir(real, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    // `..data` and its like hold what a ConfigMap's links lead to; other hidden folders hold no flags.
    const hidden = entry.name.startsWith('.') && !entry.name.startsWith('..');
    if (entry.isDirectory() && !hidden) await collect(join(real, entry.name), found);
  }
}

async function identityOf(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    return found.isDirectory() ? `${found.dev} ${found.ino} ${found.birthtimeMs}` : undefined;
  } catch {
    return undefined;
  }
}
