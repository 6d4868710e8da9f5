import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type Clock, systemClock } from './clock.ts';
import { createRedactor } from './redact.ts';
import { createDispatcher, type Network, type TlsFiles } from './http-connections.ts';
import { type Answered, Exchange } from './http-exchange.ts';
import { Pieces } from './http-pieces.ts';
import { HttpError, type HttpProblem, isClosed, wordsFor } from './http-error.ts';
import { joined, type Place, placeOf } from './http-place.ts';
import { gunzip, HttpResponse } from './http-response.ts';
import { retryAfterMs } from './retry-after.ts';

export interface HttpClientOptions {
  /** Begins every message: `target rest`, `OPA of source example-opal`. */
  readonly name: string;
  /** http or https, with or without a path; `user:password@` becomes a header. Without it each request names its url. */
  readonly baseUrl?: string;
  /** Sent with each request; names in any case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** ms for a whole request, until the last byte of its answer. */
  readonly timeout: number;
  /** The largest answer that is read. */
  readonly maxBytes: number;
  readonly tls?: TlsFiles | undefined;
  /** Taken out of every message, should the address hold one. */
  readonly secrets?: readonly string[];
  readonly clock?: Clock;
  /** Default: connections of its own. */
  readonly network?: Network | undefined;
}

export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Behind the base url's path, encoded already, begins with `/`; may have a query. */
  readonly path?: string;
  /** Instead of `path`: an absolute address. */
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is; give its content-type. */
  readonly body?: string | Uint8Array | Pieced;
  readonly signal?: AbortSignal;
  /** In place of the client's. */
  readonly timeout?: number;
  readonly maxBytes?: number;
  /** Let the answer be packed: pays over slow networks only. */
  readonly gzip?: boolean;
  /** Sees each piece of the body as it arrives (packed, with `gzip`). */
  readonly onChunk?: (chunk: Buffer) => void;
  /** About so many bytes will come: a large body then arrives in one piece, which nobody has to join. */
  readonly expected?: number;
}

/** A body in pieces, sent one after the other: a large one is not copied. */
export interface Pieced {
  readonly pieces: readonly Uint8Array[];
  /** Bytes of all. */
  readonly length: number;
}

/** The one HTTP client of the house. Every failure is an HttpError; an abort by the caller is the caller's reason. */
export interface HttpClient {
  /** Any status is an answer, but for redirects, which are refused. */
  send(request: HttpRequest): Promise<HttpResponse>;
  /** A 2xx answer as JSON; else HttpError `http-status` or `bad-json`. */
  json(request: HttpRequest): Promise<unknown>;
  /** An error (`http-status`) for an answer that the caller cannot use. */
  unexpected(request: HttpRequest, response: HttpResponse, hint?: string): HttpError;
  close(): Promise<void>;
}

/** Why a request was ended, for undici: what the caller hears is told by what ended it. */
const ended = new Error('ended');

const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * Makes a client with connections of its own. Throws an HttpError for an address that is none (`http-settings`) and for
 * certificate files that cannot be read (`tls`).
 */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const clock = options.clock ?? systemClock;
  const redact = createRedactor(options.secrets ?? []);
  const base = options.baseUrl === undefined ? undefined : placeOf(options.baseUrl, options.name);
  const dispatcher = (options.network ?? createDispatcher)(options.name, options.tls);
  const ownHeaders = { 'user-agent': 'optoggles', ...lowerCased(options.headers) };

  function placeFor(request: HttpRequest): Place {
    if (request.url !== undefined) return placeOf(request.url, options.name);
    if (base === undefined) throw new TypeError('an HTTP request needs a url or a client with a baseUrl');
    return request.path === undefined ? base : { ...base, path: joined(base.path, request.path) };
  }

  function fail(
    request: HttpRequest,
    what: string,
    rest: { code: HttpProblem['code']; hint: string; sent: boolean; status?: number; retryAfter?: number | undefined },
  ): HttpError {
    const place = placeFor(request);
    const at = `${request.method ?? 'GET'} ${place.host}${place.path.replace(/\?.*$/s, '')}`;
    const problem = { code: rest.code, message: redact(`${options.name}: ${what} (${at}).`), hint: rest.hint };
    return new HttpError(problem, {
      sent: rest.sent,
      ...(rest.status !== undefined && { status: rest.status }),
      ...(rest.retryAfter !== undefined && { retryAfter: rest.retryAfter }),
    });
  }

  function unexpected(request: HttpRequest, response: HttpResponse, hint?: string): HttpError {
    return fail(request, `answered ${response.status}`, {
      code: 'http-status',
      hint: hint ?? hintFor(response.status),
      sent: true,
      status: response.status,
      retryAfter: retryAfterMs(response.header('retry-after'), clock.now()),
    });
  }

  function optionsOf(request: HttpRequest, place: Place): Dispatcher.DispatchOptions {
    const { json, body } = request;
    const isPieced = typeof body === 'object' && 'pieces' in body;
    return {
      origin: place.origin,
      path: place.path,
      method: request.method ?? 'GET',
      headers: {
        ...ownHeaders,
        ...place.headers,
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...(request.gzip && { 'accept-encoding': 'gzip' }),
        ...(isPieced && { 'content-length': String(body.length) }),
        ...lowerCased(request.headers),
      },
      body: json !== undefined ? JSON.stringify(json) : isPieced ? streamOf(body) : (body ?? null),
    };
  }

  async function send(request: HttpRequest): Promise<HttpResponse> {
    const place = placeFor(request);
    const limit = request.timeout ?? options.timeout;
    const maxBytes = request.maxBytes ?? options.maxBytes;
    const signal = request.signal;
    let exchange: Exchange | undefined;
    let late = false;
    const onAbort = () => exchange?.abort(ended);
    const cancelTimer = clock.after(limit, () => {
      late = true;
      exchange?.abort(ended);
    });

    async function exchanged(pieces: Pieces): Promise<Answered> {
      exchange = new Exchange((chunk, status) => {
        pieces.add(chunk);
        if (pieces.size > maxBytes) throw tooLarge(request, maxBytes, status);
        request.onChunk?.(chunk);
      });
      dispatcher.dispatch(optionsOf(request, place), exchange);
      return exchange.answered;
    }

    try {
      signal?.throwIfAborted();
      signal?.addEventListener('abort', onAbort, { once: true });
      const pieces = new Pieces(request.expected);
      let answer: Answered;
      try {
        answer = await exchanged(pieces);
      } catch (error) {
        // A kept connection that the other side closes just now; RFC 9112, 9.3.1: what is idempotent may go again.
        const mayGoAgain = (request.method ?? 'GET') === 'GET' && !exchange?.begun && !late && !signal?.aborted;
        if (!mayGoAgain || !isClosed(error)) throw error;
        answer = await exchanged(pieces);
      }
      if (redirects.has(answer.statusCode)) {
        throw fail(request, `answered ${answer.statusCode}, a redirect, and redirects are not followed`, {
          code: 'redirect-refused',
          hint: 'Configure the address that it leads to, if that is yours.',
          sent: true,
          status: answer.statusCode,
        });
      }
      const { statusCode, headers } = answer;
      return new HttpResponse(statusCode, headers, unpacked(request, answer, pieces.all(), maxBytes));
    } catch (error) {
      if (error instanceof HttpError) throw error;
      if (signal?.aborted) throw signal.reason;
      if (late) {
        throw fail(request, `no whole answer within ${Math.round(limit / 100) / 10} s`, {
          code: 'timeout',
          hint: 'It is tried again; if it goes on, see what keeps the other side busy, or raise the time limit.',
          sent: true,
        });
      }
      const words = wordsFor(error, place.host);
      throw fail(request, words.what, words);
    } finally {
      cancelTimer();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  function unpacked(request: HttpRequest, answer: Answered, chunks: Buffer[], maxBytes: number): Buffer[] {
    if (request.gzip !== true || answer.headers['content-encoding'] !== 'gzip') return chunks;
    try {
      return [gunzip(Buffer.concat(chunks), maxBytes)];
    } catch (error) {
      if (error instanceof RangeError) throw tooLarge(request, maxBytes, answer.statusCode);
      throw error;
    }
  }

  function tooLarge(request: HttpRequest, maxBytes: number, status: number): HttpError {
    return fail(request, `the answer is larger than ${maxBytes} bytes`, {
      code: 'too-large',
      hint: 'Make the answer smaller, or raise the limit where there is one to be configured.',
      sent: true,
      status,
    });
  }

  return {
    send,
    unexpected,
    async json(request) {
      const response = await send(request);
      if (!response.ok) throw unexpected(request, response);
      try {
        return response.json();
      } catch {
        throw fail(request, `answered ${response.status} with a body that is no JSON`, {
          code: 'bad-json',
          hint: 'Look at the address: something else seems to answer there.',
          sent: true,
          status: response.status,
        });
      }
    },
    async close() {
      await dispatcher.destroy();
    },
  };
}

function streamOf({ pieces }: Pieced): Readable {
  const stream = Readable.from(pieces, { objectMode: false });
  // A request that ends early ends it too, and says so itself.
  stream.on('error', () => {});
  return stream;
}

function lowerCased(headers: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name in headers) result[name.toLowerCase()] = headers[name] as string;
  return result;
}

function hintFor(status: number): string {
  if (status === 401 || status === 403)
    return 'Look at the configured token: is it there, still valid, and allowed to?';
  if (status === 404) return 'Look at the configured address and path.';
  if (status === 429) return 'It asks for patience; it is tried again later.';
  if (status >= 500) return 'It is tried again; if it goes on, look at the log of the other side.';
  return 'Look at the configured address, and at the log of the other side.';
}
