import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/free-port.ts';
import { type Running, start } from '../peers/process.ts';
import { until } from '../peers/until.ts';
import { writeFiles } from '../support/temp-folder.ts';
import type { Status } from '../../src/sync/view.ts';
import { ask, type Asked, closeIdle } from './ask.ts';
import type { Alive } from './probe.ts';
import { socketsOf } from '../support/sockets-of.ts';

const sources = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const probe = new URL('probe.ts', import.meta.url).href;

/** In every secret, so that one search finds any of them. */
export const tokenCanary = 'canary-token';
export const secrets = {
  OPAL_TOKEN: `${tokenCanary}-opal`,
  OPA_TOKEN: `${tokenCanary}-opa`,
  TARGET_TOKEN: `${tokenCanary}-target`,
  CALLBACK_SECRET: `${tokenCanary}-callback`,
  ADMIN_TOKEN: `${tokenCanary}-admin`,
};

/** What is alive in the program while it has nothing to do. */
export interface Standing extends Alive {
  /** Open ones. Linux only. */
  readonly sockets: number;
  readonly timers: number;
}

export interface Program {
  readonly folder: string;
  readonly pid: number;
  readonly alive: () => boolean;
  get(path: string): Promise<Asked>;
  status(): Promise<Status>;
  admin(path: string, body?: object): Promise<number>;
  /** A callback with a bearer that is nobody's. */
  forged(): Promise<Asked>;
  /** Puts a file of the flags folder there, or takes it away. */
  flag(key: string, text: string | undefined): void;
  kill(): Promise<void>;
  /** SIGTERM: its exit code, and how long it took (ms). */
  stop(): Promise<{ readonly code: number | null; readonly ms: number }>;
  startAgain(): Promise<void>;
  standing(): Promise<Standing>;
  /** All it ever wrote to stdout and stderr. */
  said(): string;
  /** Every byte of the state folder. */
  kept(): string;
}

/** Starts `optoggles run` in a folder; `main` is another build of it. `files` may need its port. */
export async function startProgram(
  folder: string,
  files: (port: number) => Readonly<Record<string, string>>,
  main = sources,
): Promise<Program> {
  const port = await freePort();
  writeFiles(folder, files(port));
  const url = `http://127.0.0.1:${port}`;
  const report = join(folder, 'alive.json');
  const logs: string[] = [];
  const get = (path: string) => ask(`${url}${path}`);
  const go = async (): Promise<Running> => {
    const running = await start({
      name: 'campaign-optoggles',
      command: process.execPath,
      args: ['--expose-gc', '--import', probe, main, 'run'],
      cwd: folder,
      env: { ...secrets, OPTOGGLES_LOG_LEVEL: 'debug', OPTOGGLES_PROBE: report },
      ready: async () => (await get('/readyz')).status === 200,
      patienceMs: 26_000,
    });
    logs.push(running.logFile);
    return running;
  };
  let running = await go();
  return {
    folder,
    get pid() {
      return running.pid;
    },
    alive: () => running.alive(),
    get,
    status: async () => JSON.parse((await get('/api/status')).text) as Status,
    async admin(path, body) {
      const headers = { authorization: `Bearer ${secrets.ADMIN_TOKEN}` };
      return (await ask(`${url}${path}`, 'POST', headers, JSON.stringify(body ?? {}))).status;
    },
    forged: () => ask(`${url}/opa_update`, 'POST', { authorization: 'Bearer bm9ib2R5' }, '{}'),
    flag(key, text) {
      const file = join(folder, 'flags', `${key}.yaml`);
      if (text === undefined) rmSync(file, { force: true });
      else writeFileSync(file, text);
    },
    kill: () => running.kill(),
    async stop() {
      const began = performance.now();
      await running.stop();
      return { code: running.code(), ms: performance.now() - began };
    },
    async startAgain() {
      running = await go();
    },
    async standing() {
      closeIdle();
      rmSync(report, { force: true });
      process.kill(running.pid, 'SIGUSR2');
      const alive = await until('the probe has answered', () => readIfThere(report));
      const found = JSON.parse(alive) as Alive;
      return { ...found, timers: found.resources['Timeout'] ?? 0, sockets: socketsOf(running.pid) };
    },
    said: () => logs.map(file => readFileSync(file, 'utf8')).join('\n'),
    kept() {
      const state = join(folder, '.optoggles');
      return readdirSync(state)
        .map(name => readFileSync(join(state, name), 'latin1'))
        .join('\n');
    },
  };
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
