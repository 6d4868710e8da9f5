import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor } from '../../src/lib/redact.ts';

const secret = 'pa/ss"wö rd+1';

describe('a redactor', () => {
  it.each([
    ['as it is', `Authorization: Bearer ${secret}!`],
    ['in JSON', JSON.stringify({ token: secret })],
    ['in JSON in JSON', JSON.stringify({ body: JSON.stringify({ token: secret }) })],
    ['percent-encoded', `http://host/?token=${encodeURIComponent(secret)}&x=1`],
    ['percent-encoded in small letters', `http://host/?token=${encodeURIComponent(secret).toLowerCase()}`],
    ['as a form field', new URLSearchParams({ token: secret }).toString().replaceAll('%21', '!')],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in base64url', Buffer.from(secret).toString('base64url')],
    ['in basic authorization', `Basic ${Buffer.from(`me:${secret}`).toString('base64')}`],
    ['in basic authorization, other offset', `Basic ${Buffer.from(`you:${secret}:more`).toString('base64')}`],
  ])('finds a secret %s', (_, text) => {
    expect(createRedactor([secret])(text)).toContain('•••');
    expect(createRedactor([secret])(text)).not.toContain('rd%2B1');
  });

  it('replaces every occurrence and leaves the rest', () => {
    expect(createRedactor(['s3cret'])('a s3cret b s3cret c')).toBe('a ••• b ••• c');
  });

  it('takes the longer of two that begin alike', () => {
    expect(createRedactor(['abcd', 'abcdef'])('xabcdefx')).toBe('x•••x');
  });

  it('leaves texts alone without secrets, and ignores short ones', () => {
    expect(createRedactor([])('anything')).toBe('anything');
    expect(createRedactor(['', 'on', 'yes'])('it is on, yes')).toBe('it is on, yes');
  });

  it('never lets a secret through, whatever surrounds it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4, unit: 'binary' }), fc.string(), fc.string(), (secret, before, after) => {
        const redact = createRedactor([secret]);
        const around = `${before}${secret}${after}`;
        // Only what the mask itself and its surroundings make may look like the secret.
        fc.pre(!`${before}•••${after}`.includes(secret));
        fc.pre(!JSON.stringify({ field: `${before}•••${after}` }).includes(JSON.stringify(secret).slice(1, -1)));
        expect(redact(around)).not.toContain(secret);
        // A backslash right before a secret that is written with one: the mask may take a part of it, and the line is no
        // JSON any more. The secret is gone all the same.
        expect(redact(JSON.stringify({ field: around }))).not.toContain(JSON.stringify(secret).slice(1, -1));
      }),
    );
  });

  it('finds a secret at every place of a base64 text', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 8, maxLength: 40 }),
        fc.uint8Array({ maxLength: 9 }),
        fc.uint8Array({ maxLength: 9 }),
        (secret, before, after) => {
          const all = Buffer.concat([before, Buffer.from(secret), after]);
          expect(createRedactor([secret])(all.toString('base64'))).toContain('•••');
          expect(createRedactor([secret])(all.toString('base64url'))).toContain('•••');
        },
      ),
    );
  });
});
