/**
 * Polls `check` until it answers something other than undefined or false, and answers that.
 * Throws after `timeoutMs` with `what` and the last error of `check`.
 */
export async function until<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 30_000, everyMs = 25 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const end = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const got = await check();
      if (got !== undefined && got !== false) return got;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`, { cause: last });
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
}
