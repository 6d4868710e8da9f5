import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { packTar, type TarEntry } from 'modern-tar';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bundleSource } from '../../src/audience/bundle/index.ts';
import { strictWasm } from '../../src/audience/bundle/strict-wasm.ts';
import { unpackBundle } from '../../src/audience/bundle/unpack.ts';
import type { Source } from '../../src/domain/audience.ts';
import { ask, resolveAll, saidBy, sourceContext } from '../support/source-context.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { expectForPeople } from './expect-problem.ts';
import { mutatedBytes, nested } from './mutate.ts';

const examples = join(import.meta.dirname, '../../examples/policy');
const packed = readFileSync(join(examples, 'bundle.tar.gz'));
const tar = gunzipSync(packed);
const wasm = (await unpackBundle(packed, 'b')).get('policy.wasm') ?? new Uint8Array();

function file(name: string, body: Uint8Array | string): TarEntry {
  const bytes = Buffer.from(body);
  return { header: { name, size: bytes.length, type: 'file' }, body: bytes };
}

/** The files, or a problem for people; never a file beyond the bundle's folder. */
async function unpack(bytes: Uint8Array): Promise<'files' | 'refused'> {
  try {
    const files = await unpackBundle(bytes, 'bundle.tar.gz');
    for (const name of files.keys()) {
      expect(name.startsWith('/')).toBe(false);
      expect(name.split('/')).not.toContain('..');
    }
    return 'files';
  } catch (error) {
    expectForPeople(error);
    return 'refused';
  }
}

function source(folder: string, limits: object): Source {
  const made = bundleSource.create({ path: 'bundle.tar.gz', limits }, sourceContext({ folder }));
  onTestFinished(() => made.close(AbortSignal.timeout(5_000)));
  return made;
}

async function bundleOf(...entries: readonly TarEntry[]): Promise<string> {
  const folder = tempFolder();
  writeFileSync(join(folder, 'bundle.tar.gz'), gzipSync(await packTar(entries), { level: 1 }));
  return folder;
}

/** What comes of a bundle that is loaded and asked. */
async function told(folder: string, limits: object): Promise<unknown> {
  try {
    const [item] = await resolveAll(source(folder, limits), [ask('app.rbac.us_users')]);
    return item === undefined ? 'nothing' : saidBy(item);
  } catch (error) {
    expectForPeople(error);
    return 'refused';
  }
}

// A module of one function that calls itself in a circle, run as soon as it is instantiated, with a function name so that
// it passes for one of OPA's: (module (func $f (loop (br 0))) (start 0)).
const endless = Buffer.concat([
  Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
  Buffer.from([1, 4, 1, 0x60, 0, 0]),
  Buffer.from([3, 2, 1, 0]),
  Buffer.from([8, 1, 0]),
  Buffer.from([10, 9, 1, 7, 0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b]),
  Buffer.from([0, 11, 4, 0x6e, 0x61, 0x6d, 0x65, 1, 4, 1, 0, 1, 0x66]),
]);

describe('a bundle that somebody made', () => {
  it('is the example that the others are made of', async () => {
    expect(await unpack(packed)).toBe('files');
    expect(await unpack(gzipSync(tar))).toBe('files');
  });

  it('is unpacked as a whole or refused', async () => {
    const gzip = mutatedBytes(packed);
    const inner = mutatedBytes(tar.subarray(0, 8192), 4).map(bytes => gzipSync(bytes, { level: 1 }));
    await fc.assert(
      fc.asyncProperty(fc.oneof(gzip, inner), async bytes => void (await unpack(bytes))),
      {
        numRuns: 150,
      },
    );
  });

  it('of gigabytes of zeros is refused before it is unpacked', async () => {
    const megabyte = Buffer.alloc(1024 * 1024);
    const zeros = Buffer.concat(Array.from({ length: 300 }, () => gzipSync(megabyte)));
    const before = process.memoryUsage().rss;
    expect(zeros.length).toBeLessThan(1_000_000);
    expect(await unpack(zeros)).toBe('refused');
    expect(process.memoryUsage().rss - before).toBeLessThan(700e6);
  });

  it.each<[string, readonly TarEntry[]]>([
    ['a way up', [file('../policy.wasm', 'x')]],
    ['a way up with the slash of Windows', [file('..\\..\\policy.wasm', 'x')]],
    [
      'a link to a file of the host',
      [{ header: { name: 'policy.wasm', size: 0, type: 'symlink', linkname: '/etc/passwd' } }],
    ],
    ['a hard link', [{ header: { name: 'policy.wasm', size: 0, type: 'link', linkname: 'data.json' } }]],
    ['a pipe', [{ header: { name: 'policy.wasm', size: 0, type: 'fifo' } }]],
  ])('is refused for %s', async (_, entries) => {
    expect(await told(await bundleOf(...entries), { time: '5s' })).toBe('refused');
  });

  it.each<[string, readonly TarEntry[]]>([
    ['no wasm', [file('policy.wasm', 'no wasm')]],
    ['an empty module', [file('policy.wasm', endless.subarray(0, 8))]],
    ['data that nests without end', [file('policy.wasm', wasm), file('data.json', `{"a":${nested('[', ']')}}`)]],
    [
      'data with half a character',
      [file('policy.wasm', wasm), file('data.json', Buffer.from([0x7b, 0x22, 0xff, 0x22]))],
    ],
    ['a manifest that is none', [file('policy.wasm', wasm), file('.manifest', '[1')]],
  ])('with %s is refused', async (_, entries) => {
    expect(await told(await bundleOf(...entries), { time: '5s' })).toBe('refused');
  });

  it('whose wasm never ends is ended at its limit, and the next one is taken', async () => {
    const folder = await bundleOf(file('policy.wasm', endless));
    const local = source(folder, { time: '5s' });
    const error = await local.readiness(undefined, AbortSignal.timeout(15_000)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ problem: { code: 'policy-time' } });
    writeFileSync(join(folder, 'bundle.tar.gz'), packed);
    // A busy machine may need longer than the limit to start at all.
    const state = (): Promise<string> =>
      local.readiness(undefined, AbortSignal.timeout(15_000)).then(
        ({ readiness }) => readiness.state,
        () => 'not yet',
      );
    await expect.poll(state, { timeout: 25_000 }).toBe('ready');
  });

  it('with data of another program leaves no mark on this one', async () => {
    const data = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
    const entries = [file('policy.wasm', wasm), file('data.json', data), file('a/data.json', data)];
    await told(await bundleOf(...entries), { time: '5s' });
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('with a touched wasm is refused, fails, or says undefined or a list', async () => {
    for (const bytes of fc.sample(mutatedBytes(wasm, 3), { numRuns: 4, seed: 11 })) {
      const said = await told(await bundleOf(file('policy.wasm', bytes)), { time: '2s', memory: 256 });
      expect(said === 'refused' || said === 'failed' || said === 'undefined' || Array.isArray(said)).toBe(true);
    }
  });

  it('is changed for strictness only where it can be read', () => {
    fc.assert(
      fc.property(mutatedBytes(wasm.subarray(0, 4096), 4), bytes => {
        try {
          strictWasm(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 150 },
    );
    // Vectors that say they hold four billion things.
    for (const id of [1, 2, 3, 10]) {
      const head = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
      const named = Buffer.from([0, 11, 4, 0x6e, 0x61, 0x6d, 0x65, 1, 4, 1, 0, 1, 0x66]);
      const huge = Buffer.from([id, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]);
      expect(() => strictWasm(Buffer.concat([head, huge, named]))).toThrow(RangeError);
    }
  });
});
