import type { Audience, AudienceId } from '../domain/audience.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Scanning } from './scanning.ts';
import type { SourceLane } from './source-lane.ts';
import type { TargetLane } from './target-lane.ts';
import { waitedFor } from './waiting.ts';

export interface SettlingOptions {
  readonly scanning: Pick<Scanning, 'busy' | 'soonAgain' | 'idle'>;
  readonly sources: readonly SourceLane[];
  readonly targets: readonly TargetLane[];
  readonly audiences: ReadonlyMap<AudienceId, Audience>;
  readonly clock: Clock;
  readonly log: Log;
}

/** How far the line got. */
export interface Settling {
  /** Nothing runs, nothing waits to be tried again. */
  settled(): boolean;
  /**
   * Every source was reached and every toggle was created, updated or refused in each target, at least once. What is
   * left (held, blocked, failing) waits for another answer.
   */
  started(): boolean;
  /** Resolves when every lane is idle for the moment. */
  idle(): Promise<void>;
  /** Says now and then what is waited for, until it is stopped by what this returns. */
  tell(): () => void;
}

/** A one-shot command that waits says so often (ms) for what. */
const patienceTold = 10_000;

export function createSettling({ scanning, sources, targets, audiences, clock, log }: SettlingOptions): Settling {
  function settled(): boolean {
    return (
      !scanning.busy &&
      !straysMayStay(scanning, targets) &&
      sources.every(lane => lane.settled()) &&
      targets.every(lane => lane.settled())
    );
  }

  return {
    settled,
    started: () =>
      !straysMayStay(scanning, targets) &&
      sources.every(lane => lane.view().lastAnswerAt !== undefined && lane.view().registered) &&
      targets.every(lane => lane.started),
    async idle() {
      do {
        await scanning.idle();
        await Promise.all([...sources, ...targets].map(lane => lane.idle()));
        // A lane that was idle first may have got work from one that became idle later.
      } while (scanning.busy || [...sources, ...targets].some(lane => lane.busy));
    },
    tell() {
      let cancel: (() => void) | undefined;
      const again = () => {
        cancel = clock.after(patienceTold, () => {
          const open = settled() ? [] : waitedFor({ sources, targets, audiences });
          for (const what of open) log.info({}, `waiting for ${what}`);
          again();
        });
      };
      again();
      return () => cancel?.();
    },
  };
}

/** What lies in a target without a file may be there for want of a second look at the files, which comes by itself. */
export function straysMayStay({ soonAgain }: Pick<Scanning, 'soonAgain'>, targets: readonly TargetLane[]): boolean {
  return soonAgain && targets.some(holdsStrays);
}

/** Something of ours lies there under a key that no file wants: its file may only not be there yet. */
function holdsStrays(lane: TargetLane): boolean {
  const wanted = new Set(lane.desired.listings.map(({ key }) => key));
  const found = lane.view()?.live.listings ?? [];
  return found.some(({ key, owner, removed }) => owner === 'ours' && !removed && !wanted.has(key));
}
