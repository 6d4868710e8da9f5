import { type Problem, ProblemsError } from '../domain/problem.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../lib/log.ts';
import { loadConfig } from '../load/config.ts';
import type { LoadedFlags } from '../load/flags.ts';
import { createGitFlags } from '../load/git-flags.ts';
import type { KindSchemas } from '../load/kinds.ts';

export interface CheckOptions {
  readonly configFile: string;
  readonly kinds: KindSchemas;
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Checked = Pick<LoadedFlags, 'toggles' | 'files' | 'problems' | 'warnings' | 'unreadable'>;

/**
 * The flags of the configured repository for `validate`, which needs no secret and no network: where one is missing, the
 * files are not checked, and a warning says so. Nothing is left behind.
 */
export async function checkRepository({ configFile, kinds, env }: CheckOptions): Promise<Checked> {
  try {
    // Tokens of sources and targets are not used here.
    const unneeded = ([part]: readonly (string | number)[]) => part !== 'flags';
    const { config } = await loadConfig(configFile, { kinds, env, secrets: 'substitute', unneeded });
    const git = config.flags?.git;
    if (git === undefined) throw new Error('the flags come from no repository');
    const where = { clock: systemClock, random: Math.random, log: silentLog, env };
    const flags = createGitFlags({ config, git, kinds, mode: 'borrow', ...where });
    try {
      const loaded = await flags.load([]);
      const { state, commit } = flags.state;
      if (state === 'held') return loaded;
      if (commit === undefined) return notChecked(loaded.unreadable ? [loaded.unreadable] : []);
      if (state === 'ok') return loaded;
      // Checked as they were last: the first problem is why the repository cannot be asked.
      const [trouble, ...problems] = loaded.problems;
      return { ...loaded, problems, warnings: [...(trouble ? [trouble] : []), ...loaded.warnings] };
    } finally {
      await flags.close();
    }
  } catch (error) {
    if (error instanceof ProblemsError) return notChecked(error.problems);
    throw error;
  }
}

function notChecked(why: readonly Problem[]): Checked {
  const warnings = why.map(({ message, ...rest }) => ({
    ...rest,
    code: 'flags-not-checked',
    message: `The flag files were not checked: ${message}`,
  }));
  return { toggles: [], files: 0, problems: [], warnings };
}
