import type { Config } from '../domain/config.ts';
import { sourceKinds, targetKinds } from '../kinds.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { createFlagLoader, type FlagLoader } from '../load/flags.ts';
import { createGitFlags, type GitFlagLoader } from '../load/git-flags.ts';

export interface FlagsOptions {
  readonly config: Config;
  /** `own`: the state folder is this process's alone. `borrow`: it may be another's, and nothing is written there. */
  readonly mode: 'own' | 'borrow';
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Of the process: an installed git runs in it. Default: this one's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Of a repository: the commit that was reviewed, whatever its ref says now. */
  readonly commit?: string | undefined;
}

/** Where toggles come from: a folder, a repository, or OPToggles' old configuration. */
export interface Flags extends FlagLoader {
  /** Undefined: no repository. */
  readonly git: GitFlagLoader | undefined;
  close(): Promise<void>;
}

/** Opens what the configuration names. A repository is asked by the first load. */
export function openFlags({ config, mode, clock, random, log, env = process.env, commit }: FlagsOptions): Flags {
  const kinds = { sources: sourceKinds, targets: targetKinds };
  const repository = config.flags?.git;
  if (repository === undefined) {
    return { ...createFlagLoader(config, kinds), git: undefined, close: () => Promise.resolve() };
  }
  const git = createGitFlags({ config, git: repository, kinds, mode, clock, random, log, env, commit });
  return { load: lastGood => git.load(lastGood), git, close: () => git.close() };
}
