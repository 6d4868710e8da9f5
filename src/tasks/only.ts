import type { Config } from '../domain/config.ts';
import { UsageError } from '../domain/problem.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../lib/log.ts';
import { nearest, quoted } from '../load/problems.ts';
import { type Flags, openFlags } from './flags.ts';

/**
 * Throws a UsageError for a toggle that has no file: doing nothing would look like everything was in sync. `where` is
 * what named it.
 */
export async function checkOnly(config: Config, only: ReadonlySet<string>, where = '--only'): Promise<void> {
  const flags = openFlags({ config, mode: 'borrow', clock: systemClock, random: Math.random, log: silentLog });
  const { present, unreadable } = await loadAndClose(flags);
  if (unreadable) return;
  const unknown = [...only].find(key => !present.has(key));
  if (unknown === undefined) return;
  throw new UsageError({
    code: 'unknown-toggle',
    message: `${where}: there is no toggle ${quoted(unknown)}.`,
    hint: nearest(unknown, [...present], 'Toggles'),
  });
}

async function loadAndClose(flags: Flags): ReturnType<Flags['load']> {
  try {
    return await flags.load([]);
  } finally {
    await flags.close();
  }
}
