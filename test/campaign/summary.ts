import type { Result } from './run.ts';

/** The time (ms) that 99 of 100 revocations did not take longer than; 0 where there were none. */
export function p99(results: readonly Pick<Result, 'revocations'>[]): number {
  const sorted = results.flatMap(({ revocations }) => revocations).sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * 0.99) - 1)] ?? 0;
}

/** What a run of several seeds showed, in two lines. */
export function summary(results: readonly Result[]): string {
  const failed = results.filter(({ broken }) => broken.length > 0).map(({ seed }) => seed);
  const times = results.flatMap(({ revocations }) => revocations).sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)] ?? 0;
  const writes = results.reduce((sum, result) => sum + result.writes, 0);
  return [
    `${results.length} seeds, ${failed.length === 0 ? 'all passed' : `failed: ${failed.join(', ')}`}; ${writes} writes judged`,
    `${times.length} revocations of healthy toggles: median ${median} ms, p99 ${p99(results)} ms, longest ${times.at(-1) ?? 0} ms`,
  ].join('\n');
}
