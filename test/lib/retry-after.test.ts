import { expect, it } from 'vitest';
import { retryAfterMs } from '../../src/lib/retry-after.ts';

const now = Date.UTC(2026, 10, 21, 12);

it.each<[string | undefined, number | undefined]>([
  [undefined, undefined],
  ['', undefined],
  ['soon', undefined],
  ['-1', undefined],
  ['0', 0],
  ['120', 120_000],
  [' 2 ', 2000],
  ['1.5', 1500],
  ['9999999999', 86_400_000],
  ['Sat, 21 Nov 2026 12:00:30 GMT', 30_000],
  ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
  ['Sat, 21 Nov 2099 11:00:00 GMT', 86_400_000],
])('%j is %j ms', (header, ms) => {
  expect(retryAfterMs(header, now)).toBe(ms);
});
