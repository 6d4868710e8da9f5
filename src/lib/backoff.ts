const first = 500;
const longest = 16_000;

/**
 * How long to wait before the next try, in ms: 0.5 s doubling to 16 s, the upper half of it random, so that many
 * instances do not come back in step. `failures` counts from 1; `random` gives 0 ≤ x < 1.
 */
export function backoffDelay(failures: number, random: () => number): number {
  const full = Math.min(longest, first * 2 ** Math.min(failures - 1, 10));
  return Math.round(full / 2 + (full / 2) * random());
}
