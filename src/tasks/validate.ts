import { type Problem, ProblemsError } from '../domain/problem.ts';
import { loadConfig } from '../load/config.ts';
import { expiredWarnings } from '../load/expired.ts';
import { createFlagLoader } from '../load/flags.ts';
import type { KindSchemas } from '../load/kinds.ts';
import { checkRepository } from './check-repository.ts';

export interface ValidateOptions {
  readonly configFile: string;
  readonly kinds: KindSchemas;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** ms since the epoch: adds warnings for what expired. Validity does not depend on it. */
  readonly now?: number;
}

export interface Validation {
  /** Sorted by place; none: all is well. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** How many flag files there are. */
  readonly files: number;
  /** How many toggles are valid. */
  readonly toggles: number;
}

/**
 * Checks a configuration and every flag file of it: no secrets, no network, nothing written. Files of a repository are
 * fetched for it, where that can be done; else a warning says that they were not checked.
 */
export async function validate(options: ValidateOptions): Promise<Validation> {
  const { configFile, kinds, env, now } = options;
  try {
    const { config, warnings } = await loadConfig(configFile, { kinds, env, secrets: 'check', purpose: 'validate' });
    const fromGit = config.flags?.git !== undefined;
    const loaded = await (fromGit ? checkRepository(options) : createFlagLoader(config, kinds).load([]));
    const { unreadable, toggles, files } = loaded;
    return {
      problems: [...(unreadable === undefined ? [] : [unreadable]), ...loaded.problems],
      warnings: [...warnings, ...loaded.warnings, ...(now === undefined ? [] : expiredWarnings(toggles, now))],
      files,
      toggles: toggles.length,
    };
  } catch (error) {
    if (!(error instanceof ProblemsError)) throw error;
    return { problems: error.problems, warnings: [], files: 0, toggles: 0 };
  }
}
