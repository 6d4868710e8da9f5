import type { Config } from '../domain/config.ts';
import { UsageError } from '../domain/problem.ts';
import { sourceKinds, targetKinds } from '../kinds.ts';
import { createFlagLoader } from '../load/flags.ts';
import { nearest, quoted } from '../load/problems.ts';

/**
 * Throws a UsageError for a toggle that has no file: doing nothing would look like everything was in sync. `where` is
 * what named it.
 */
export async function checkOnly(config: Config, only: ReadonlySet<string>, where = '--only'): Promise<void> {
  const { present, unreadable } = await createFlagLoader(config, { sources: sourceKinds, targets: targetKinds }).load(
    [],
  );
  if (unreadable) return;
  const unknown = [...only].find(key => !present.has(key));
  if (unknown === undefined) return;
  throw new UsageError({
    code: 'unknown-toggle',
    message: `${where}: there is no toggle ${quoted(unknown)}.`,
    hint: nearest(unknown, [...present], 'Toggles'),
  });
}
