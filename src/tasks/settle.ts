import type { Clock } from '../lib/clock.ts';
import type { Line } from '../sync/line.ts';

/**
 * Waits until nothing runs and nothing waits to be tried again, or nothing runs and it is `enough`. False: the time (ms)
 * was over first, or the signal ended it.
 */
export async function settle(
  line: Line,
  clock: Clock,
  timeout: number,
  signal: AbortSignal,
  enough: () => boolean = () => false,
): Promise<boolean> {
  const over = new AbortController();
  const end = AbortSignal.any([over.signal, signal]);
  const stop = clock.after(timeout, () => over.abort());
  const ended = aborted(end);
  try {
    for (;;) {
      // What hangs is not waited for any longer than the time given.
      await Promise.race([line.idle(), ended]);
      if (end.aborted) return line.settled();
      if (line.settled() || enough()) return true;
      await changed(line, end);
    }
  } finally {
    stop();
  }
}

function changed(line: Line, end: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const stop = line.onChange(finish);
    end.addEventListener('abort', finish, { once: true });
    function finish(): void {
      stop();
      end.removeEventListener('abort', finish);
      resolve();
    }
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
