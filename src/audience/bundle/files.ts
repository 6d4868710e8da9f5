import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Problem, ProblemError } from '../../domain/problem.ts';
import { realPathInside } from '../../lib/inside.ts';
import { JsonTextError, parseJsonText } from '../../lib/json-text.ts';
import { unpackBundle, unpackedLimit } from './unpack.ts';

/** What was read: the SHA-256 (hex) of the content, and what the file system showed of the files. */
export interface Mark {
  readonly hash: string;
  /** Empty where the files changed so shortly before they were read that equal marks would prove nothing. */
  readonly marks: string;
}

/** `files` by their name in the bundle's folder, or one unnamed file; undefined: unchanged, not read again. */
export interface Snapshot extends Mark {
  readonly files: ReadonlyMap<string, Uint8Array> | undefined;
}

const folderFiles = ['policy.wasm', 'data.json', '.manifest'];
// Two changes within one tick of a file system's clock look alike, so a file that changed just now is read again.
const settledAfterMs = 2000;

/**
 * Reads a file, or those files of a bundle's folder that matter, unless they are surely those of `before`.
 * `what` begins the sentence when it cannot be read. Throws a ProblemError.
 */
export async function readSnapshot(
  folder: string,
  where: { readonly path: string; readonly name: string },
  what: string,
  before: Mark | undefined,
): Promise<Snapshot> {
  try {
    const real = await realPathInside(folder, where.path);
    if (real === undefined) throw new ProblemError(outside(what, where.name));
    const isFolder = (await stat(real)).isDirectory();
    const names = isFolder ? folderFiles : [''];
    const paths: [string, string][] = [];
    const marks: string[] = [];
    let newest = 0;
    let total = 0;
    for (const name of names) {
      const path = name === '' ? real : await realPathInside(folder, join(where.path, name));
      if (path === undefined) throw new ProblemError(outside(what, `${where.name}/${name}`));
      const found = await stat(path, { bigint: true }).catch(ifThere);
      if (found === undefined) continue;
      if (!found.isFile()) throw new ProblemError(noFile(what, where.name));
      total += Number(found.size);
      newest = Math.max(newest, Number(found.ctimeMs), Number(found.mtimeMs));
      marks.push([name, found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' '));
      paths.push([name, path]);
    }
    if (total > unpackedLimit) throw new ProblemError(tooLarge(what, where.name, total));
    // The file system stamps with the machine's clock, so that is what its times are compared with.
    const settled = Date.now() - newest > settledAfterMs;
    const mark = marks.join('\n');
    if (before !== undefined && before.marks === mark) return { ...before, files: undefined };
    const hash = createHash('sha256');
    const files = new Map<string, Uint8Array>();
    for (const [name, path] of paths) {
      const bytes = await readFile(path);
      hash.update(`${name}\n${bytes.length}\n`).update(bytes);
      files.set(name, bytes);
    }
    return { hash: hash.digest('hex'), files, marks: settled ? mark : '' };
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    throw new ProblemError(unreadable(what, where.name, error), { cause: error });
  }
}

function ifThere(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

/** What a bundle holds: its module, its data and the revision its author gave it. */
export interface Bundle {
  readonly wasm: Uint8Array;
  readonly revision: string;
  /** The JSON text where there is a single document, else the documents put together. Undefined: none. */
  readonly data: Document | undefined;
}

/** A JSON object, as text and parsed. */
export interface Document {
  readonly bytes: Uint8Array;
  readonly value: Readonly<Record<string, unknown>>;
}

/** Makes sense of a bundle's bytes. `name` is its name in messages. Throws a ProblemError. */
export async function openBundle(snapshot: Snapshot, name: string): Promise<Bundle> {
  const read = snapshot.files ?? new Map<string, Uint8Array>();
  const packed = read.get('');
  const files = packed === undefined ? read : await unpackBundle(packed, name);
  const wasm = files.get('policy.wasm');
  if (wasm === undefined) {
    throw new ProblemError({
      code: 'bundle-without-wasm',
      message: `The bundle ${name} holds no policy.wasm.`,
      hint: 'Build it with opa build -t wasm and name an entrypoint with -e, for example -e app/rbac.',
    });
  }
  const yaml = [...files.keys()].find(file => /(^|\/)data\.ya?ml$/.test(file));
  if (yaml !== undefined) {
    throw new ProblemError({
      code: 'bundle-yaml-data',
      message: `The bundle ${name} holds ${yaml}, which is not read.`,
      hint: 'Build it with opa build, which writes data as JSON.',
    });
  }
  const revision = manifestRevision(files.get('.manifest'), `${name}/.manifest`);
  const short = createHash('sha256').update(wasm).digest('hex').slice(0, 12);
  return { wasm, revision: revision === '' ? short : revision, data: bundleData(files, name) };
}

function manifestRevision(bytes: Uint8Array | undefined, file: string): string {
  if (bytes === undefined) return '';
  const { revision } = readDocument(bytes, file).value;
  return typeof revision === 'string' ? revision : '';
}

function bundleData(files: ReadonlyMap<string, Uint8Array>, name: string): Document | undefined {
  const found = [...files].filter(([file]) => /(^|\/)data\.json$/.test(file)).sort(([a], [b]) => a.length - b.length);
  const documents = found.map(([file, bytes]) => [file, readDocument(bytes, `${name}/${file}`)] as const);
  const [only] = documents;
  if (documents.length === 1 && only?.[0] === 'data.json') return only[1];
  // A `data.json` deeper in the bundle is the document at that path: `app/data.json` is data.app.
  return documents.reduce<Document | undefined>((whole, [file, document]) => {
    const path = file.split('/').slice(0, -1);
    const placed = path.reduceRight<Readonly<Record<string, unknown>>>(
      (inner, key) => ({ [key]: inner }),
      document.value,
    );
    return asDocument(whole === undefined ? placed : merged(whole.value, placed));
  }, undefined);
}

function merged(one: Readonly<Record<string, unknown>>, other: Readonly<Record<string, unknown>>) {
  const both: Record<string, unknown> = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const there = Object.hasOwn(both, key) ? both[key] : undefined;
    both[key] = isObject(there) && isObject(value) ? merged(there, value) : value;
  }
  return both;
}

/**
 * The data the policy sees: each top-level key of the data file replaces the bundle's key of that name as a whole, so
 * that whoever is taken out of the file is out, whatever the bundle was built with.
 */
export function withDataFile(bundle: Document | undefined, file: Document | undefined): Document | undefined {
  if (
    bundle === undefined ||
    Object.keys(bundle.value).every(key => file !== undefined && Object.hasOwn(file.value, key))
  ) {
    return file;
  }
  return file === undefined ? bundle : asDocument({ ...bundle.value, ...file.value });
}

function asDocument(value: Readonly<Record<string, unknown>>): Document {
  return { value, bytes: Buffer.from(JSON.stringify(value)) };
}

/** A JSON object in a file. Throws a ProblemError with file, line and column; nothing of the file is quoted. */
export function readDocument(bytes: Uint8Array, file: string): Document {
  if (!isUtf8(bytes)) {
    throw new ProblemError({ ...badJson(`${file} is not UTF-8 text.`), at: { file, line: 1, column: 1 } });
  }
  let value: unknown;
  try {
    value = parseJsonText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    throw new ProblemError(
      { ...badJson(`${error.message}.`), at: { file, line: error.line, column: error.column } },
      { cause: error },
    );
  }
  if (isObject(value)) return { bytes, value };
  throw new ProblemError({ ...badJson(`${file} is no JSON object.`), at: { file, line: 1, column: 1 } });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function badJson(message: string): Problem {
  return { code: 'data-not-json', message, hint: 'Correct the file; until then everything stays as it was.' };
}

function outside(what: string, name: string): Problem {
  return {
    code: 'path-outside',
    message: `${what} ${name} leads out of the configuration's folder.`,
    hint: 'Put it below the folder of the configuration.',
  };
}

function noFile(what: string, name: string): Problem {
  return { code: 'not-a-file', message: `${what} ${name} is no regular file.`, hint: 'Put a plain file there.' };
}

function tooLarge(what: string, name: string, size: number): Problem {
  return {
    code: 'bundle-limits',
    message: `${what} ${name} has ${size} bytes, more than the ${unpackedLimit} that are read.`,
    hint: 'Keep in it only what the policy needs.',
  };
}

function unreadable(what: string, name: string, error: unknown): Problem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return {
    code: 'bundle-unreadable',
    message: `${what} ${name} cannot be read: ${code === 'ENOENT' ? 'there is no such file' : code}.`,
    hint: 'Check the path (it is relative to the configuration) and the permissions.',
  };
}
