/** A platform that asks for more is asked again after a day: timers of Node overflow at 24.8 days. */
const longest = 24 * 3_600_000;

/**
 * How long to wait, in ms, by a `Retry-After` header: whole seconds or an HTTP date. `now` is ms since the epoch.
 * Undefined where there is none or nobody can read it. A date that has passed is 0.
 */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,10}(\.\d+)?$/.test(text)) return Math.min(Math.ceil(Number(text) * 1000), longest);
  if (!/[A-Za-z]/.test(text)) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at)) return undefined;
  return Math.min(Math.max(at - now, 0), longest);
}
