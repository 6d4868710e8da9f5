import type { Clock } from '../../src/lib/clock.ts';
import { Dead, type Life } from './life.ts';

interface Entry {
  readonly at: number;
  readonly order: number;
  call: (() => void) | undefined;
}

/** Time that passes only when it is told to. What waits is called in its order; promises settle between. */
export interface SimClock {
  /** ms since the epoch, never jumps: the time of the world. */
  now(): number;
  /** Calls once after so many ms; the result cancels. */
  after(ms: number, call: () => void): () => void;
  advance(ms: number): Promise<void>;
  /** Time as a process sees it: its timers end with it, and its wall clock may have been set. */
  of(life: Life): Clock;
  /** The machine's wall clock goes wrong by that much (ms) against the world's time. */
  skew: number;
  /** How many things were called so far. */
  readonly events: number;
}

export const begin = Date.UTC(2026, 10, 21);

export function createSimClock(): SimClock {
  const heap: Entry[] = [];
  let now = begin;
  let order = 0;
  let events = 0;

  function isBefore(a: Entry, b: Entry): boolean {
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }

  function push(entry: Entry): void {
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(entry, heap[above] as Entry)) break;
      heap[at] = heap[above] as Entry;
      at = above;
    }
    heap[at] = entry;
  }

  function pop(): Entry {
    const first = heap[0] as Entry;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Entry, heap[below] as Entry)) below++;
      if (!isBefore(heap[below] as Entry, last)) break;
      heap[at] = heap[below] as Entry;
      at = below;
    }
    heap[at] = last;
    return first;
  }

  function after(ms: number, call: () => void): () => void {
    // As Node's timers, which take whole milliseconds.
    const entry: Entry = { at: now + Math.max(0, Math.trunc(ms)), order: order++, call };
    push(entry);
    return () => {
      entry.call = undefined;
    };
  }

  const clock: SimClock = {
    now: () => now,
    after,
    skew: 0,
    get events() {
      return events;
    },
    async advance(ms) {
      const end = now + ms;
      await settle();
      for (let next = heap[0]; next !== undefined && next.at <= end; next = heap[0]) {
        const { at, call } = pop();
        if (call === undefined) continue;
        now = Math.max(now, at);
        events++;
        call();
        await settle();
      }
      now = end;
    },
    of(life) {
      const timer = (ms: number, call: () => void): (() => void) => {
        if (!life.alive) return () => {};
        return after(ms, () => {
          if (!life.alive) return;
          try {
            call();
          } catch (error) {
            // Anything else ends the real program, and the story.
            if (!(error instanceof Dead)) throw error;
          }
        });
      };
      return {
        now: () => now + clock.skew,
        steady: () => now,
        after: timer,
        sleep(ms, signal) {
          return new Promise((resolve, reject) => {
            if (signal?.aborted) return reject(signal.reason as Error);
            const stop = (): void => {
              cancel();
              reject(signal?.reason as Error);
            };
            const cancel = timer(ms, () => {
              signal?.removeEventListener('abort', stop);
              resolve();
            });
            signal?.addEventListener('abort', stop, { once: true });
          });
        },
      };
    },
  };
  return clock;
}

/** Two turns of the event loop: outcomes that come in together are recorded in the first one. */
async function settle(): Promise<void> {
  await turn();
  await turn();
}

function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
