import type { Clock } from '../lib/clock.ts';
import { createHttpClient, type HttpClient, type HttpRequest } from '../lib/http.ts';
import { type Problem, ProblemError, UsageError } from '../domain/problem.ts';
import { planFromJson } from '../report/plan-from-json.ts';
import type { Planned } from './preview.ts';
import { type Definitions, planAnswerSchema, readBody, type SyncAnswer, syncAnswerSchema } from './wire.ts';

export interface RemoteOptions {
  readonly url: string;
  /** Of `readTokens` for a plan, of `adminTokens` for the rest. */
  readonly token: string | undefined;
  readonly clock: Clock;
  /** For each thing that is asked (ms). */
  readonly timeout: number;
}

/** Another instance, that runs. Every failure is a ProblemError or an HttpError. */
export interface Remote {
  /**
   * What it would do with these flag files: a plan for each set. Members are counts; with two sets whoever gains or loses
   * something has a stand-in that is the same in both.
   */
  plan(
    sets: readonly Definitions[],
    only: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly instance: string; readonly plans: readonly Planned[] }>;
  /** Brings it to a commit (null: whatever it has), and waits for what comes of it. */
  sync(commit: string | null, signal: AbortSignal): Promise<SyncAnswer>;
  /** Lets through what the guard blocked there. */
  approve(id: string, signal: AbortSignal): Promise<void>;
  /** What an operator says there: its answer, as JSON. Throws a UsageError for what is not there. */
  say(path: SaidPath, body: object, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

export type SaidPath = '/api/approvals' | '/api/overrides' | '/api/resume';

const largestAnswer = 64 * 1024 * 1024;
/** More than a request waits there before it says to ask again (ms). */
const patience = 40_000;
/** It ends by itself before we stop asking (ms). */
const margin = 1_000;

/** A client of a running instance. Throws an HttpError for an address that is none. */
export function createRemote({ url, token, clock, timeout }: RemoteOptions): Remote {
  const client = createHttpClient({
    name: 'the running instance',
    baseUrl: url,
    timeout: patience,
    maxBytes: largestAnswer,
    clock,
    ...(token !== undefined && { headers: { authorization: `Bearer ${token}` }, secrets: [token] }),
  });
  const seconds = Math.max(1, Math.floor((timeout - margin) / 1000));
  return {
    async plan(definitions, only, signal) {
      const json = { version: 1, definitions, timeout: seconds, ...(only && { only }) };
      const text = await result(client, { method: 'POST', path: '/api/plan', json, signal }, { clock, timeout });
      const answer = readBody(planAnswerSchema, text);
      const at = Date.parse(answer.at);
      const plans = answer.plans.map(({ plan, failed, warnings }) => ({
        plan: planFromJson(plan, at),
        failed,
        warnings,
      }));
      return { instance: answer.instance, plans };
    },
    async sync(commit, signal) {
      const json = { version: 1, commit, timeout: seconds };
      const text = await result(client, { method: 'POST', path: '/api/sync', json, signal }, { clock, timeout });
      return readBody(syncAnswerSchema, text);
    },
    async approve(id, signal) {
      await answered(client, { method: 'POST', path: '/api/approvals', json: { id }, signal });
    },
    async say(path, body, signal) {
      const { text } = await answered(client, { method: 'POST', path, json: body, signal });
      const answer = parsed(text);
      if (typeof answer === 'object' && answer !== null) return answer as Record<string, unknown>;
      throw new ProblemError(noOptoggles);
    },
    close: () => client.close(),
  };
}

/** Asks until there is a result. */
async function result(
  client: HttpClient,
  first: HttpRequest,
  { clock, timeout }: Pick<RemoteOptions, 'clock' | 'timeout'>,
): Promise<string> {
  const deadline = clock.now() + timeout;
  let request = first;
  for (;;) {
    const { status, text } = await answered(client, request);
    if (status !== 202) return text;
    if (clock.now() >= deadline) throw new ProblemError(notInTime);
    request = { path: `/api/jobs/${encodeURIComponent(idIn(text))}`, ...(first.signal && { signal: first.signal }) };
  }
}

async function answered(client: HttpClient, request: HttpRequest): Promise<{ status: number; text: string }> {
  const response = await client.send(request);
  const text = response.text();
  if (response.ok) return { status: response.status, text };
  const problem = problemIn(text);
  // What it says itself is better than what the status means in general.
  if (problem !== undefined) {
    const told = { ...problem, message: `the running instance: ${problem.message}` };
    // What it does not know, or cannot read, was asked wrongly.
    const isUsage = response.status === 400 || (response.status === 404 && problem.code.startsWith('unknown-'));
    throw isUsage ? new UsageError(told) : new ProblemError(told);
  }
  const hint = response.status === 404 ? 'Name an OPToggles of this version, or newer, with --server URL.' : undefined;
  throw client.unexpected(request, response, hint);
}

function idIn(text: string): string {
  const value = parsed(text);
  if (typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string') return value.id;
  throw new ProblemError(noOptoggles);
}

function problemIn(text: string): Problem | undefined {
  const value = parsed(text);
  if (typeof value !== 'object' || value === null || !('code' in value) || !('message' in value)) return undefined;
  const { code, message } = value;
  if (typeof code !== 'string' || typeof message !== 'string') return undefined;
  const hint =
    'hint' in value && typeof value.hint === 'string' ? value.hint : 'Look at the log of the running instance.';
  return { code, message, hint };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const noOptoggles: Problem = {
  code: 'no-optoggles',
  message: 'What answers there is no OPToggles.',
  hint: 'Name the running instance with --server URL.',
};

const notInTime: Problem = {
  code: 'not-in-time',
  message: 'The running instance has no result yet; it goes on by itself.',
  hint: 'See "optoggles status", or give it more time with --timeout.',
};
