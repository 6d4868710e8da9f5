import { UsageError } from '../domain/problem.ts';

const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * `7d` before now, or a moment: `2026-11-01`, `2026-11-01T08:00:00Z` (without a zone: of this machine). Gives ms since the
 * epoch; a UsageError says what it may look like.
 */
export function sinceOption(text: string, now: number): number {
  const [, digits = '', unit = ''] = /^([0-9]{1,6})([smhd])$/.exec(text) ?? [];
  if (digits !== '') return now - Number(digits) * units[unit as keyof typeof units];
  const moment = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(moment)) return moment;
  throw new UsageError({
    code: 'bad-since',
    message: `--since: ${JSON.stringify(text)} is no time.`,
    hint: 'Write how long ago, such as 24h or 7d, or when, such as 2026-11-01 or 2026-11-01T08:00:00Z.',
  });
}
