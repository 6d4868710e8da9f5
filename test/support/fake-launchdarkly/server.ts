import type { IncomingMessage, ServerResponse } from 'node:http';
import { listenOn } from '../loopback-server.ts';
import { type AccountOptions, createAccount, DEFAULT_TOKEN } from './account.ts';
import { APPROVAL_ROUTES, applyApproval } from './approval-routes.ts';
import { createFaults, type FaultMatch, type LaunchDarklyFault } from './faults.ts';
import type { NextLinks } from './flag-list.ts';
import { flagRoutes } from './flag-routes.ts';
import { createHand, type Hand } from './hand.ts';
import type { Account, ApprovalRequest, Flag, FlagConfig, Segment } from './model.ts';
import { PROJECT_ROUTES } from './project-routes.ts';
import { createRateLimiter, type RateLimits } from './rate-limits.ts';
import { Refusal } from './refusal.ts';
import { type Answer, findRoute } from './routing.ts';
import { createSdkSide } from './sdk-stream.ts';
import { SEGMENT_ROUTES } from './segment-routes.ts';
import { environmentOf, projectOf } from './store.ts';

export interface FakeLaunchDarklyOptions extends AccountOptions {
  /** Of dates, versions and rate windows; default the real one. */
  readonly now?: () => number;
  readonly rateLimits?: RateLimits;
  /** `_links.next` of flag lists; default `misleading`, because nothing may depend on it. */
  readonly nextLinks?: NextLinks;
}

/** A request to the REST API. */
export interface LaunchDarklyRequest {
  readonly order: number;
  /** By the wall clock. */
  readonly at: number;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** `authorization` is `[token]`. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
  /** Parsed, undefined where it is no JSON. */
  readonly body: unknown;
  /** 0: unanswered so far, or for ever. */
  status: number;
  /** Whether it changed something. */
  applied: boolean;
}

export interface FakeLaunchDarkly {
  /** The base of REST API, stream and polling alike. */
  readonly url: string;
  readonly streamUrl: string;
  /** The first token. */
  readonly token: string;
  readonly account: Account;
  readonly requests: readonly LaunchDarklyRequest[];
  /** Everything but GET. */
  readonly writes: readonly LaunchDarklyRequest[];
  /** Requests that a rate limit refused. */
  readonly rateLimited: number;
  /** Changes made past the API, as by a person in LaunchDarkly's own pages; approvals do not stop them. */
  readonly hand: Hand;
  sdkKey(project: string, environment: string): string;
  flag(project: string, key: string): Flag | undefined;
  config(project: string, key: string, environment: string): FlagConfig | undefined;
  segment(project: string, environment: string, key: string): Segment | undefined;
  /** Approval requests that wait. */
  pendingApprovals(): readonly ApprovalRequest[];
  /** A person approves and applies a request; refusals are thrown. */
  approve(id: string): void;
  /** A person declines it; it stays, declined. */
  decline(id: string): void;
  /** Returns what lifts the fault. */
  fault(fault: LaunchDarklyFault, match?: FaultMatch): () => void;
  setRateLimits(limits: RateLimits): void;
  /** SDK streams that are open. */
  readonly openStreams: number;
  dropStreams(): void;
  /** Resolves as soon as it is true; looked at whenever a request came or was answered. */
  waitFor(predicate: (fake: FakeLaunchDarkly) => boolean): Promise<void>;
  /** Goes away and comes back on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** A strict LaunchDarkly on loopback: REST API and the SDK's stream of the same state. */
export async function createFakeLaunchDarkly(options: FakeLaunchDarklyOptions = {}): Promise<FakeLaunchDarkly> {
  const now = options.now ?? Date.now;
  const account = createAccount(options, now, changed => sdk.changed(changed));
  const sdk = createSdkSide(account);
  const faults = createFaults();
  let limits = options.rateLimits ?? {};
  const limiter = createRateLimiter(() => limits, now);
  const routes = [
    ...flagRoutes(options.nextLinks ?? 'misleading'),
    ...SEGMENT_ROUTES,
    ...PROJECT_ROUTES,
    ...APPROVAL_ROUTES,
  ];
  const requests: LaunchDarklyRequest[] = [];
  const waiters = new Set<{ readonly predicate: (fake: FakeLaunchDarkly) => boolean; readonly done: () => void }>();

  const server = await listenOn('127.0.0.1', (request, text, response) => {
    const path = (request.url ?? '').split('?')[0] as string;
    if (sdk.handle(request, path, response)) return looked();
    serve(request, text, response).catch(() => request.destroy());
  });

  function looked(): void {
    for (const waiter of waiters) {
      if (!waiter.predicate(fake)) continue;
      waiters.delete(waiter);
      waiter.done();
    }
  }

  async function serve(request: IncomingMessage, text: string, response: ServerResponse): Promise<void> {
    const seen: LaunchDarklyRequest = {
      order: requests.length,
      at: Date.now(),
      method: request.method ?? '',
      path: request.url ?? '',
      headers: {
        ...request.headers,
        ...(request.headers.authorization === undefined ? {} : { authorization: '[token]' }),
      },
      text,
      body: parsed(text),
      status: 0,
      applied: false,
    };
    requests.push(seen);
    looked();
    const fault = faults.take(seen.method, seen.path, text);
    if (fault?.kind === 'hold' && fault.when !== 'after') await fault.until;
    if (fault === undefined || fault.kind === 'hold') {
      const said = judge(request, seen);
      if (fault?.kind === 'hold' && fault.when === 'after') await fault.until;
      send(response, seen, said.answer, said.headers);
    } else {
      if (fault.applied === true) judge(request, seen);
      fail(request, response, seen, fault);
    }
    looked();
  }

  function judge(
    request: IncomingMessage,
    seen: LaunchDarklyRequest,
  ): { answer: Answer; headers: Record<string, string> } {
    const before = account.writes;
    let headers: Record<string, string> = {};
    const limited = (token: string, route: string): void => {
      const verdict = limiter.take(token, route);
      headers = { ...verdict.headers };
      if (!verdict.allowed)
        throw new Refusal(429, 'rate_limited', "You've exceeded the API rate limit. Try again later.");
    };
    let answer: Answer;
    try {
      answer = answerTo(request, seen, limited);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      answer = { status: error.status, body: { ...error.more, code: error.code, message: error.message } };
    }
    seen.applied = account.writes > before;
    return { answer, headers };
  }

  function answerTo(
    request: IncomingMessage,
    seen: LaunchDarklyRequest,
    limited: (token: string, route: string) => void,
  ): Answer {
    const token = account.tokens.find(one => one.token === request.headers.authorization);
    if (token === undefined) throw new Refusal(401, 'unauthorized', 'Invalid access token');
    const url = new URL(seen.path, 'http://fake');
    const found = findRoute(routes, seen.method, url.pathname);
    limited(token.token, 'route' in found ? `${found.route.method} ${found.route.template}` : 'unknown');
    if (!('route' in found)) {
      if (found.known) throw new Refusal(405, 'method_not_allowed', 'Method not allowed');
      throw new Refusal(404, 'not_found', 'Invalid resource identifier');
    }
    const type = request.headers['content-type'] ?? '';
    if (seen.text !== '' && !type.startsWith('application/json'))
      throw new Refusal(415, 'unsupported_media_type', 'Content-Type must be application/json');
    if (seen.text !== '' && seen.body === undefined) throw new Refusal(400, 'invalid_request', 'Invalid request body');
    return found.route.handle({
      account,
      token,
      params: found.params,
      query: url.searchParams,
      body: seen.body,
      semantic: /;\s*domain-model=launchdarkly\.semanticpatch\s*(;|$)/.test(type),
    });
  }

  function send(
    response: ServerResponse,
    seen: LaunchDarklyRequest,
    answer: Answer,
    headers: Record<string, string>,
  ): void {
    seen.status = answer.status;
    const all = { ...headers, ...(answer.body === undefined ? {} : { 'content-type': 'application/json' }) };
    response.writeHead(answer.status, all).end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
  }

  function fail(
    request: IncomingMessage,
    response: ServerResponse,
    seen: LaunchDarklyRequest,
    fault: Exclude<LaunchDarklyFault, { kind: 'hold' }>,
  ): void {
    switch (fault.kind) {
      case 'status': {
        seen.status = fault.status;
        const body = { code: fault.code ?? 'fault', message: fault.message ?? 'a fault of the fake' };
        response.writeHead(fault.status, { ...fault.headers, 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
        return;
      }
      case 'hang':
        return;
      case 'reset':
        request.socket.resetAndDestroy();
        return;
      case 'half-answer':
        request.socket.end('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"key":');
    }
  }

  function requestOf(id: string): ApprovalRequest {
    const request = account.approvals.get(id);
    if (request === undefined) throw new Error(`no approval request ${id}`);
    return request;
  }

  const fake: FakeLaunchDarkly = {
    url: server.url,
    streamUrl: server.url,
    token: options.tokens?.[0]?.token ?? DEFAULT_TOKEN,
    account,
    requests,
    get writes() {
      return requests.filter(({ method }) => method !== 'GET');
    },
    get rateLimited() {
      return limiter.refused;
    },
    hand: createHand(account),
    sdkKey: (project, environment) => environmentOf(projectOf(account, project), environment).sdkKey,
    flag: (project, key) => account.projects.get(project)?.flags.get(key),
    config: (project, key, environment) => account.projects.get(project)?.flags.get(key)?.environments.get(environment),
    segment: (project, environment, key) =>
      account.projects.get(project)?.environments.get(environment)?.segments.get(key),
    pendingApprovals: () =>
      [...account.approvals.values()].filter(
        ({ status, reviewStatus }) => status === 'pending' && reviewStatus === 'pending',
      ),
    approve: id => applyApproval(account, requestOf(id)),
    decline(id) {
      const request = requestOf(id);
      request.reviewStatus = 'declined';
      request.version++;
    },
    fault: faults.add,
    setRateLimits(next) {
      limits = next;
    },
    get openStreams() {
      return sdk.open;
    },
    dropStreams: sdk.drop,
    waitFor(predicate) {
      if (predicate(fake)) return Promise.resolve();
      return new Promise(done => waiters.add({ predicate, done }));
    },
    stop: server.stop,
    start: server.start,
    close: server.stop,
  };
  return fake;
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
