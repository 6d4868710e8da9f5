import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peers } from './install.ts';
import { freePort } from '../support/free-port.ts';
import { answers, type Running, start } from './process.ts';

export interface Opa {
  readonly url: string;
  readonly port: number;
  readonly process: () => Running;
  /** `PUT /v1/policies/{id}`; throws with OPA's own message when the Rego does not compile. */
  putPolicy(id: string, rego: string): Promise<void>;
  /** `PUT /v1/data/{path}`; `path` without a leading slash, '' for the root. */
  putData(path: string, value: unknown): Promise<void>;
  /** `GET /v1/data/{path}?strict-builtin-errors=true`: the whole body. */
  getData(path: string): Promise<{ readonly result?: unknown; readonly [field: string]: unknown }>;
  stop(): Promise<void>;
  /** Starts it again on the same port: empty, with a new `labels.id`. */
  startAgain(): Promise<void>;
}

export interface OpaOptions {
  readonly port?: number;
  /** Files or folders to load at start. */
  readonly load?: readonly string[];
  readonly args?: readonly string[];
  readonly name?: string;
}

/** A real OPA server on the loopback. */
export async function startOpa({ port, load = [], args = [], name = 'opa' }: OpaOptions = {}): Promise<Opa> {
  const at = port ?? (await freePort());
  const url = `http://127.0.0.1:${at}`;
  const cwd = await mkdtemp(join(tmpdir(), 'optoggles-opa-'));
  const go = () =>
    start({
      name,
      command: peers.opa,
      args: [
        'run',
        '--server',
        '--addr',
        `127.0.0.1:${at}`,
        '--log-level',
        'error',
        '--disable-telemetry',
        ...args,
        ...load,
      ],
      cwd,
      ready: () => answers(`${url}/health`),
    });
  let running = await go();
  return {
    url,
    port: at,
    process: () => running,
    putPolicy: (id, rego) => put(`${url}/v1/policies/${encodeURIComponent(id)}`, 'text/plain', rego),
    putData: (path, value) => put(`${url}/v1/data/${path}`, 'application/json', JSON.stringify(value)),
    async getData(path) {
      const response = await fetch(`${url}/v1/data/${path}?strict-builtin-errors=true`);
      if (!response.ok) throw new Error(`OPA answered ${response.status}: ${await response.text()}`);
      const body: unknown = await response.json();
      return body as { result?: unknown };
    },
    stop: () => running.stop(),
    async startAgain() {
      running = await go();
    },
  };
}

async function put(url: string, type: string, body: string): Promise<void> {
  const response = await fetch(url, { method: 'PUT', headers: { 'content-type': type }, body });
  const text = await response.text();
  if (!response.ok) throw new Error(`OPA answered ${response.status}: ${text}`);
}
