import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from './clock.ts';

// Writers truncate, write and rename within a few milliseconds; one look afterwards is enough.
const settleMs = 30;
// For file systems and mounts that send no events, and for folders that appear later.
const rescanMs = 1000;

/**
 * Calls `changed` shortly after one of `paths` (files, or folders with files) may have changed; runs until aborted.
 * What is watched are the folders around the files: a watch on a file follows the old file when it is replaced by
 * rename, and a write that comes right after the rename is then missed (seen with chokidar 5).
 */
export async function watchPaths(
  paths: readonly string[],
  changed: () => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let cancel: (() => void) | undefined;
  let before = '';
  const look = async () => {
    // Marked before it is told, so that the rescan does not tell it again.
    before = await marks(paths);
    if (!signal.aborted) changed();
  };
  const settle = () => {
    cancel?.();
    cancel = clock.after(settleMs, () => void look());
  };
  const folders = new Set(paths.flatMap(path => [dirname(path), path]));
  const isOurs = (folder: string, name: string) => paths.includes(folder) || paths.includes(join(folder, name));
  const watchers = new Map<string, FSWatcher>();
  const cover = () => {
    for (const folder of folders) watchFolder(watchers, folder, isOurs, settle);
  };
  try {
    // Before the first await: what changes while the marks are read is told as well.
    cover();
    before = await marks(paths);
    while (!signal.aborted) {
      await clock.sleep(rescanMs, signal);
      cover();
      const now = await marks(paths);
      if (now !== before) settle();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    cancel?.();
    for (const watcher of watchers.values()) watcher.close();
  }
}

/** Does nothing where a watch is there already, or where there is no folder (yet). */
function watchFolder(
  watchers: Map<string, FSWatcher>,
  folder: string,
  isOurs: (folder: string, name: string) => boolean,
  seen: () => void,
): void {
  if (watchers.has(folder)) return;
  try {
    const watcher = watch(folder, (_event, name) => {
      // Kubernetes swaps a folder called ..data below its links.
      if (name === null || name.startsWith('..') || isOurs(folder, name)) seen();
    });
    watchers.set(folder, watcher);
    watcher.on('error', () => {
      watcher.close();
      watchers.delete(folder);
    });
  } catch {
    // Not there, no folder, or no watches left: the rescan sees what happens.
  }
}

async function marks(paths: readonly string[]): Promise<string> {
  const found = await Promise.all(
    paths.map(path =>
      stat(path, { bigint: true }).then(
        ({ ino, size, mtimeNs }) => `${ino} ${size} ${mtimeNs}`,
        () => 'none',
      ),
    ),
  );
  return found.join('\n');
}
