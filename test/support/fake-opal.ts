import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpRequest } from 'node:http';
import { listenOn } from './loopback-server.ts';

/** An entry of `/callbacks`. */
export interface FakeCallback {
  key: string;
  url: string;
  config: {
    fetcher: null;
    headers: Record<string, string> | null;
    is_json: boolean;
    process_data: boolean;
    method: string;
    data: string | null;
  };
}

/**
 * An OPAL client over loopback, as strict as the real one. Compared by hand with opal-client 0.9: status and body of
 * every call here, what an entry looks like before and after a report, the refusal of a token (which it quotes), 422 on
 * an upper-case method, a key with a slash that cannot be fetched, triggers without a token, and a report's request.
 */
export interface FakeOpal {
  readonly url: string;
  readonly port: number;
  readonly requests: string[];
  count(part: string): number;
  readonly callbacks: Map<string, FakeCallback>;
  readonly options: FakeOpalOptions;
  /** What `GET /policy-store/config` answers. */
  policyStore: Record<string, unknown>;
  /** Reports a data update to every callback; resolves to the statuses answered. */
  fire(report?: unknown): Promise<number[]>;
  /** Forgets its callbacks, on the same port. */
  restart(): void;
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface FakeOpalOptions {
  /** Secure mode: only a bearer that is this one is a listener's. */
  token?: string | undefined;
  /** Called by a trigger, with `policy` or `data`. */
  onTrigger?: ((what: 'policy' | 'data') => void) | undefined;
  /** Answers everything with this status. */
  status?: number | undefined;
}

const methods = ['get', 'post', 'put', 'patch', 'head', 'delete'];

/** Starts one on a free port of 127.0.0.1, or of `host`. */
export async function startFakeOpal(options: FakeOpalOptions = {}, host = '127.0.0.1'): Promise<FakeOpal> {
  const callbacks = new Map<string, FakeCallback>();
  const requests: string[] = [];
  let updates = 0;

  function handle(request: IncomingMessage, body: string, response: ServerResponse): void {
    const path = new URL(`http://opal${request.url}`).pathname;
    requests.push(`${request.method} ${path}`);
    if (options.status !== undefined) return send(response, options.status, { detail: 'told to' });
    const trigger = /^\/(data|policy)-updater\/trigger$/.exec(path);
    if (trigger && request.method === 'POST') {
      options.onTrigger?.(trigger[1] as 'policy' | 'data');
      return send(response, 200, { status: 'ok' });
    }
    const isGuarded = path === '/policy-store/config' || path === '/callbacks' || /^\/callbacks\/[^/]+$/.test(path);
    if (!isGuarded) return send(response, 404, { detail: 'Not Found' });
    const refusal = refusalOf(request.headers.authorization);
    if (refusal) return send(response, 401, { detail: refusal });
    if (path === '/policy-store/config') return send(response, 200, fake.policyStore);
    if (path === '/callbacks' && request.method === 'GET') return send(response, 200, [...callbacks.values()]);
    if (path === '/callbacks' && request.method === 'POST') return register(body, response);
    // The path is decoded before it is routed, so a key with a slash is another route.
    const key = decodeURIComponent(path.slice('/callbacks/'.length));
    const entry = key.includes('/') ? undefined : callbacks.get(key);
    if (key.includes('/')) return send(response, 404, { detail: 'Not Found' });
    if (entry === undefined) return send(response, 404, { detail: 'no callback found with this key' });
    if (request.method === 'DELETE') {
      callbacks.delete(key);
      response.writeHead(204).end();
      return;
    }
    send(response, 200, entry);
  }

  function refusalOf(authorization: string | undefined): object | undefined {
    if (options.token === undefined || authorization === `Bearer ${options.token}`) return undefined;
    if (authorization === undefined) return { error: 'access token was not provided' };
    return { error: 'Could not decode access token', token: authorization.replace('Bearer ', '') };
  }

  function register(body: string, response: ServerResponse): void {
    const { key, url, config } = JSON.parse(body) as {
      key: string;
      url: string;
      config: Partial<FakeCallback['config']>;
    };
    if (config.method !== undefined && !methods.includes(config.method)) {
      const msg = "value is not a valid enumeration member; permitted: 'get', 'post', 'put', 'patch', 'head', 'delete'";
      return send(response, 422, { detail: [{ loc: ['body', 'config', 'method'], msg, type: 'type_error.enum' }] });
    }
    const entry: FakeCallback = {
      key,
      url,
      config: {
        fetcher: null,
        headers: config.headers ?? null,
        is_json: true,
        process_data: config.process_data ?? true,
        method: config.method ?? 'post',
        data: null,
      },
    };
    callbacks.set(key, entry);
    send(response, 200, entry);
  }

  const { url, port, start, stop, dropConnections } = await listenOn(host, handle);
  const fake: FakeOpal = {
    url,
    port,
    requests,
    count: part => requests.filter(request => request.includes(part)).length,
    callbacks,
    options,
    policyStore: { type: 'OPA', url: 'http://localhost:8181', auth_type: 'none' },
    fire(report) {
      updates++;
      const sent = report ?? { update_id: `update-${updates}`, reports: [], policy_hash: null, user_data: {} };
      return Promise.all([...callbacks.values()].map(callback => deliver(callback, JSON.stringify(sent))));
    },
    restart() {
      callbacks.clear();
      dropConnections();
    },
    stop,
    start,
    close: stop,
  };
  return fake;
}

/** What OPAL does with an update: it also keeps the report in the registration. */
function deliver(callback: FakeCallback, body: string): Promise<number> {
  callback.config.data = body;
  return new Promise(resolve => {
    const request = httpRequest(
      callback.url,
      { method: callback.config.method.toUpperCase(), headers: { ...callback.config.headers, accept: '*/*' } },
      response => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    request.on('error', () => resolve(0));
    request.end(body);
  });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
