import type { Clock } from '../../lib/clock.ts';
import type { GitDriver, GitLimits, GitRemote } from './driver.ts';

export interface OpenDriver {
  readonly driver: 'isomorphic' | 'cli';
  readonly remote: GitRemote;
  readonly clock: Clock;
  /** Of the process: what an installed git is given of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly limits?: GitLimits;
}

/** The way to speak git that is configured; only that one is loaded. */
export async function openDriver(options: OpenDriver): Promise<GitDriver> {
  if (options.driver === 'cli') return (await import('./cli.ts')).createCliDriver(options);
  return (await import('./isomorphic.ts')).createIsomorphicDriver(options);
}
