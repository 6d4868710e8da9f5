import { Type } from 'typebox';

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** The digits are bounded so that every duration stays below 12 days: timers overflow at 24.8. */
export const durationPattern = '^([1-9][0-9]{0,8}ms|[1-9][0-9]{0,5}s|[1-9][0-9]{0,3}m|[1-9][0-9]{0,1}h)$';
const duration = new RegExp(durationPattern);

/**
 * The schema of a duration in the configuration: a whole number above 0 with its unit, `500ms`, `30s`, `5m`, `1h`.
 * A bare number is refused, because nobody can tell which unit it has.
 */
export function Duration(options: { readonly description: string; readonly default?: string }) {
  return Type.String({
    pattern: durationPattern,
    // Editors show this instead of the pattern; so does the loader.
    patternErrorMessage: 'a whole number above 0 with ms, s, m or h, such as 30s',
    ...options,
  });
}

/** `30s` → 30000 (ms). Throws a RangeError for text that the `Duration` schema refuses. */
export function parseDuration(text: string): number {
  if (!duration.test(text)) throw new RangeError('A duration is a whole number with ms, s, m or h, such as 30s.');
  const digits = Number.parseInt(text, 10);
  const unit = text.slice(String(digits).length) as keyof typeof unitMs;
  return digits * unitMs[unit];
}

/** 300000 → `5m`: the largest unit that leaves a whole number. */
export function formatDuration(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (ms >= unitMs[unit] && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`;
  }
  return `${ms}ms`;
}

const daysPattern = '^[1-9][0-9]{0,3}d$';

/** The schema of a number of days in the configuration: `400d`. */
export function Days(options: { readonly description: string; readonly default?: string }) {
  return Type.String({
    pattern: daysPattern,
    patternErrorMessage: 'a whole number of days above 0, such as 400d',
    ...options,
  });
}

/** `400d` → ms. Throws a RangeError for text that the `Days` schema refuses. */
export function parseDays(text: string): number {
  if (!new RegExp(daysPattern).test(text)) throw new RangeError('A number of days is written as 400d.');
  return Number.parseInt(text, 10) * 24 * unitMs.h;
}
