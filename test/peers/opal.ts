import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peers } from './install.ts';
import { freePort } from '../support/free-port.ts';
import { answers, type Running, start } from './process.ts';

/** Keys and tokens of OPAL's secure mode. */
export interface OpalSecurity {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly master: string;
}

export function createOpalSecurity(): OpalSecurity {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { privateKey, publicKey, master: randomBytes(24).toString('hex') };
}

export interface DataEntry {
  readonly url: string;
  readonly dst_path: string;
  readonly save_method?: 'PUT' | 'PATCH';
  readonly data?: unknown;
}

export interface OpalServer {
  readonly url: string;
  readonly process: () => Running;
  /** A token of that kind; only in secure mode. */
  token(type: 'client' | 'listener' | 'datasource'): Promise<string>;
  /** Publishes a data update to every client. An entry with `data` needs no url. Resolves to the update's id. */
  publish(entries: readonly DataEntry[]): Promise<string>;
  stop(): Promise<void>;
}

const TOPIC = 'policy_data';
let updates = 0;

/** A real OPAL server that follows a policy repository (asked every second) and hands out `data` as base data. */
export async function startOpalServer(options: {
  readonly policy: string;
  readonly data: readonly DataEntry[];
  readonly security?: OpalSecurity;
}): Promise<OpalServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const home = await mkdtemp(join(tmpdir(), 'optoggles-opal-server-'));
  const { security } = options;
  const token = async (type: string) => {
    const authorization = `Bearer ${security?.master ?? ''}`;
    const answer = await post(`${url}/token`, { type, ttl: 3600 }, { authorization });
    return (answer as { token: string }).token;
  };
  const running = await start({
    name: 'opal-server',
    command: peers.opalServer,
    args: ['run'],
    cwd: home,
    ready: () => answers(`${url}/healthcheck`),
    env: {
      OPAL_SERVER_HOST: '127.0.0.1',
      OPAL_SERVER_BIND_PORT: String(port),
      OPAL_SERVER_WORKER_COUNT: '1',
      OPAL_POLICY_REPO_URL: options.policy,
      OPAL_POLICY_REPO_MAIN_BRANCH: 'main',
      OPAL_POLICY_REPO_CLONE_PATH: join(home, 'clone'),
      OPAL_POLICY_REPO_POLLING_INTERVAL: '1',
      OPAL_LEADER_LOCK_FILE_PATH: join(home, 'leader.lock'),
      OPAL_DATA_CONFIG_SOURCES: JSON.stringify({
        config: { entries: options.data.map(entry => ({ topics: [TOPIC], ...entry })) },
      }),
      ...(security && {
        OPAL_AUTH_PRIVATE_KEY: security.privateKey.replaceAll('\n', '_'),
        OPAL_AUTH_PUBLIC_KEY: security.publicKey.replaceAll('\n', '_'),
        OPAL_AUTH_PUBLIC_KEY_FORMAT: 'pem',
        OPAL_AUTH_MASTER_TOKEN: security.master,
      }),
    },
  });
  return {
    url,
    process: () => running,
    token,
    async publish(entries) {
      updates += 1;
      const id = `update-${process.pid}-${updates}`;
      const headers = security ? { authorization: `Bearer ${await token('datasource')}` } : {};
      const body = { id, reason: 'test', entries: entries.map(entry => ({ topics: [TOPIC], ...entry })) };
      await post(`${url}/data/config`, body, headers);
      return id;
    },
    stop: () => running.stop(),
  };
}

export interface OpalClient {
  readonly url: string;
  /** Of the OPA it feeds, inline or outside. */
  readonly opaUrl: string;
  readonly process: () => Running;
  stop(): Promise<void>;
  /** Starts it again on the same ports: it has forgotten its callbacks, and an inline OPA its data. */
  startAgain(): Promise<void>;
}

/** A real OPAL client with an OPA of its own (`opa` absent) or beside an OPA that runs already (`opa`: its url). */
export async function startOpalClient(options: {
  readonly server: OpalServer;
  readonly opa?: string;
  readonly security?: OpalSecurity;
  readonly port?: number;
  /** Default true; false is OPAL's own default, with which no callback ever comes. */
  readonly reports?: boolean;
}): Promise<OpalClient> {
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const inline = `127.0.0.1:${await freePort()}`;
  const opaUrl = options.opa ?? `http://${inline}`;
  const home = await mkdtemp(join(tmpdir(), 'optoggles-opal-client-'));
  const { security } = options;
  const env = {
    OPAL_SERVER_URL: options.server.url,
    OPAL_CLIENT_API_SERVER_HOST: '127.0.0.1',
    OPAL_CLIENT_API_SERVER_PORT: String(port),
    OPAL_POLICY_STORE_URL: opaUrl,
    OPAL_INLINE_OPA_ENABLED: String(options.opa === undefined),
    OPAL_INLINE_OPA_EXEC_PATH: peers.opa,
    OPAL_INLINE_OPA_CONFIG: JSON.stringify({ addr: inline }),
    OPAL_INLINE_OPA_LOG_FORMAT: 'http',
    OPAL_SHOULD_REPORT_ON_DATA_UPDATES: String(options.reports ?? true),
    OPAL_OPA_HEALTH_CHECK_POLICY_ENABLED: 'true',
    ...(security && {
      OPAL_AUTH_PUBLIC_KEY: security.publicKey.replaceAll('\n', '_'),
      OPAL_AUTH_PUBLIC_KEY_FORMAT: 'pem',
      OPAL_CLIENT_TOKEN: await options.server.token('client'),
    }),
  };
  const go = () =>
    start({
      name: 'opal-client',
      command: peers.opalClient,
      args: ['run'],
      cwd: home,
      env,
      ready: () => answers(`${url}/ready`),
    });
  let running = await go();
  return {
    url,
    opaUrl,
    process: () => running,
    stop: () => running.stop(),
    async startAgain() {
      running = await go();
    },
  };
}

async function post(url: string, body: unknown, headers: Record<string, string>): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${url} was answered with ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
