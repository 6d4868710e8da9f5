import type { Clock } from './clock.ts';

export interface Bounds {
  /** At most so many at once. */
  readonly slots: number;
  /** What has run for so many ms gives its slot to the next, … */
  readonly patience: number;
  /** … as long as no more than so many run in all. */
  readonly most: number;
  readonly clock: Pick<Clock, 'after'>;
}

/**
 * Works on each item, started in their order, and yields results in the order in which they come. One that hangs
 * holds up the others for `patience` at most. What `work` throws is thrown. When the consumer stops, nothing more is started.
 */
export async function* bounded<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  bounds: Bounds,
): AsyncGenerator<Result, void, undefined> {
  const results: Result[] = [];
  let started = 0;
  let running = 0;
  let slow = 0;
  let stopped = false;
  let failure: { readonly error: unknown } | undefined;
  let wake: (() => void) | undefined;

  function start(item: Item): void {
    running++;
    let isSlow = false;
    const cancel = bounds.clock.after(bounds.patience, () => {
      isSlow = true;
      slow++;
      startMore();
    });
    const ended = () => {
      cancel();
      running--;
      if (isSlow) slow--;
      wake?.();
    };
    work(item).then(
      result => {
        results.push(result);
        ended();
        startMore();
      },
      (error: unknown) => {
        failure ??= { error };
        ended();
      },
    );
  }

  function hasRoom(): boolean {
    return !stopped && running - slow < bounds.slots && running < bounds.most;
  }

  function startMore(): void {
    while (started < items.length && hasRoom()) start(items[started++] as Item);
  }

  try {
    startMore();
    while (true) {
      yield* results.splice(0);
      if (failure !== undefined) throw failure.error;
      if (results.length > 0) continue;
      if (running === 0) return;
      await new Promise<void>(resolve => {
        wake = resolve;
      });
      wake = undefined;
    }
  } finally {
    stopped = true;
  }
}
