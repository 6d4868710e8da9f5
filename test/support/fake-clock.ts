import type { Clock } from '../../src/lib/clock.ts';

interface Waiting {
  readonly at: number;
  readonly order: number;
  readonly call: () => void;
}

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Moves on by `ms`, calling what falls due in its order; lets promises settle between. */
  advance(ms: number): Promise<void>;
  /** How many timers wait. */
  readonly waiting: number;
}

/** Starts at 2026-11-21T00:00:00Z unless told. */
export function createFakeClock(start = Date.UTC(2026, 10, 21)): FakeClock {
  let now = start;
  let order = 0;
  const waiting = new Set<Waiting>();

  function after(ms: number, call: () => void): () => void {
    const entry = { at: now + ms, order: order++, call };
    waiting.add(entry);
    return () => waiting.delete(entry);
  }

  function nextUntil(end: number): Waiting | undefined {
    let first: Waiting | undefined;
    for (const entry of waiting) {
      if (entry.at > end) continue;
      if (first === undefined || entry.at < first.at || (entry.at === first.at && entry.order < first.order))
        first = entry;
    }
    return first;
  }

  return {
    now: () => now,
    after,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const stop = () => {
          cancel();
          reject(signal?.reason);
        };
        const cancel = after(ms, () => {
          signal?.removeEventListener('abort', stop);
          resolve();
        });
        signal?.addEventListener('abort', stop, { once: true });
      });
    },
    async advance(ms) {
      const end = now + ms;
      await settle();
      for (let next = nextUntil(end); next !== undefined; next = nextUntil(end)) {
        waiting.delete(next);
        now = Math.max(now, next.at);
        next.call();
        await settle();
      }
      now = end;
    },
    get waiting() {
      return waiting.size;
    },
  };
}

/** A turn of the event loop: every promise that can settle without I/O has. */
function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

/** A clock whose time of day can be set (by so many ms), as by NTP; what waits does not notice. */
export function createSettableClock(): FakeClock & { set(ms: number): void } {
  const clock = createFakeClock();
  const now = clock.now.bind(clock);
  let set = 0;
  return {
    ...clock,
    now: () => now() + set,
    steady: now,
    set(ms) {
      set += ms;
    },
    get waiting() {
      return clock.waiting;
    },
  };
}
