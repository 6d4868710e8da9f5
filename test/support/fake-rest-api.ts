import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import {
  type Answer,
  type FakeRestApiOptions,
  isUsers,
  type RestRequest,
  type Stored,
  strictAnswer,
} from './rest-api-rules.ts';

export type { Stored } from './rest-api-rules.ts';

export type Method = 'GET' | 'POST' | 'PATCH';

/**
 * What the server does instead of answering as it should. `applied`: the write takes effect nevertheless.
 * `hold`: it answers as it should, but only once the promise resolves. `hang`: never. `half-answer`: a head that
 * promises more than comes.
 */
export type RestFault =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly applied?: boolean;
    }
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }
  | { readonly kind: 'hang' | 'reset' | 'half-answer'; readonly applied?: boolean };

export interface FaultScope {
  readonly key?: string;
  readonly method?: Method;
  /** How often; without it until lifted. */
  readonly times?: number;
}

export interface FakeRestApi {
  readonly port: number;
  /** The `endpointUrl`. */
  readonly url: string;
  readonly toggles: Map<string, Stored>;
  readonly requests: readonly RestRequest[];
  /** POST and PATCH, in order. */
  readonly writes: readonly RestRequest[];
  /** Sockets opened so far, and those open now. */
  readonly sockets: { readonly opened: number; readonly open: number };
  /** What an application is served: `missing` where its own default would apply. */
  serves(key: string, member: string): boolean | 'missing';
  /** Returns what lifts the fault. The oldest fault that fits is taken. */
  fault(fault: RestFault, scope?: FaultScope): () => void;
  /** Resolves as soon as it is true; looked at whenever something happened here. */
  waitFor(predicate: (api: FakeRestApi) => boolean): Promise<void>;
  close(): Promise<void>;
}

interface Standing {
  readonly fault: RestFault;
  readonly scope: FaultScope;
  left: number;
}

/** A flag platform on loopback that speaks OPToggles' wire and refuses what a careful one would refuse. */
export async function openFakeRestApi(options: FakeRestApiOptions = {}): Promise<FakeRestApi> {
  const toggles = new Map<string, Stored>();
  const requests: RestRequest[] = [];
  const faults = new Set<Standing>();
  const waiters = new Set<{ readonly predicate: (api: FakeRestApi) => boolean; readonly done: () => void }>();
  const open = new Set<net.Socket>();
  let opened = 0;

  const server = http.createServer((request, response) => {
    handle(request, response).catch(() => request.destroy());
  });
  server.on('connection', socket => {
    opened++;
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      changed();
    });
    changed();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;

  function changed(): void {
    for (const waiter of waiters) {
      if (!waiter.predicate(api)) continue;
      waiters.delete(waiter);
      waiter.done();
    }
  }

  function takeFault(method: string, key: string | undefined): RestFault | undefined {
    for (const standing of faults) {
      const { scope } = standing;
      if (scope.method !== undefined && scope.method !== method) continue;
      if (scope.key !== undefined && scope.key !== key) continue;
      standing.left--;
      if (standing.left <= 0) faults.delete(standing);
      return standing.fault;
    }
    return undefined;
  }

  async function handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const method = request.method ?? '';
    const seen: RestRequest = {
      order: requests.length,
      at: Date.now(),
      method,
      path: request.url ?? '',
      key: keyInPath(request.url ?? ''),
      headers: request.headers,
      text: undefined,
      status: 0,
      applied: false,
    };
    requests.push(seen);
    changed();
    const text = await textOf(request);
    seen.text = text;
    const key = seen.key ?? keyInBody(text);
    const fault = takeFault(method, key);
    if (fault?.kind === 'hold') {
      changed();
      await fault.until;
    }
    const said = fault === undefined || fault.kind === 'hold' || fault.applied === true ? judge(seen) : undefined;
    if (fault === undefined || fault.kind === 'hold') send(response, seen, said as Answer);
    else fail(request, response, seen, fault);
    changed();
  }

  function judge(seen: RestRequest): Answer {
    const answer = strictAnswer(seen, seen.text ?? '', toggles, options);
    if (answer.store !== undefined) {
      toggles.set(answer.store.key, answer.store.toggle);
      seen.applied = true;
      options.onApplied?.(seen);
    }
    return answer;
  }

  function send(response: http.ServerResponse, seen: RestRequest, answer: Answer): void {
    seen.status = answer.status;
    response.writeHead(answer.status, { ...answer.headers, 'content-type': 'application/json' });
    response.end(answer.body);
  }

  function fail(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    seen: RestRequest,
    fault: Exclude<RestFault, { kind: 'hold' }>,
  ): void {
    switch (fault.kind) {
      case 'status':
        seen.status = fault.status;
        response.writeHead(fault.status, fault.headers);
        response.end(fault.body ?? '');
        return;
      case 'hang':
        return;
      case 'reset':
        request.socket.resetAndDestroy();
        return;
      case 'half-answer':
        request.socket.end('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"key":');
    }
  }

  const api: FakeRestApi = {
    port,
    url: `http://127.0.0.1:${port}/toggles`,
    toggles,
    requests,
    get writes() {
      return requests.filter(({ method }) => method === 'POST' || method === 'PATCH');
    },
    sockets: {
      get opened() {
        return opened;
      },
      get open() {
        return open.size;
      },
    },
    serves(key, member) {
      const toggle = toggles.get(key);
      if (toggle === undefined) return 'missing';
      return isUsers(toggle.users) && toggle.users.includes(member);
    },
    fault(fault, scope = {}) {
      const standing = { fault, scope, left: scope.times ?? Number.POSITIVE_INFINITY };
      faults.add(standing);
      return () => faults.delete(standing);
    },
    waitFor(predicate) {
      if (predicate(api)) return Promise.resolve();
      return new Promise(done => waiters.add({ predicate, done }));
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return api;
}

async function textOf(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** The one segment after the endpoint, decoded. */
function keyInPath(path: string): string | undefined {
  const segment = /^\/toggles\/([^/?#]+)(\?|$)/.exec(path)?.[1];
  return segment === undefined ? undefined : decodeURIComponent(segment);
}

function keyInBody(text: string): string | undefined {
  const quoted = /^\{"key":("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
  return quoted === undefined ? undefined : (JSON.parse(quoted) as string);
}
