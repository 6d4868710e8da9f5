import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A file that is not there yet. */
export interface NewFile {
  /** Relative to the folder. */
  readonly path: string;
  readonly text: string;
  /** Default: 0o644. */
  readonly mode?: number;
}

/**
 * Puts new files into a folder, in their order, or none of them: all are written elsewhere first, and where one cannot be
 * put in its place those before it are taken back. No file is written over: `EEXIST` then. Errors of the file system pass.
 */
export async function placeFiles(folder: string, files: readonly NewFile[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const staging = join(folder, `.optoggles-${randomUUID()}.tmp`);
  const placed: string[] = [];
  await mkdir(staging, { mode: 0o700 });
  try {
    const fresh = files.map((file, index) => ({ ...file, from: join(staging, String(index)) }));
    for (const { from, text, mode } of fresh) await writeWhole(from, text, mode ?? 0o644);
    for (const { from, path } of fresh) {
      const to = join(folder, path);
      await mkdir(dirname(to), { recursive: true });
      await putInPlace(from, to);
      placed.push(to);
    }
  } catch (error) {
    for (const path of placed) await rm(path, { force: true }).catch(() => {});
    throw error;
  } finally {
    await rm(staging, { recursive: true, force: true }).catch(() => {});
  }
}

async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A link appears at once, and never over something; not every file system has them. */
async function putInPlace(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST' || code === 'ENOENT') throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL);
  }
}
