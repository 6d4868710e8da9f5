import type { IncomingMessage } from 'node:http';
import { APPROVAL_ROUTES } from './approval-routes.ts';
import { loadDescription } from './description.ts';
import type { NextLinks } from './flag-list.ts';
import { flagRoutes } from './flag-routes.ts';
import type { Account } from './model.ts';
import { PROJECT_ROUTES } from './project-routes.ts';
import type { RateLimiter } from './rate-limits.ts';
import { Refusal } from './refusal.ts';
import { type Answer, findRoute } from './routing.ts';
import { SEGMENT_ROUTES } from './segment-routes.ts';

export interface RestOptions {
  /** `_links.next` of flag lists; default `misleading`, because nothing may depend on it. */
  readonly nextLinks?: NextLinks;
  /** Default true: requests and answers are checked, and what is wrong makes `close` fail. */
  readonly check?: boolean;
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

/** An answer as it is sent. */
export interface Said {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string | undefined;
}

/** The REST API of an account, without its wire. */
export interface RestSide {
  readonly requests: LaunchDarklyRequest[];
  readonly violations: string[];
  /** Logs and checks a request; nothing is done yet. */
  readonly note: (request: IncomingMessage, text: string) => LaunchDarklyRequest;
  /** Does what it asks, or refuses it. */
  readonly judge: (request: IncomingMessage, seen: LaunchDarklyRequest) => Said;
}

const API_VERSION = '20240415';

export function createRestSide(account: Account, limiter: RateLimiter, options: RestOptions): RestSide {
  const routes = [
    ...flagRoutes(options.nextLinks ?? 'misleading'),
    ...SEGMENT_ROUTES,
    ...PROJECT_ROUTES,
    ...APPROVAL_ROUTES,
  ];
  const checked = options.check !== false;
  const description = checked ? loadDescription() : undefined;
  const requests: LaunchDarklyRequest[] = [];
  const violations: string[] = [];

  function routeOf(seen: LaunchDarklyRequest): ReturnType<typeof findRoute> & { readonly query: URLSearchParams } {
    const url = new URL(seen.path, 'http://fake');
    return { ...findRoute(routes, seen.method, url.pathname), query: url.searchParams };
  }

  function checkRequest(request: IncomingMessage, seen: LaunchDarklyRequest): void {
    const found = routeOf(seen);
    if (!('route' in found)) return violated(seen, ['no such route']);
    // Without it the token's own version counts, and a new token would change the program.
    if (request.headers['ld-api-version'] !== API_VERSION) violated(seen, [`LD-API-Version must be ${API_VERSION}`]);
    const { method, template } = found.route;
    violated(seen, description?.request(method, template, found.query, seen.body, isSemantic(request)) ?? []);
  }

  function checkAnswer(seen: LaunchDarklyRequest, { status, text }: Said): void {
    const found = routeOf(seen);
    if (description === undefined || !('route' in found)) return;
    const body = text === undefined ? undefined : (JSON.parse(text) as unknown);
    violated(seen, description.answer(found.route.method, found.route.template, status, body));
  }

  function violated(seen: LaunchDarklyRequest, sentences: readonly string[]): void {
    for (const sentence of sentences) violations.push(`${seen.method} ${seen.path}: ${sentence}`);
  }

  function answerTo(
    request: IncomingMessage,
    seen: LaunchDarklyRequest,
    limited: (token: string, route: string) => void,
  ): Answer {
    const token = account.tokens.find(one => one.token === request.headers.authorization);
    if (token === undefined) throw new Refusal(401, 'unauthorized', 'Invalid access token');
    const found = routeOf(seen);
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
      query: found.query,
      body: seen.body,
      semantic: isSemantic(request),
    });
  }

  return {
    requests,
    violations,
    note(request, text) {
      const { authorization } = request.headers;
      const seen: LaunchDarklyRequest = {
        order: requests.length,
        at: Date.now(),
        method: request.method ?? '',
        path: request.url ?? '',
        headers: { ...request.headers, ...(authorization === undefined ? {} : { authorization: '[token]' }) },
        text,
        body: parsed(text),
        status: 0,
        applied: false,
      };
      requests.push(seen);
      if (checked) checkRequest(request, seen);
      return seen;
    },
    judge(request, seen) {
      const before = account.writes;
      let headers: Readonly<Record<string, string>> = {};
      const limited = (token: string, route: string): void => {
        const verdict = limiter.take(token, route);
        headers = verdict.headers;
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
      const said: Said =
        answer.body === undefined
          ? { status: answer.status, headers, text: undefined }
          : {
              status: answer.status,
              headers: { ...headers, 'content-type': 'application/json' },
              text: JSON.stringify(answer.body),
            };
      checkAnswer(seen, said);
      return said;
    },
  };
}

function isSemantic(request: IncomingMessage): boolean {
  return /;\s*domain-model=launchdarkly\.semanticpatch\s*(;|$)/.test(request.headers['content-type'] ?? '');
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
