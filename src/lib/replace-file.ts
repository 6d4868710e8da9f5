import { randomUUID } from 'node:crypto';
import { renameSync, statSync } from 'node:fs';
import { mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Replaces the content of a file at once: whoever reads sees all of the old or all of the new text, after a crash too.
 * `before` is what the caller read (undefined: there was no file); when something else is there right before the rename,
 * nothing is written and `false` comes back. Keeps the mode, and the owner where that is allowed; makes missing folders.
 * Links are not followed: the caller gives the real path. Errors of the file system pass as they are. What a process that
 * was killed left of an earlier write is swept up.
 */
export async function replaceFile(
  path: string,
  text: string,
  before: string | undefined,
  move: (from: string, to: string) => void = renameSync,
): Promise<boolean> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const old = await stat(path).catch(ifThere);
  const fresh = join(folder, `.${basename(path)}.${randomUUID()}.tmp`);
  const file = await open(fresh, 'wx', old?.mode ?? 0o644);
  try {
    try {
      if (old !== undefined) {
        await file.chmod(old.mode);
        // Only root may give a file away; anybody else's stays the writer's.
        await file.chown(old.uid, old.gid).catch(() => {});
      }
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    const mark = markOf(path);
    const isSame = (await readFile(path, 'utf8').catch(ifThere)) === before;
    // Nothing of this process comes between the last look and the rename; of another, only within microseconds.
    if (!isSame || markOf(path) !== mark) {
      await unlink(fresh);
      return false;
    }
    move(fresh, path);
  } catch (error) {
    await unlink(fresh).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
  await sweep(folder, basename(path));
  return true;
}

/** Longer than any write takes from its last byte to its rename (ms). */
const abandonedAfter = 60_000;
const leftOver = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;

/** Removes temporary files of writes to this file that nobody will finish. What cannot be removed does no harm. */
async function sweep(folder: string, name: string): Promise<void> {
  const prefix = `.${name}.`;
  // The file system stamps with the machine's clock, so that is what its times are compared with.
  const oldest = Date.now() - abandonedAfter;
  for (const found of await readdir(folder).catch(() => [])) {
    if (!found.startsWith(prefix) || !leftOver.test(found.slice(prefix.length))) continue;
    const path = join(folder, found);
    const { mtimeMs = Infinity } = (await stat(path).catch(() => undefined)) ?? {};
    if (mtimeMs < oldest) await unlink(path).catch(() => {});
  }
}

function markOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ');
}

/** Without it a power cut can bring the old name back. Not every system lets a folder be opened. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

function ifThere(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
