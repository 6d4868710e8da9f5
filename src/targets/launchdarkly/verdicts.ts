import type { Problem } from '../../domain/problem.ts';
import { ProblemError, retryAfterOf, toProblem } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/target.ts';
import { HttpError } from '../../lib/http-error.ts';
import type { HttpResponse } from '../../lib/http-response.ts';
import { errorShape } from './answers.ts';
import type { Held } from './limiter.ts';
import type { Right } from './rights.ts';

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;

/** An outcome that does not yet say of which change. */
export type Verdict = Without<Outcome, 'change'>;

/** What a request is about, for messages. */
export interface About {
  /** `target ld` */
  readonly target: string;
  /** `PATCH flag us-feature in prod` */
  readonly what: string;
  readonly right: Right;
  /** Keys of people whom it is about: words that hold one of them are not shown. Undefined: it may be anybody. */
  readonly names: readonly string[] | undefined;
  /** Takes secrets out. */
  readonly redact: (text: string) => string;
}

/** A token's rights change without our hearing of it: tried again after so many ms. */
const rightsRetry = 60_000;
const longestMessage = 300;

/** An answer that is an error; `status` is its status. */
export class ApiError extends ProblemError {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(problem: Problem, status: number, retryAfter?: number) {
    super(problem, { retryAfter });
    this.status = status;
  }
}

/** What LaunchDarkly itself says of an error: to decide by, and to show as far as `shownOf` allows. */
export function wordsIn(response: HttpResponse): string | undefined {
  let body: unknown;
  try {
    body = response.json();
  } catch {
    return undefined;
  }
  return errorShape.fits(body) ? body.message : undefined;
}

/** Nothing of what may name people, and nothing of a server that broke: that one says what it had at hand. */
function shownOf(status: number, words: string | undefined, { names, redact }: About): string {
  if (words === undefined || names === undefined || status >= 500) return '';
  for (const name of names) {
    if (words.includes(name) || words.includes(JSON.stringify(name).slice(1, -1))) return '';
  }
  const line = redact(words.replace(/\s+/g, ' ').trim());
  return (line.length > longestMessage ? `${line.slice(0, longestMessage)}…` : line).replace(/[.\s]+$/, '');
}

/** True where the environment wants an approval: 405 for flags, 403 that says so for segments. */
export function wantsApproval(status: number, words: string | undefined): boolean {
  return status === 405 || (status === 403 && /approval/i.test(words ?? ''));
}

/** The problem of an answer that is an error. */
export function problemOf(status: number, words: string | undefined, about: About): Problem {
  const shown = shownOf(status, words, about);
  const message = `${about.target}: LaunchDarkly answered ${status} to ${about.what}${shown && `: ${shown}`}.`;
  const { actions, resource } = about.right;
  const needed = `${actions.join(', ')} on ${resource}`;
  switch (status) {
    case 400:
      return /schedul/i.test(words ?? '')
        ? {
            code: 'launchdarkly-scheduled',
            message,
            hint: 'Apply or delete the scheduled change in LaunchDarkly; it is respected, so nothing was written.',
          }
        : {
            code: 'launchdarkly-refused',
            message,
            hint: 'It is read and tried again; if it goes on, look at the flag in LaunchDarkly and at what its file says.',
          };
    case 401:
      return {
        code: 'launchdarkly-token',
        message,
        hint: `Give ${about.target} a token that exists and has not expired.`,
      };
    case 403:
      return {
        code: 'launchdarkly-right',
        message: `${message} The token lacks ${needed}.`,
        hint: `Give the token's role ${needed}.`,
      };
    case 404:
      return {
        code: 'launchdarkly-missing',
        message,
        hint: 'It is read again. If it goes on, look at the project, the environments and what the token may see.',
      };
    case 409:
      return { code: 'launchdarkly-conflict', message, hint: 'Somebody else was faster: it is read and planned anew.' };
    case 429:
      return { code: 'launchdarkly-rate', message, hint: 'It goes on when LaunchDarkly allows it again.' };
    default:
      return {
        code: 'launchdarkly-failed',
        message,
        hint:
          status >= 500
            ? 'It is tried again; if it goes on, look at status.launchdarkly.com.'
            : 'It is tried again; if it goes on, look at baseUrl and at what stands between.',
      };
  }
}

/** What an error answer means for a write. `held`: how long the platform says to wait, if it does. */
export function verdictOf(status: number, problem: Problem, held: Held | undefined): Verdict {
  const wait = held === undefined ? {} : { retryAfter: held.ms };
  switch (status) {
    case 400:
      return problem.code === 'launchdarkly-scheduled'
        ? { result: 'refused', problem }
        : { result: 'failed', problem, scope: 'change' };
    case 401:
      return { result: 'failed', problem, scope: 'target' };
    case 403:
      return { result: 'failed', problem, scope: 'change', retryAfter: rightsRetry };
    case 404:
    case 409:
    case 412:
      return { result: 'conflict', problem };
    case 429:
      return { result: 'failed', problem, scope: held?.routeOnly ? 'change' : 'target', ...wait };
    case 501:
      return { result: 'failed', problem, scope: 'change' };
    case 503:
      return { result: 'failed', problem, scope: held === undefined ? 'change' : 'target', ...wait };
    default:
      // A server that broke, or a gateway that lost sight of it, may have written all the same.
      return status >= 500
        ? { result: 'unanswered', problem, ...wait }
        : { result: 'failed', problem, scope: 'change' };
  }
}

/** What a request without an answer means for a write. */
export function silenceOf(error: unknown): Verdict {
  if (!(error instanceof HttpError)) return { result: 'unanswered', problem: hinted(toProblem(error)) };
  const { problem, sent, status } = error;
  if (problem.code === 'redirect-refused') return { result: 'failed', problem, scope: 'target' };
  // It took the write and then said too much, or not what it should.
  if (status !== undefined && status >= 200 && status < 300) return { result: 'unanswered', problem };
  return sent ? { result: 'unanswered', problem } : { result: 'failed', problem, scope: 'target' };
}

/** True where an error is one of the whole target: nothing else will be answered either. */
export function isOfTheWhole(error: unknown): boolean {
  if (error instanceof HttpError) return !error.sent || error.problem.code === 'redirect-refused';
  return error instanceof ApiError && (error.status === 401 || error.status === 429);
}

/** What it means for a write that what it is a difference to could not be read, or not any more: nothing was sent. */
export function unreadOf(error: unknown, signal: AbortSignal): Verdict {
  if (signal.aborted) return { result: 'late' };
  const retryAfter = retryAfterOf(error);
  return {
    result: 'failed',
    problem: hinted(toProblem(error)),
    scope: isOfTheWhole(error) ? 'target' : 'change',
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

function hinted(problem: Problem): Problem {
  return { hint: 'It is read again before anything else is written.', ...problem };
}
