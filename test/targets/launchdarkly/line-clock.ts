import type { Clock } from '../../../src/lib/clock.ts';
import { systemClock } from '../../../src/lib/clock.ts';

/** Time for a line that talks over real sockets: it passes by itself, and is moved on where a test would only wait. */
export interface LineClock extends Clock {
  /** To the next timer, however far that is. False: there is none. */
  leap(): boolean;
  /** By so much (ms). */
  forward(ms: number): void;
  /** The same time for a target: waiting moves it on, while limits of requests are of real time. */
  readonly target: Clock;
}

interface Entry {
  readonly at: number;
  readonly call: () => void;
  cancel: () => void;
}

export function createLineClock(): LineClock {
  const entries = new Set<Entry>();
  let ahead = 0;
  const now = () => systemClock.now() + ahead;

  function arm(entry: Entry): void {
    entry.cancel();
    entry.cancel = systemClock.after(Math.max(0, entry.at - now()), () => {
      if (entries.delete(entry)) entry.call();
    });
  }

  function forward(ms: number): void {
    if (ms <= 0) return;
    ahead += ms;
    for (const entry of [...entries].sort((a, b) => a.at - b.at)) arm(entry);
  }

  function after(ms: number, call: () => void): () => void {
    const entry: Entry = { at: now() + ms, call, cancel() {} };
    entries.add(entry);
    arm(entry);
    return () => {
      entries.delete(entry);
      entry.cancel();
    };
  }

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const stop = () => {
        cancel();
        reject(signal?.reason as Error);
      };
      const cancel = after(ms, () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      });
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  return {
    now,
    after,
    sleep,
    forward,
    leap() {
      const next = Math.min(...[...entries].map(({ at }) => at));
      if (!Number.isFinite(next)) return false;
      forward(next - now());
      return true;
    },
    target: {
      now,
      after: (ms, call) => systemClock.after(ms, call),
      async sleep(ms, signal) {
        const until = now() + ms;
        await new Promise(resolve => setImmediate(resolve));
        signal?.throwIfAborted();
        forward(until - now());
      },
    },
  };
}
