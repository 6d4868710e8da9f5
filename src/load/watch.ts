import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { FolderWatchers } from './folder-watchers.ts';

/** All of it in ms. What no event tells is found by looking. */
const rescanEvery = 30_000;
const rescanWithoutEvents = 5_000;
const lookEvery = 500;
const settleFor = 50;
const settleAtMost = 250;

/**
 * Watches the flags folder until aborted and calls `changed` after each burst of changes, every 30 s whatever happened,
 * and once at the start, for what changed before watching began. The folder may go and come back, be swapped for
 * another, or be a ConfigMap. Never throws.
 */
export async function watchFlags(
  folder: string,
  clock: Clock,
  changed: () => void,
  signal: AbortSignal,
): Promise<void> {
  const burst = createBurst(clock, () => void settle());
  const watchers = new FolderWatchers(() => burst.event());
  let identity = '';
  let lastCall = clock.now();

  async function settle(): Promise<void> {
    // Folders made in the burst are watched before anybody looks into them, so that nothing falls in between.
    await watchers.cover(folder);
    if (signal.aborted) return;
    lastCall = clock.now();
    changed();
  }

  try {
    identity = await identityOf(folder);
    await settle();
    while (!signal.aborted) {
      await clock.sleep(lookEvery, signal);
      const found = await identityOf(folder);
      const every = watchers.complete ? rescanEvery : rescanWithoutEvents;
      if (found !== identity || clock.now() - lastCall >= every) {
        identity = found;
        await settle();
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    burst.cancel();
    watchers.close();
  }
}

/**
 * Watches one file until aborted and calls `changed` whenever its content has become another. A file that is gone is
 * no change. Never throws.
 */
export async function watchFile(path: string, clock: Clock, changed: () => void, signal: AbortSignal): Promise<void> {
  let content = await contentOf(path);
  const burst = createBurst(clock, () => void look());
  const watchers = new FolderWatchers(() => burst.event());

  async function look(): Promise<void> {
    const found = await contentOf(path);
    if (signal.aborted || found === undefined || found === content) return;
    content = found;
    changed();
  }

  try {
    while (!signal.aborted) {
      await watchers.coverOnly(dirname(path));
      await look();
      await clock.sleep(watchers.complete ? rescanEvery : rescanWithoutEvents, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    burst.cancel();
    watchers.close();
  }
}

/** Joins events that come closely together into one call. */
function createBurst(clock: Clock, call: () => void): { event(): void; cancel(): void } {
  let began: number | undefined;
  let cancel: (() => void) | undefined;
  return {
    event() {
      const now = clock.now();
      began ??= now;
      cancel?.();
      const wait = Math.max(0, Math.min(settleFor, began + settleAtMost - now));
      cancel = clock.after(wait, () => {
        began = undefined;
        cancel = undefined;
        call();
      });
    },
    cancel: () => cancel?.(),
  };
}

/** Changes when the folder goes, comes back or is another. */
async function identityOf(folder: string): Promise<string> {
  try {
    const real = await realpath(folder);
    const { dev, ino, birthtimeMs } = await stat(real);
    return [real, dev, ino, birthtimeMs].join(' ');
  } catch {
    return '';
  }
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  } catch {
    return undefined;
  }
}
