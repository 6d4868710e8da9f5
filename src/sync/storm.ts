import { type Clock, steadyNow } from '../lib/clock.ts';
import type { AskReason } from './reasons.ts';

/** So many callbacks merged into one look are a storm: then the next look waits for a pause (ms). */
const stormSize = 8;
const stormQuiet = 75;
const stormLongest = 1_000;

/** More callbacks came in during one look than somebody publishes by hand. */
export function isStorm(reasons: readonly AskReason[]): boolean {
  return reasons.filter(reason => reason.kind === 'callback').length >= stormSize;
}

/** Resolves when no callback came in for a while, or after the longest wait. `lastAt`: when the last one did (ms). */
export async function stormOver(options: {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly lastAt: () => number;
}): Promise<void> {
  const { clock, signal, lastAt } = options;
  const begin = steadyNow(clock);
  for (;;) {
    const quiet = clock.now() - lastAt();
    // One of the future came before the clock was set back.
    if (signal.aborted || quiet < 0 || quiet >= stormQuiet || steadyNow(clock) - begin >= stormLongest) return;
    await clock.sleep(stormQuiet - quiet, signal).catch(() => {});
  }
}
