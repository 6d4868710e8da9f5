import type { Outcome } from '../../domain/target.ts';
import type { HttpClient, HttpRequest } from '../../lib/http.ts';
import { HttpError } from '../../lib/http-error.ts';
import type { HttpResponse } from '../../lib/http-response.ts';

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;

/** An outcome that does not yet say of which change. */
export type Verdict = Without<Outcome, 'change'>;

/** How the target took earlier writes: what tells a forbidden toggle from a bad token. */
export interface Standing {
  /** A write was accepted since the last 403. */
  welcome: boolean;
}

/** What an answer other than 2xx means for a write. */
export function refusalOf(
  client: HttpClient,
  target: string,
  request: HttpRequest,
  response: HttpResponse,
  standing: Standing,
): Verdict {
  const error = client.unexpected(request, response, hintFor(target, request, response.status));
  const { problem, retryAfter } = error;
  const wait = retryAfter === undefined ? {} : { retryAfter };
  switch (response.status) {
    case 401:
      return { result: 'failed', problem, scope: 'target' };
    case 403: {
      // A token that just worked is good: then this one toggle is forbidden, and the others go on.
      const scope = standing.welcome ? 'change' : 'target';
      standing.welcome = false;
      return { result: 'failed', problem, scope };
    }
    case 409:
    case 412:
      return { result: 'conflict', problem };
    case 429:
      return { result: 'failed', problem, scope: 'target', ...wait };
    case 501:
      return { result: 'failed', problem, scope: 'change' };
    case 503:
      return { result: 'failed', problem, scope: retryAfter === undefined ? 'change' : 'target', ...wait };
    default:
  }
  // A server that broke, or a gateway that lost sight of it, may have written all the same.
  if (response.status >= 500) return { result: 'unanswered', problem, ...wait };
  return { result: 'failed', problem, scope: 'change' };
}

/** What a request without an answer means for a write. Anything but an HttpError is thrown on. */
export function silenceOf(error: unknown): Verdict {
  if (!(error instanceof HttpError)) throw error;
  const { problem, sent, status } = error;
  if (problem.code === 'redirect-refused') return { result: 'failed', problem, scope: 'target' };
  // It took the write and then said too much.
  if (status !== undefined && status >= 200 && status < 300) return { result: 'done' };
  // It refused the write, at length.
  if (status !== undefined && status >= 400 && status < 500) return { result: 'failed', problem, scope: 'change' };
  if (sent) return { result: 'unanswered', problem };
  return { result: 'failed', problem, scope: 'target' };
}

/** Where the answer is one of the target as a whole: the verdict on the rest of a batch, which need not be tried. */
export function restOfBatch(verdict: Verdict, status: number | undefined): Verdict | undefined {
  if (verdict.result === 'failed') return verdict.scope === 'target' && status !== 403 ? verdict : undefined;
  if (verdict.result !== 'unanswered' || verdict.retryAfter === undefined) return undefined;
  const { problem, retryAfter } = verdict;
  return { result: 'failed', problem, scope: 'target', retryAfter };
}

/** What to do about a status, in the words of this target's settings; undefined: the client knows as much. */
export function hintFor(target: string, request: HttpRequest, status: number): string | undefined {
  switch (status) {
    case 401:
    case 403:
      return `Look at extraHeaders of target ${target}: is the token there, still valid, and allowed to do this?`;
    case 404:
    case 405:
      return `Look at endpointUrl of target ${target}: ${request.method} is not known there.`;
    case 413:
      return `Raise the limit for bodies in front of target ${target}, or give the toggle to fewer users.`;
    case 400:
    case 415:
    case 422:
      return `It is tried again; if it goes on, look at its log, and at what the flag file says under targets.${target}.`;
    default:
      return undefined;
  }
}
