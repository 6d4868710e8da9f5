import type { Clock } from '../lib/clock.ts';

/** Calls every `interval` ms, first after one; runs until aborted, and then just ends. */
export async function every(interval: number, call: () => void, clock: Clock, signal: AbortSignal): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(interval, signal);
      call();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
