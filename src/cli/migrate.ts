import { resolve } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { findConfig } from '../load/config.ts';
import { migrate } from '../tasks/migrate.ts';
import { type Context, kinds, tellProblems } from './context.ts';

export interface MigrateFlags {
  readonly config?: string | undefined;
  readonly out: string;
}

/** `optoggles migrate`: the new form of an old configuration, with the same plan. */
export async function migrateCommand(context: Context, flags: MigrateFlags): Promise<void> {
  const configFile = resolve(context.cwd, flags.config ?? (await findConfig(context.cwd)));
  const today = new Date(systemClock.now()).toISOString().slice(0, 10);
  const outDir = resolve(context.cwd, flags.out);
  const { files, secrets, warnings } = await migrate({ configFile, kinds, outDir, today });
  tellProblems(context, warnings, 'warning: ');
  if (secrets.length > 0) context.stderr.write(`set these in the environment: ${secrets.join(', ')}\n`);
  for (const file of files) context.stdout.write(`${file}\n`);
}
