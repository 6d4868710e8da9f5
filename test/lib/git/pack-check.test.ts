import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { execFileSync } from 'node:child_process';
import { assert, property, uint8Array } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkPack, packOf, PackTooLarge } from '../../../src/lib/git/pack-check.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** A pack of these objects: type, size as its header says it, content unpacked. */
function pack(objects: readonly { type: number; size: number; content: Buffer; base?: Buffer }[]): Buffer {
  const head = Buffer.alloc(12);
  head.write('PACK');
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(objects.length, 8);
  const body = objects.flatMap(({ type, size, content, base }) => {
    const bytes = [(type << 4) | (size & 15)];
    for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 128;
      bytes.push(rest % 128);
    }
    return [Buffer.from(bytes), base ?? Buffer.alloc(0), deflateSync(content)];
  });
  const all = Buffer.concat([head, ...body]);
  return Buffer.concat([all, createHash('sha1').update(all).digest()]);
}

function line(band: number, bytes: Buffer): Buffer {
  const length = (bytes.length + 5).toString(16).padStart(4, '0');
  return Buffer.concat([Buffer.from(length), Buffer.from([band]), bytes]);
}

const flush = Buffer.from('0000');
const nak = Buffer.from('0008NAK\n');

describe('a pack before it is unpacked', () => {
  test('one that git made passes, with deltas', () => {
    const folder = tempFolder({ 'a.txt': 'a line\n'.repeat(2000) });
    const git = (args: readonly string[]) =>
      execFileSync('git', args, {
        cwd: folder,
        maxBuffer: 1e8,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const who = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
    git(['init', '-q']);
    for (let round = 0; round < 5; round++) {
      execFileSync('sh', ['-c', `echo ${round} >> a.txt`], { cwd: folder });
      git(['add', '.']);
      git([...who, 'commit', '-q', '-m', 'x']);
    }
    const made = git(['pack-objects', '--all', '--stdout', '--delta-base-offset', '-q']);
    checkPack(made);
    const broken = Buffer.from(made);
    broken.writeUInt8((broken[40] ?? 0) ^ 1, 40);
    expect(() => checkPack(broken)).toThrow('wrong checksum');
  });

  test('what is or becomes too large is refused before it is', () => {
    const small = { type: 3, size: 2, content: Buffer.from('ab') };
    checkPack(pack([small, small]));
    expect(() => checkPack(pack([{ type: 3, size: 2 ** 40, content: Buffer.from('ab') }]))).toThrow(PackTooLarge);
    // More comes out than the header says.
    const bomb = { type: 3, size: 10, content: Buffer.alloc(5_000_000) };
    expect(() => checkPack(pack([bomb]))).toThrow('cannot be unpacked');
    expect(() => checkPack(pack([{ ...small, size: 3 }]))).toThrow(RangeError);
    // A delta of a few bytes whose result would be 8 GB.
    const delta = Buffer.from([1, 0x80, 0x80, 0x80, 0x80, 0x20]);
    const base = Buffer.alloc(20);
    expect(() => checkPack(pack([{ type: 7, size: delta.length, content: delta, base }]))).toThrow(PackTooLarge);
    // Deltas of a few bytes that each become 30 MB: together what nobody could make whole in a day.
    const thirty = Buffer.from([1, 0x80, 0x8c, 0xa7, 0x0e]);
    const versions = Array.from({ length: 600 }, () => ({ type: 7, size: thirty.length, content: thirty, base }));
    expect(() => checkPack(pack(versions))).toThrow(PackTooLarge);
    checkPack(pack(versions.slice(0, 100)));
    expect(() => checkPack(pack(versions.slice(0, 100)), 2e9)).toThrow(PackTooLarge);
    const many = pack([small]);
    many.writeUInt32BE(2 ** 31, 8);
    const signed = Buffer.concat([many.subarray(0, -20), createHash('sha1').update(many.subarray(0, -20)).digest()]);
    expect(() => checkPack(signed)).toThrow(PackTooLarge);
  });

  test('is found in the answer, whole or not at all', () => {
    const whole = Buffer.concat([
      nak,
      line(2, Buffer.from('Counting')),
      line(1, Buffer.from('PA')),
      line(1, Buffer.from('CK')),
      flush,
    ]);
    expect(packOf(whole)?.toString()).toBe('PACK');
    expect(packOf(nak)).toBeUndefined();
    for (let end = nak.length + 14; end < whole.length; end++) {
      // Where a line ends there is nothing more to be seen yet, anywhere else the answer is cut off.
      try {
        expect(packOf(whole.subarray(0, end))).toBeUndefined();
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }
    expect(() => packOf(Buffer.concat([nak, line(3, Buffer.from('access denied')), flush]))).toThrow('gave up');
    expect(() => packOf(Buffer.from('<html>'))).toThrow('no pkt-lines');
  });

  test('no bytes make it fail in another way, or run for long', () => {
    assert(
      property(uint8Array({ maxLength: 300 }), bytes => {
        const body = Buffer.concat([pack([]).subarray(0, 8), Buffer.from([0, 0, 0, 3]), Buffer.from(bytes)]);
        const signed = Buffer.concat([body, createHash('sha1').update(body).digest()]);
        expect(() => checkPack(signed)).toThrow(RangeError);
        try {
          packOf(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
