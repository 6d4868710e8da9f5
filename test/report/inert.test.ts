import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inertLine, inertMarkdown, markdownName } from '../../src/report/inert.ts';
import { hostileText } from '../support/plans.ts';

/** What a reader of the rendered Markdown sees. */
function shown(markdown: string): string {
  return markdown
    .replaceAll('&#8203;', '')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
}

describe('text from outside', () => {
  it.each([
    ['@octocat', '&#64;&#8203;octocat'],
    ['a|b', 'a&#124;b'],
    ['<b>', '&#60;b&#62;'],
    ['`x`', '&#96;x&#96;'],
    ['a\nb', 'a b'],
    ['#12', '&#35;&#8203;12'],
    ['GH-12', 'GH&#8203;-12'],
    ['www.x.org', 'www&#8203;.x.org'],
    ['http://x', 'http&#58;&#8203;//x'],
    ['plain text, 3 of 4.', 'plain text, 3 of 4.'],
  ])('%j is %j in Markdown', (text, expected) => {
    expect(inertMarkdown(text)).toBe(expected);
  });

  it('shows what it was, on one line, and holds no character that means something', () => {
    fc.assert(
      fc.property(hostileText, text => {
        const markdown = inertMarkdown(text);
        expect(shown(markdown)).toBe(inertLine(text));
        expect(markdown.replace(/&#\d+;/g, '')).not.toMatch(/[\\`*_{}[\]<>()#!|~&@:^$"'\p{Cc}]/u);
      }),
    );
  });

  it('is a line without control characters or workflow commands on a terminal', () => {
    fc.assert(
      fc.property(hostileText, text => {
        const line = inertLine(text);
        expect(line).not.toMatch(/[\p{Cc}\u200b-\u200f\u2028-\u202e]/u);
        expect(line).not.toContain('::');
        expect(line).not.toContain('##[');
      }),
    );
  });

  it('is code where it is a plain name, and inert else', () => {
    expect(markdownName('app.rbac.us_users')).toBe('`app.rbac.us_users`');
    expect(markdownName('us feature')).toBe('`us feature`');
    expect(markdownName('a`b')).toBe('a&#96;b');
    expect(markdownName('- item')).toBe('- item');
    expect(markdownName('')).toBe('');
  });
});
