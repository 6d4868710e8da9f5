import { resolve } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { findConfig } from '../load/config.ts';
import { counted } from '../report/wording.ts';
import { validate } from '../tasks/validate.ts';
import { type Context, kinds, tellProblems, writeJson } from './context.ts';

export interface ValidateFlags {
  readonly config?: string | undefined;
  readonly json?: string | undefined;
}

/** `optoggles validate`: checks the configuration and every flag file, without secrets and without a network. */
export async function validateCommand(context: Context, flags: ValidateFlags): Promise<void> {
  const configFile = resolve(context.cwd, flags.config ?? (await findConfig(context.cwd)));
  const found = await validate({ configFile, kinds, env: context.env, now: systemClock.now() });
  const { problems, warnings, files, toggles } = found;
  if (flags.json !== undefined) {
    await writeJson(
      context,
      flags.json,
      `${JSON.stringify({ version: 1, files, toggles, problems, warnings }, null, 2)}\n`,
    );
  }
  tellProblems(context, warnings, 'warning: ');
  tellProblems(context, problems);
  if (flags.json !== '-') {
    const counts = [counted(files, 'file'), counted(toggles, 'toggle'), counted(problems.length, 'error')];
    context.stdout.write(`${counts.join(', ')}\n`);
  }
  context.exit(problems.length > 0 ? 1 : 0);
}
