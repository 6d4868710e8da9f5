import { describe, expect, it } from 'vitest';
import { lastWords } from '../../src/lib/last-words.ts';

describe('the last words of an error that nobody foresaw', () => {
  it('name it and its places, and not what it says', () => {
    const error = new TypeError('cannot read canary of alice\n    at the canary\n    at alice (canary)', {
      cause: new Error('canary'),
    });
    const said = lastWords(error);
    expect(said).toMatch(/^TypeError\n {4}at .*last-words\.test\.ts:\d+:\d+/);
    expect(said).not.toMatch(/canary|alice/);
  });

  it('tell a code, if it is one', () => {
    expect(lastWords(Object.assign(new Error('canary'), { code: 'ERR_OUT_OF_RANGE' }))).toMatch(
      /^Error ERR_OUT_OF_RANGE\n/,
    );
    expect(lastWords(Object.assign(new Error('x'), { code: 'a canary' }))).not.toContain('canary');
    expect(lastWords(Object.assign(new Error('x'), { name: 'canary: alice' }))).not.toContain('alice');
  });

  it.each([
    ['canary', 'a thrown string'],
    [null, 'a thrown null'],
    [{ canary: true }, 'a thrown object'],
  ])('of %j', (thrown, said) => expect(lastWords(thrown)).toBe(said));
});
