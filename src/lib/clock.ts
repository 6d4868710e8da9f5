/** Time as it is handed to whatever waits or stamps, so that tests and simulations own it. */
export interface Clock {
  /** ms since the epoch. */
  now(): number;
  /** ms since any moment, which never go back when the clock is set. Absent: `now` does. */
  steady?(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls once after `ms`; the result cancels. */
  after(ms: number, call: () => void): () => void;
}

/** For what is only a matter of how long: ms that never go back. */
export function steadyNow(clock: Pick<Clock, 'now' | 'steady'>): number {
  return clock.steady?.() ?? clock.now();
}

export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, notNegative(ms));
      signal?.addEventListener('abort', stop, { once: true });
    });
  },
  after(ms, call) {
    const timer = setTimeout(call, notNegative(ms));
    return () => clearTimeout(timer);
  },
};

/** A moment that has just passed is due now; Node would warn on stderr. */
function notNegative(ms: number): number {
  return Math.max(ms, 0);
}
