import { gzipSync } from 'node:zlib';
import { packTar, type TarEntry } from 'modern-tar';
import { describe, expect, it } from 'vitest';
import { unpackBundle } from '../../../src/audience/bundle/unpack.ts';

async function packed(...entries: readonly TarEntry[]): Promise<Uint8Array> {
  return gzipSync(await packTar(entries));
}

function file(name: string, body = '{}'): TarEntry {
  return { header: { name, size: Buffer.byteLength(body), type: 'file' }, body };
}

describe('unpackBundle', () => {
  it('keeps what matters, by its path', async () => {
    const bundle = await packed(
      file('/policy.wasm', 'wasm'),
      file('./data.json', '{"a":1}'),
      file('app/data.json', '{"b":2}'),
      file('/.manifest', '{"revision":"r1"}'),
      file('/app/rbac.rego', 'package app.rbac'),
      { header: { name: 'app/', size: 0, type: 'directory' } },
    );
    const files = await unpackBundle(bundle, 'bundle.tar.gz');
    expect([...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString()])).toEqual([
      ['policy.wasm', 'wasm'],
      ['data.json', '{"a":1}'],
      ['app/data.json', '{"b":2}'],
      ['.manifest', '{"revision":"r1"}'],
    ]);
  });

  it.each<[string, readonly TarEntry[], RegExp]>([
    [
      'a symbolic link',
      [{ header: { name: 'data.json', size: 0, type: 'symlink', linkname: '/etc/passwd' } }],
      /holds a symlink/,
    ],
    ['a hard link', [{ header: { name: 'x', size: 0, type: 'link', linkname: 'y' } }], /holds a link/],
    ['a device', [{ header: { name: 'x', size: 0, type: 'character-device' } }], /holds a character-device/],
    ['a way up', [file('../data.json')], /a path with \.\./],
    ['a way up in the middle', [file('app/../../data.json')], /a path with \.\./],
    ['the same file twice', [file('data.json'), file('/data.json')], /data\.json twice/],
    [
      'too many entries',
      Array.from({ length: 10_001 }, (_, index) => file(`f${index}`, '')),
      /more than 10000 entries/,
    ],
  ])('refuses %s', async (_what, entries, message) => {
    await expect(unpackBundle(await packed(...entries), 'b')).rejects.toMatchObject({
      problem: { code: 'bundle-limits', message: expect.stringMatching(message), hint: expect.any(String) },
    });
  });

  it('refuses what unpacks to more than the limit, without unpacking it', async () => {
    const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024));
    await expect(unpackBundle(bomb, 'b', 1024 * 1024)).rejects.toMatchObject({ problem: { code: 'bundle-limits' } });
  });

  it.each<[string, () => Promise<Uint8Array>]>([
    ['no gzip', async () => Buffer.from('not a bundle')],
    ['a cut gzip', async () => (await packed(file('policy.wasm', 'x'.repeat(5000)))).subarray(0, 40)],
    ['no tar', async () => gzipSync('x'.repeat(3000))],
    ['a cut tar', async () => gzipSync((await packTar([file('policy.wasm', 'x'.repeat(5000))])).subarray(0, 1500))],
  ])('refuses %s', async (_what, bytes) => {
    await expect(unpackBundle(await bytes(), 'b')).rejects.toMatchObject({
      problem: { code: 'bundle-broken', hint: expect.any(String) },
    });
  });
});
