import type { Json } from '../domain/json.ts';
import { type Problem, toProblem } from '../domain/problem.ts';
import type { Clock } from '../lib/clock.ts';
import { createHttpClient, type HttpRequest } from '../lib/http.ts';
import type { Network, TlsFiles } from '../lib/http-connections.ts';
import { HttpError } from '../lib/http-error.ts';
import type { HttpResponse } from '../lib/http-response.ts';
import { errorDetails, ReplyHash, resultOf } from './opa-reply.ts';
import { dataPath } from './ref.ts';
import { holds } from './sentinels.ts';
import { readSystemOpal, type SystemOpal } from './system-opal.ts';

export interface OpaAddress {
  readonly url: string;
  readonly token?: string | undefined;
}

export interface OpaLimits {
  readonly answerBytes: number;
  /** ms. */
  readonly answerTime: number;
}

/** One answer of `/v1/data`, or why there is none. `hash`: equal hashes, equal answers. */
export type Reply =
  | { readonly state: 'answered'; readonly hash: string; readonly response: HttpResponse }
  /** `refused`: this token may not ask that. */
  | { readonly state: 'failed'; readonly error: Problem; readonly refused?: boolean };

/**
 * The few requests that are made to an OPA. Each throws an HttpError when the OPA cannot be reached; what concerns one
 * rule only is part of the reply.
 */
export interface OpaClient {
  readonly address: OpaAddress;
  /**
   * Asks for a rule or a package. POST where there is an input, as OPA wants it. `patience`: ms, where less than any answer
   * may take is enough.
   */
  data(path: string, input: Json | undefined, signal: AbortSignal, patience?: number): Promise<Reply>;
  /** `labels.id`, new at each start; null where the token may not read it or it is not there. */
  instanceId(signal: AbortSignal): Promise<string | null>;
  /** `data.system.opal`; undefined where OPAL does not keep it, null where OPA does not tell. */
  systemOpal(signal: AbortSignal): Promise<SystemOpal | null | undefined>;
  /** Whether a path is not empty, or a rule true; else why it does not hold. */
  sentinel(segments: readonly string[], signal: AbortSignal): Promise<'held' | Problem>;
  close(): Promise<void>;
}

/** ms, for what is no answer: OPA may be busy with one meanwhile. */
const lookTime = 60_000;
const lookBytes = 1_000_000;
/** A larger sentinel is not empty, and nobody needs to read it to its end. */
const sentinelBytes = 64_000;

/**
 * A client for one address. `name` begins messages: `OPA of source example-opal`; `tokenSetting` is where its token is
 * configured. Throws an HttpError.
 */
export function createOpaClient(options: {
  readonly name: string;
  readonly tokenSetting: string;
  readonly address: OpaAddress;
  readonly limits: OpaLimits;
  readonly tls: TlsFiles | undefined;
  readonly secrets: readonly string[];
  readonly clock: Clock;
  readonly network?: Network | undefined;
}): OpaClient {
  const { name, address, limits, tls, clock } = options;
  const token = address.token === '' ? undefined : address.token;
  const http = createHttpClient({
    name,
    baseUrl: address.url,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    timeout: lookTime,
    maxBytes: lookBytes,
    tls,
    secrets: token === undefined ? options.secrets : [...options.secrets, token],
    clock,
    network: options.network,
  });

  const tokenHint = `Look at ${options.tokenSetting}: is the token there, still valid, and allowed to read what is asked?`;

  async function data(
    path: string,
    input: Json | undefined,
    signal: AbortSignal,
    patience = limits.answerTime,
  ): Promise<Reply> {
    const hash = new ReplyHash();
    const request: HttpRequest = {
      path,
      signal,
      timeout: Math.min(patience, limits.answerTime),
      maxBytes: limits.answerBytes,
      onChunk: chunk => hash.add(chunk),
      ...(input !== undefined && { method: 'POST', json: { input } }),
    };
    try {
      const response = await http.send(request);
      if (response.status === 200) return { state: 'answered', hash: hash.digest(), response };
      const error = refused(request, response);
      return isRefusal(response) ? { state: 'failed', error, refused: true } : { state: 'failed', error };
    } catch (error) {
      if (!(error instanceof HttpError) || !isAnswerAtFault(error)) throw error;
      return { state: 'failed', error: toProblem(error) };
    }
  }

  function refused(request: HttpRequest, response: HttpResponse): Problem {
    if (isRefusal(response)) {
      const { message } = http.unexpected(request, response).problem;
      return { code: 'opa-unauthorized', message: `${message.slice(0, -1)}: ${refusalOf(token)}.`, hint: tokenHint };
    }
    const details = errorDetails(response);
    const { problem } = http.unexpected(request, response, details.startsWith('eval_') ? ruleHint : undefined);
    return details === '' ? problem : { ...problem, message: `${problem.message.slice(0, -1)}: ${details}.` };
  }

  return {
    address,
    data,
    async instanceId(signal) {
      const request = { path: '/v1/config', signal };
      const response = await http.send(request);
      if (response.status >= 500 || response.status === 429) throw http.unexpected(request, response);
      if (response.status !== 200) return null;
      const config = resultOf(response)?.value as { labels?: { id?: unknown } } | null | undefined;
      const id = config?.labels?.id;
      return typeof id === 'string' && id !== '' ? id.slice(0, 200) : null;
    },
    async systemOpal(signal) {
      const request = { path: '/v1/data/system/opal', signal };
      const response = await http.send(request);
      // Not to be told is not to be without one: what a restarted OPA shows first must not pass for new later.
      if (response.status >= 500 || response.status === 429) throw http.unexpected(request, response);
      return response.status === 200 ? readSystemOpal(resultOf(response)?.value) : null;
    },
    async sentinel(segments, signal) {
      const request = { path: dataPath(segments), signal, maxBytes: sentinelBytes };
      try {
        const response = await http.send(request);
        if (response.status !== 200) return refused(request, response);
        return holds(resultOf(response)?.value) ? 'held' : notHeld(name, segments);
      } catch (error) {
        if (!(error instanceof HttpError) || !isAnswerAtFault(error)) throw error;
        // A page of an error is no document, however long it is.
        return error.problem.code === 'too-large' && error.status === 200 ? 'held' : error.problem;
      }
    },
    close: () => http.close(),
  };
}

const ruleHint = 'Correct the rule or the data there: a failing built-in function is not taken for nobody.';

function isRefusal({ status }: HttpResponse): boolean {
  return status === 401 || status === 403;
}

function refusalOf(token: string | undefined): string {
  return token === undefined ? 'OPA wants a token, and none is configured' : 'OPA refuses the token';
}

/** OPA was reached, and this one request has no good answer: it may be the rule. */
function isAnswerAtFault(error: HttpError): boolean {
  if (error.problem.code === 'timeout') return error.sent;
  return error.problem.code === 'too-large' || error.problem.code === 'redirect-refused';
}

function notHeld(name: string, segments: readonly string[]): Problem {
  return {
    code: 'sentinel',
    message: `${name}: the sentinel data.${segments.join('.')} is empty, false or not there.`,
    hint: 'Nobody is revoked until it is back: see that the policy and the data behind it are loaded.',
  };
}
