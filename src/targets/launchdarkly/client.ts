import { ProblemError } from '../../domain/problem.ts';
import type { Clock } from '../../lib/clock.ts';
import type { HttpClient } from '../../lib/http.ts';
import type { HttpResponse } from '../../lib/http-response.ts';
import { isShallow } from '../../lib/json-text.ts';
import { retryAfterMs } from '../../lib/retry-after.ts';
import { createRedactor } from '../../lib/redact.ts';
import type { Shape } from './answers.ts';
import type { Held, Limiter } from './limiter.ts';
import type { Right } from './rights.ts';
import {
  type About,
  ApiError,
  problemOf,
  silenceOf,
  type Verdict,
  verdictOf,
  wantsApproval,
  wordsIn,
} from './verdicts.ts';

/** The version whose answers are known here; without the header LaunchDarkly uses the token's. */
export const apiVersion = '20240415';
const semanticPatch = 'application/json; domain-model=launchdarkly.semanticpatch';
/** Reads that met a 429 go again so often. */
const readTries = 6;

/** One request. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Names the route for its rate limit: `PATCH flag`. */
  readonly route: string;
  /** Behind `/api/v2`, encoded. */
  readonly path: string;
  /** For messages: `flag us-feature in prod`. */
  readonly what: string;
  readonly right: Right;
  readonly json?: unknown;
  readonly isSemantic?: boolean;
  /** Keys of people whom the request is about. Left out: it may be anybody, as with all that reads. */
  readonly names?: readonly string[];
}

/** What became of a write. `approval`: the environment wants one. `existed`: what was to be made is there. */
export type Written =
  | { readonly result: 'ok'; readonly body: unknown }
  | { readonly result: 'approval'; readonly verdict: Verdict }
  | { readonly result: 'existed'; readonly verdict: Verdict }
  | { readonly result: 'not'; readonly verdict: Verdict };

/** LaunchDarkly's API over one token. */
export interface Client {
  /** A GET. Undefined: 404. Throws an ApiError, an HttpError, or a ProblemError for an answer of another shape. */
  find<T>(call: Call, shape: Shape<T>, signal: AbortSignal): Promise<T | undefined>;
  /** The same, where 404 is an error. */
  get<T>(call: Call, shape: Shape<T>, signal: AbortSignal): Promise<T>;
  /** Anything that changes something; asks `mayStart` right before it is sent. Never rejects. */
  write(call: Call, signal: AbortSignal, mayStart: () => boolean): Promise<Written>;
}

/** An answer, and how long the platform said to wait, if it did. */
interface Answered {
  readonly response: HttpResponse;
  readonly held: Held | undefined;
}

export interface ClientOptions {
  readonly http: HttpClient;
  readonly limiter: Limiter;
  /** `target ld` */
  readonly target: string;
  readonly secrets: readonly string[];
  readonly clock: Pick<Clock, 'now'>;
}

export function createClient({ http, limiter, target, secrets, clock }: ClientOptions): Client {
  const redact = createRedactor(secrets);

  function aboutOf(call: Call): About {
    return { target, what: `${call.method} ${call.what}`, right: call.right, names: call.names, redact };
  }

  function requestOf(call: Call, signal: AbortSignal) {
    return {
      method: call.method,
      path: `/api/v2${call.path}`,
      headers: {
        'ld-api-version': apiVersion,
        accept: 'application/json',
        ...(call.isSemantic && { 'content-type': semanticPatch }),
      },
      ...(call.json !== undefined && { json: call.json }),
      signal,
    };
  }

  async function answered(call: Call, signal: AbortSignal): Promise<Answered> {
    for (let tries = 1; ; tries++) {
      const turn = await limiter.turn(call.route, signal);
      let response: HttpResponse;
      try {
        response = await http.send(requestOf(call, signal));
      } catch (error) {
        turn.done();
        throw error;
      }
      const held = turn.done(response);
      // The next turn comes when it may: nothing to wait for here.
      if (response.status === 429 && tries < readTries) continue;
      return { response, held: held ?? askedFor(response) };
    }
  }

  async function find<T>(call: Call, shape: Shape<T>, signal: AbortSignal): Promise<T | undefined> {
    const found = await answered(call, signal);
    if (found.response.status === 404) return undefined;
    if (!found.response.ok) throw errorOf(call, found);
    return bodyOf(call, found.response, shape);
  }

  function errorOf(call: Call, { response, held }: Answered): ApiError {
    return new ApiError(problemOf(response.status, wordsIn(response), aboutOf(call)), response.status, held?.ms);
  }

  function askedFor(response: HttpResponse): Held | undefined {
    const ms = retryAfterMs(response.header('retry-after'), clock.now());
    return ms === undefined ? undefined : { ms, routeOnly: false };
  }

  function bodyOf<T>(call: Call, response: HttpResponse, shape: Shape<T>): T {
    let body: unknown;
    try {
      body = response.json();
    } catch {
      body = undefined;
    }
    if (isShallow(body) && shape.fits(body)) return body;
    throw new ProblemError({
      code: 'launchdarkly-answer',
      message: `${target}: the answer to ${call.method} ${call.what} is not ${shape.what}.`,
      hint: 'Look at baseUrl: something else seems to answer there.',
    });
  }

  return {
    find,
    async get<T>(call: Call, shape: Shape<T>, signal: AbortSignal): Promise<T> {
      const found = await answered(call, signal);
      if (!found.response.ok) throw errorOf(call, found);
      return bodyOf(call, found.response, shape);
    },
    async write(call, signal, mayStart) {
      let turn: Awaited<ReturnType<Limiter['turn']>>;
      try {
        turn = await limiter.turn(call.route, signal);
      } catch {
        return { result: 'not', verdict: { result: 'late' } };
      }
      if (signal.aborted || !mayStart()) {
        turn.done();
        return { result: 'not', verdict: { result: 'late' } };
      }
      let response: HttpResponse;
      try {
        response = await http.send(requestOf(call, signal));
      } catch (error) {
        turn.done();
        return { result: 'not', verdict: signal.aborted ? stopped(target) : silenceOf(error) };
      }
      const held = turn.done(response);
      if (response.ok) return { result: 'ok', body: jsonOf(response) };
      const words = wordsIn(response);
      const problem = problemOf(response.status, words, aboutOf(call));
      const verdict = verdictOf(response.status, problem, held ?? askedFor(response));
      if (wantsApproval(response.status, words)) return { result: 'approval', verdict };
      if (call.method === 'POST' && response.status === 409) return { result: 'existed', verdict };
      return { result: 'not', verdict };
    },
  };
}

function jsonOf(response: HttpResponse): unknown {
  try {
    return response.json();
  } catch {
    return undefined;
  }
}

function stopped(target: string): Verdict {
  const problem = {
    code: 'stopped',
    message: `${target}: OPToggles stopped before a write was answered.`,
    hint: 'The next start reads it and writes what is missing.',
  };
  return { result: 'unanswered', problem };
}
