import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Status } from '../../src/sync/view.ts';
import { writeFiles } from '../support/temp-folder.ts';
import { freePort } from '../support/free-port.ts';
import { plainEnvironment, type Running, start } from './process.ts';
import type { Undo } from './stack.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface Optoggles {
  readonly folder: string;
  readonly url: string;
  readonly process: () => Running;
  /** GET of a path: its status. */
  get(path: string): Promise<number>;
  status(): Promise<Status>;
  /** The one row of a toggle. */
  toggle(key: string): Promise<Status['toggles'][number] | undefined>;
  sourceState(): Promise<string | undefined>;
  /** What it logged. */
  log(): Promise<string>;
  /** SIGTERM; resolves with the exit code and how long it took. */
  stop(): Promise<{ readonly code: number | null; readonly ms: number }>;
  kill(): Promise<void>;
  /** In the same folder, with the same configuration or another one. */
  startAgain(other?: { readonly config: string; readonly env: Readonly<Record<string, string>> }): Promise<void>;
}

/** A folder for one installation, gone at the end. */
export async function createFolder(undo: Undo): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'optoggles-peer-'));
  undo.later(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Starts `optoggles run` as a process of its own, on a free port that `files` may need to know. Resolves when it
 * listens; whether it reached anything is for the caller to wait for.
 */
export async function startOptoggles(
  undo: Undo,
  files: (port: number) => Readonly<Record<string, string>>,
  { config = 'optoggles.yaml' }: { config?: string } = {},
): Promise<Optoggles> {
  const port = await freePort();
  const folder = await createFolder(undo);
  writeFiles(folder, files(port));
  const url = `http://127.0.0.1:${port}`;
  const get = async (path: string) => {
    const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(5_000) });
    await response.arrayBuffer();
    return response.status;
  };
  const go = (file: string, env: Readonly<Record<string, string>>) =>
    start({
      name: 'optoggles',
      command: process.execPath,
      args: [MAIN, 'run', '--config', file],
      cwd: folder,
      env: { OPTOGGLES_LOG_LEVEL: 'debug', ...env },
      ready: async () => (await get('/readyz')) === 200,
      patienceMs: 30_000,
    });
  let running = await go(config, {});
  undo.later(() => running.kill());
  const status = async () => (await (await fetch(`${url}/api/status`)).json()) as Status;
  return {
    folder,
    url,
    process: () => running,
    get,
    status,
    toggle: async key => (await status()).toggles.find(toggle => toggle.key === key),
    sourceState: async () => (await status()).sources[0]?.state,
    log: () => readFile(running.logFile, 'utf8'),
    async stop() {
      const began = performance.now();
      await running.stop();
      return { code: running.code(), ms: performance.now() - began };
    },
    kill: () => running.kill(),
    async startAgain(other) {
      running = await go(other?.config ?? config, other?.env ?? {});
    },
  };
}

/** Runs a command to its end. */
export function runCommand(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, env: { ...plainEnvironment(), ...env }, timeout: 60_000 };
    const child = spawn(process.execPath, [MAIN, ...args], options);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', chunk => (stdout += String(chunk)));
    child.stderr.on('data', chunk => (stderr += String(chunk)));
    child.once('error', reject);
    child.once('close', code => resolve({ code, stdout, stderr }));
  });
}

export interface Wiring {
  readonly port: number;
  readonly opal: string;
  /** Without it OPAL is asked where its OPA is. */
  readonly opa?: string;
  readonly targets: Readonly<Record<string, { readonly url: string; readonly read?: boolean }>>;
  /** Further keys of the source. */
  readonly source?: Readonly<Record<string, unknown>>;
  readonly more?: Readonly<Record<string, unknown>>;
}

/** `optoggles.yaml` (JSON is YAML) of one OPAL source `example-opal`; only callbacks and the watch make it look soon. */
export function configText({ port, opal, opa, targets, source = {}, more = {} }: Wiring): string {
  const config = {
    version: 1,
    instance: 'peers',
    bind: `127.0.0.1:${port}`,
    sources: [
      {
        id: 'example-opal',
        type: 'opal',
        url: opal,
        advertisedAddress: `127.0.0.1:${port}`,
        ...(opa !== undefined && { opa: { url: opa } }),
        resync: '1h',
        watch: '1s',
        ...source,
      },
    ],
    targets: Object.entries(targets).map(([name, { url, read = false }]) => ({
      name,
      type: 'restapi',
      endpointUrl: url,
      environment: 'production',
      read,
    })),
    drift: { interval: '1h' },
    ...more,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Flag files, each following the rule of package app.rbac that `rules` names; `more` by key. */
export function flagFiles(
  rules: Readonly<Record<string, string>>,
  more: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(rules).map(([key, rule]) => {
      const flag = {
        key,
        name: `The feature ${key}`,
        owner: 'team-growth',
        type: 'permission',
        created: '2026-11-01',
        usersPolicy: { source: 'example-opal', package: 'app.rbac', rule },
        environments: { production: {} },
        ...more[key],
      };
      return [`flags/${key}.yaml`, `${JSON.stringify(flag, null, 2)}\n`];
    }),
  );
}
