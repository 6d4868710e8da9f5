import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { unpackBundle } from '../audience/bundle/unpack.ts';

export interface OpaOptions {
  /** Where `opa` is looked for. */
  readonly path: string | undefined;
  readonly signal: AbortSignal;
}

/** ms */
const patience = 60_000;

/** What `opa` said; undefined: it is not there. Throws what `execFile` throws when it fails. */
async function runOpa(args: readonly string[], cwd: string, options: OpaOptions): Promise<string | undefined> {
  const { path = '', signal } = options;
  try {
    const how = { cwd, signal, timeout: patience, env: { PATH: path }, maxBuffer: 1024 * 1024 };
    return (await promisify(execFile)('opa', args, how)).stdout;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** `1.22.0`; undefined: there is no `opa`. */
export async function opaVersion(folder: string, options: OpaOptions): Promise<string | undefined> {
  const said = await runOpa(['version'], folder, options);
  return said === undefined ? undefined : (/^Version: *(\S+)/m.exec(said)?.[1] ?? 'unknown');
}

/** The policies of a folder: its Rego files without those that hold tests. */
export async function regoFiles(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  // A name must not pass for an option.
  return names.filter(name => /^[^-].*(?<!_test)\.rego$/.test(name)).sort();
}

/** Builds these files (of `folder`) into a bundle at `out`. False: there is no `opa`. Throws what it said otherwise. */
export async function buildBundle(
  folder: string,
  files: readonly string[],
  entrypoints: readonly string[],
  out: string,
  options: OpaOptions,
): Promise<boolean> {
  const named = entrypoints.flatMap(entrypoint => ['-e', entrypoint]);
  return (await runOpa(['build', '-t', 'wasm', ...named, '-o', out, ...files], folder, options)) !== undefined;
}

/**
 * Whether the module of a packed bundle is what `opa` builds of these files (of `folder`), with the entrypoints that the
 * bundle names. OPA puts the files' names into the module as they were given, so it is tried from each of the folders in
 * `from`. Throws a ProblemError for what is no bundle, and what `opa` said where it cannot build.
 */
export async function isRebuilt(
  bundle: string,
  name: string,
  folder: string,
  files: readonly string[],
  from: readonly string[],
  options: OpaOptions,
): Promise<boolean> {
  const work = await mkdtemp(join(tmpdir(), 'optoggles-rebuild-'));
  try {
    const found = await unpackBundle(await readFile(bundle), name);
    const out = join(work, 'bundle.tar.gz');
    const one = found.get('policy.wasm');
    for (const start of new Set([folder, ...from])) {
      const places = files.map(file => relative(start, join(folder, file)));
      if (!(await buildBundle(start, places, entrypointsIn(found.get('.manifest')), out, options))) return true;
      const other = (await unpackBundle(await readFile(out), name)).get('policy.wasm');
      if (one !== undefined && other !== undefined && Buffer.compare(one, other) === 0) return true;
    }
    return false;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** `app/rbac/us_users`, in the order in which they were given to `opa build`. */
function entrypointsIn(manifest: Uint8Array | undefined): readonly string[] {
  try {
    const { wasm } = JSON.parse(Buffer.from(manifest ?? []).toString('utf8')) as { wasm?: unknown };
    const entries: readonly unknown[] = Array.isArray(wasm) ? wasm : [];
    const names = entries.map(entry => (entry as { entrypoint?: unknown } | null)?.entrypoint);
    return names.filter(name => typeof name === 'string').filter(name => !name.startsWith('-'));
  } catch {
    return [];
  }
}
