import { realpathSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

/** The absolute path of a setting that is relative to `folder`. Undefined: it leads out of the folder. */
export function pathInside(folder: string, path: string): string | undefined {
  const absolute = resolve(folder, path);
  return isBelow(folder, absolute) ? absolute : undefined;
}

/**
 * The same path with all symbolic links followed, as far as it exists; what does not exist yet is appended as it is.
 * Undefined: it leads out of the folder (whose own links count as inside). Errors of the file system pass, but for
 * what is not there.
 */
export async function realPathInside(folder: string, absolute: string): Promise<string | undefined> {
  const root = await realpath(folder);
  const real = await realPathOf(absolute);
  return isBelow(root, real) ? real : undefined;
}

async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const parent = dirname(path);
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT') || parent === path) throw error;
    return join(await realPathOf(parent), path.slice(parent.length));
  }
}

/** What a path comes to now with all symbolic links followed, as far as it exists and can be looked at. */
export function realPathNow(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPathNow(parent), path.slice(parent.length));
  }
}

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
