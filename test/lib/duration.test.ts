import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../src/lib/duration.ts';

describe('durations', () => {
  it.each([
    ['1ms', 1],
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['99h', 356_400_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    '5',
    '',
    's',
    '0s',
    '-1s',
    '+1s',
    '01s',
    '1.5s',
    '1 s',
    ' 1s',
    '1s\n',
    '1S',
    '1d',
    '1h30m',
    '100h',
    '9999999s',
    '1e3s',
    '٣s',
  ])('refuses %j', text => {
    expect(() => parseDuration(text)).toThrow(RangeError);
  });

  it('keeps every accepted duration below what a timer can wait', () => {
    const accepted = fc.tuple(fc.integer({ min: 1, max: 999_999_999 }), fc.constantFrom('ms', 's', 'm', 'h'));
    fc.assert(
      fc.property(accepted, ([count, unit]) => {
        const text = `${count}${unit}`;
        let ms = 1;
        try {
          ms = parseDuration(text);
        } catch {
          return;
        }
        expect(ms).toBeGreaterThan(0);
        expect(ms).toBeLessThan(2 ** 31);
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });
});
