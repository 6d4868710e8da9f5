import { basename, resolve } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { initialize } from '../tasks/init.ts';
import { type Context, tellProblems } from './context.ts';

export interface InitFlags {
  readonly out: string;
  readonly instance?: string | undefined;
  readonly owner: string;
  readonly branch: string;
  readonly action?: string | undefined;
}

/** `optoggles init`: a repository of flag files to begin with. */
export async function initCommand(context: Context, flags: InitFlags): Promise<void> {
  const { owner, branch, action } = flags;
  const folder = resolve(context.cwd, flags.out);
  const instance = flags.instance ?? nameIn(basename(folder));
  const { files, warnings } = await initialize({ folder, instance, owner, branch, action, now: systemClock.now() });
  for (const file of files) context.stdout.write(`${file}\n`);
  tellProblems(context, warnings, 'warning: ');
  context.stderr.write('Check it with "optoggles validate", see what it would do with "optoggles plan".\n');
}

/** What of a folder's name can name an instance. */
function nameIn(text: string): string {
  const name = text.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return name === '' ? 'flags' : name.slice(0, 64);
}
