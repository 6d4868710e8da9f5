import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { type Problem, ProblemError } from '../../domain/problem.ts';

/** behaviour.md §8. */
export const unpackedLimit = 256 * 1024 * 1024;
const mostEntries = 10_000;

const inflate = promisify(gunzip);
const rebuild = 'Build it again with opa build -t wasm.';

/**
 * The files of a bundle that matter (`policy.wasm`, `.manifest` and every `data.json`), by their path in it without a
 * leading `/`, which is how OPA writes them. Nothing is ever written to disk. `file` is the bundle's name in messages.
 * Throws a ProblemError for what is no gzipped tar archive and for what exceeds the limits.
 */
export async function unpackBundle(
  packed: Uint8Array,
  file: string,
  limit = unpackedLimit,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const tar = await unzip(packed, file, limit);
  let entries = 0;
  const names = new Set<string>();
  const found = await unpackTar(tar, {
    strict: true,
    filter: header => {
      entries++;
      if (entries > mostEntries) throw refused(file, `has more than ${mostEntries} entries`);
      if (header.type === 'directory') return false;
      if (header.type !== undefined && header.type !== 'file') throw refused(file, `holds a ${header.type}`);
      const name = plainName(header.name);
      if (name === undefined) throw refused(file, 'holds a path with ..');
      if (!matters(name)) return false;
      if (names.has(name)) throw refused(file, `holds ${name} twice`);
      names.add(name);
      return true;
    },
  }).catch((error: unknown) => {
    if (error instanceof ProblemError) throw error;
    throw new ProblemError(broken(file, 'is no tar archive, or ends in the middle'), { cause: error });
  });
  return new Map(found.map(({ header, data }) => [plainName(header.name) as string, data ?? new Uint8Array()]));
}

async function unzip(packed: Uint8Array, file: string, limit: number): Promise<Uint8Array> {
  try {
    return await inflate(packed, { maxOutputLength: limit });
  } catch (error) {
    if (error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw refused(file, `is larger than ${limit} bytes when unpacked`);
    }
    throw new ProblemError(broken(file, 'is no gzip file, or ends in the middle'), { cause: error });
  }
}

function matters(name: string): boolean {
  const base = name.slice(name.lastIndexOf('/') + 1);
  return (
    base === 'data.json' ||
    base === 'data.yaml' ||
    base === 'data.yml' ||
    base.endsWith('.wasm') ||
    name === '.manifest'
  );
}

function plainName(name: string): string | undefined {
  const parts = name.split(/[/\\]/).filter(part => part !== '' && part !== '.');
  return parts.includes('..') ? undefined : parts.join('/');
}

function refused(file: string, what: string): ProblemError {
  return new ProblemError({
    code: 'bundle-limits',
    message: `The bundle ${file} ${what}.`,
    hint: 'A bundle holds plain files below one folder; build it with opa build -t wasm.',
  });
}

function broken(file: string, what: string): Problem {
  return { code: 'bundle-broken', message: `The bundle ${file} ${what}.`, hint: rebuild };
}
