import type { Clock } from '../../lib/clock.ts';

/**
 * Runs `work` with a signal that ends with the caller's, or after `ms` with the error that `late` makes. What goes on
 * without minding its signal is not waited for: a library that hangs hangs alone.
 */
export async function within<Result>(
  work: (signal: AbortSignal) => Promise<Result>,
  ms: number,
  late: () => Error,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Result> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const cancel = clock.after(ms, () => stop.abort(late()));
  const over = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error), { once: true });
  });
  const running = work(stop.signal);
  running.catch(() => {});
  try {
    return await Promise.race([running, over]);
  } catch (error) {
    if (stop.signal.aborted) throw stop.signal.reason;
    throw error;
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
}
