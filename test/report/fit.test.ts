import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { fitMarkdown } from '../../src/report/fit.ts';

const more = 'More elsewhere.\n';
const line = fc.string({ maxLength: 30, unit: 'grapheme' }).map(text => text.replaceAll('\n', ' '));
const part = fc.oneof(
  fc.array(line, { minLength: 1, maxLength: 20 }).map(lines => lines.map(text => `${text}\n`).join('')),
  fc
    .array(line, { minLength: 1, maxLength: 5 })
    .map(lines => `<details><summary>x</summary>\n${lines.join('\n')}\n</details>\n`),
);

it('is never longer, ends with what says that more is missing, and cuts no line and nothing folded', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.integer({ min: 100, max: 2_000 }), (parts, most) => {
      const whole = parts.join('\n');
      const text = fitMarkdown(parts, most, more);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(most);
      if (Buffer.byteLength(whole) <= most) {
        expect(text).toBe(whole);
        return;
      }
      expect(text.endsWith(more)).toBe(true);
      const kept = text
        .slice(0, -more.length)
        .split('\n')
        .filter(one => one !== '');
      const lines = new Set(whole.split('\n'));
      for (const one of kept) expect(lines.has(one)).toBe(true);
      expect(text.split('<details').length).toBe(text.split('</details>').length);
    }),
  );
});
