import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomUUID } from 'node:crypto';
import { listenOn } from './loopback-server.ts';

/**
 * An OPA over loopback, as strict as the real one. Compared by hand with OPA 1.22: status, content type and body of
 * undefined, sets, failing rules with and without strict errors, packages with and without one, POST with and without
 * input, percent-encoded segments, `/v1/config`, unknown paths, a refused token, redirects of `..` and `//`.
 */
export interface FakeOpa {
  readonly url: string;
  readonly port: number;
  /** What was asked, `GET /v1/data/app/rbac/us_users`, without the query. */
  readonly requests: string[];
  /** How often a path that contains this was asked. */
  count(part: string): number;
  /** Sets the document at a path, `app/rbac/us_users`; `undefined` takes it away. */
  set(path: string, value: unknown): void;
  /** The rule is computed of its input at each request. */
  setRule(path: string, rule: (input: unknown) => unknown): void;
  /** A builtin fails there: 500 where errors are strict, else undefined. */
  fail(path: string): void;
  /** What OPAL keeps in it. `undefined`: OPAL does not. */
  systemOpal(document: unknown): void;
  /** Starts again on the same port: empty, with another `labels.id`. */
  restart(): void;
  /** Sets `labels.id`. */
  identify(id: string): void;
  readonly options: FakeOpaOptions;
  /** Nobody listens until `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface FakeOpaOptions {
  /** Only with this bearer. */
  token?: string | undefined;
  /** With decision logs on, each answer begins with a fresh id. */
  decisionId?: boolean;
  warning?: boolean;
  /** `/v1/config` is refused, as by a system.authz policy. */
  configRefused?: boolean;
  /** Each answer of `/v1/data` waits for this. */
  hold?: ((path: string) => Promise<void> | undefined) | undefined;
  /** Answers of `/v1/data` are replaced by this. */
  answer?: ((path: string, response: ServerResponse) => boolean) | undefined;
}

const failing = Symbol('failing');
type Rule = (input: unknown) => unknown;

/** Starts one on a free port of 127.0.0.1, or of `host`. */
export async function startFakeOpa(options: FakeOpaOptions = {}, host = '127.0.0.1'): Promise<FakeOpa> {
  let documents = new Map<string, unknown>();
  let id: string = randomUUID();
  let decisions = 0;
  const requests: string[] = [];

  function handle(request: IncomingMessage, body: string, response: ServerResponse): void {
    const url = new URL(`http://opa${(request.url ?? '').replace(/%2e/gi, '%252E')}`);
    const segments = url.pathname
      .split('/')
      .slice(1)
      .map(segment => decodeURIComponent(segment.replaceAll('%252E', '.')));
    requests.push(`${request.method} ${decodeURIComponent(url.pathname)}`);
    if (options.token !== undefined && request.headers.authorization !== `Bearer ${options.token}`)
      return refuse(response);
    if (url.pathname === '/v1/config' && request.method === 'GET') {
      if (options.configRefused) return refuse(response);
      const labels = { id, version: '1.22.0' };
      return send(response, 200, { result: { default_decision: '/system/main', labels } });
    }
    if (url.pathname === '/health') return send(response, 200, {});
    if (segments[0] !== 'v1' || segments[1] !== 'data') {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'POST') {
      response.writeHead(405).end();
      return;
    }
    if (url.pathname.includes('//')) {
      response.writeHead(307, { location: url.pathname.replaceAll('//', '/') }).end();
      return;
    }
    const path = segments.slice(2).join('/');
    const answer = () => {
      if (options.answer?.(path, response)) return;
      data(path, url.searchParams.get('strict-builtin-errors') === 'true', body, response);
    };
    const held = options.hold?.(path);
    if (held) void held.then(answer);
    else answer();
  }

  function data(path: string, strict: boolean, body: string, response: ServerResponse): void {
    const input = body === '' ? undefined : (JSON.parse(body) as { input?: unknown }).input;
    const value = evaluate(path, input);
    if (value === failing || (typeof value === 'object' && hides(value))) {
      if (strict) return send(response, 500, builtinError);
    }
    decisions++;
    send(response, 200, {
      ...(options.decisionId && { decision_id: `decision-${decisions}` }),
      ...(value !== failing && value !== undefined && { result: plain(value) }),
      ...(options.warning && {
        warning: { code: 'api_usage_warning', message: "'input' key missing from the request" },
      }),
    });
  }

  /** The document at a path: what was set there, within something above, or put together of what is below. */
  function evaluate(path: string, input: unknown): unknown {
    if (documents.has(path)) {
      const value = documents.get(path);
      return typeof value === 'function' ? (value as Rule)(input) : value;
    }
    const parts = path.split('/');
    for (let cut = parts.length - 1; cut > 0; cut--) {
      const above = parts.slice(0, cut).join('/');
      if (!documents.has(above)) continue;
      return parts.slice(cut).reduce<unknown>((value, key) => {
        return value !== null && typeof value === 'object' && Object.hasOwn(value, key)
          ? (value as Record<string, unknown>)[key]
          : undefined;
      }, documents.get(above));
    }
    const below: Record<string, unknown> = {};
    for (const known of documents.keys()) {
      if (!known.startsWith(`${path}/`)) continue;
      const key = known.slice(path.length + 1).split('/')[0] as string;
      const value = evaluate(`${path}/${key}`, input);
      if (value !== undefined) Object.defineProperty(below, key, { value, enumerable: true });
    }
    return Object.keys(below).length > 0 ? below : undefined;
  }

  const { url, port, start, stop, dropConnections } = await listenOn(host, handle);
  return {
    url,
    port,
    requests,
    count: part => requests.filter(request => request.includes(part)).length,
    set: (path, value) => (value === undefined ? documents.delete(path) : documents.set(path, value)),
    setRule: (path, rule) => documents.set(path, rule),
    fail: path => documents.set(path, failing),
    systemOpal: document =>
      document === undefined ? documents.delete('system/opal') : documents.set('system/opal', document),
    restart() {
      documents = new Map();
      id = randomUUID();
      dropConnections();
    },
    identify(given) {
      id = given;
    },
    options,
    stop,
    start,
    close: stop,
  };
}

function hides(value: unknown): boolean {
  if (value === failing) return true;
  return value !== null && typeof value === 'object' && !Array.isArray(value) && Object.values(value).some(hides);
}

function plain(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== failing)
      .map(([key, member]) => [key, plain(member)]),
  );
}

// The real message quotes data, as this one does.
const builtinError = {
  code: 'internal_error',
  message: 'error(s) occurred while evaluating query',
  errors: [
    {
      code: 'eval_builtin_error',
      message: 'to_number: strconv.ParseFloat: parsing "canary-member": invalid syntax',
      location: { file: 'policy/rbac.rego', row: 3, col: 24 },
    },
  ],
};

function refuse(response: ServerResponse): void {
  send(response, 401, { code: 'unauthorized', message: 'request rejected by administrative policy' });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
