import type * as http from 'node:http';

/** A request as it came in, in order. `status` is 0 until it was answered, and stays so where it never is. */
export interface RestRequest {
  readonly order: number;
  /** ms since the epoch, when the head arrived. */
  readonly at: number;
  readonly method: string;
  /** With its query, as it came. */
  readonly path: string;
  /** Undefined for the collection, and for any other place. */
  readonly key: string | undefined;
  readonly headers: http.IncomingHttpHeaders;
  /** The body as text; undefined while it is on its way. */
  text: string | undefined;
  status: number;
  applied: boolean;
}

export interface FakeRestApiOptions {
  /** Headers that every request must carry, else 401. */
  readonly require?: Readonly<Record<string, string>>;
  /** Bytes; more is a 413. */
  readonly bodyLimit?: number;
  /** What GET shows: everything, everything but `users`, or nothing at all (405). */
  readonly get?: 'all' | 'no-users' | 'none';
  /** The status of a good POST and PATCH. A 200 or 201 carries the toggle as body. */
  readonly created?: 200 | 201 | 204;
  readonly updated?: 200 | 204;
  /** Called as soon as a write took effect, answered or not. */
  readonly onApplied?: (request: RestRequest) => void;
}

/** A toggle as the platform keeps it: free fields, and who has it. */
export type Stored = Readonly<Record<string, unknown>> & { readonly users?: unknown };

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What the write makes of the toggle; absent for reads and refusals. */
  readonly store?: { readonly key: string; readonly toggle: Stored };
}

/** True for an array of strings. */
export function isUsers(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(member => typeof member === 'string');
}

function refusal(status: number, reason: string): Answer {
  return { status, body: JSON.stringify({ error: reason }) };
}

/** What a careful platform answers to one request. Changes nothing; `store` says what a good write does. */
export function strictAnswer(
  request: RestRequest,
  text: string,
  toggles: ReadonlyMap<string, Stored>,
  options: FakeRestApiOptions,
): Answer {
  for (const [name, value] of Object.entries(options.require ?? {})) {
    if (request.headers[name.toLowerCase()] !== value) return refusal(401, `${name} is missing or wrong`);
  }
  if (request.key === undefined && !/^\/toggles\/?(\?|$)/.test(request.path)) return refusal(404, 'nothing is here');
  if (request.method === 'GET') return read(request, toggles, options);
  if (request.method !== 'POST' && request.method !== 'PATCH') return refusal(405, 'no such method');
  if (!/^application\/json(;|$)/.test(request.headers['content-type'] ?? '')) return refusal(415, 'not JSON');
  if (Buffer.byteLength(text) > (options.bodyLimit ?? Number.POSITIVE_INFINITY)) return refusal(413, 'too large');
  const body = parsed(text);
  if (body === undefined) return refusal(400, 'no JSON object');
  return request.method === 'POST' ? create(request, body, toggles, options) : update(request, body, toggles, options);
}

function read(request: RestRequest, toggles: ReadonlyMap<string, Stored>, options: FakeRestApiOptions): Answer {
  if (options.get === 'none') return refusal(405, 'write only');
  const toggle = request.key === undefined ? undefined : toggles.get(request.key);
  if (toggle === undefined) return refusal(404, 'no such toggle');
  const { users, ...rest } = toggle;
  // As real ones do, it shows fields that nobody wrote.
  const shown = { id: `t-${request.key}`, key: request.key, ...rest, updatedAt: '2026-01-01T00:00:00Z' };
  return { status: 200, body: JSON.stringify(options.get === 'no-users' ? shown : { ...shown, users }) };
}

function create(
  request: RestRequest,
  body: Readonly<Record<string, unknown>>,
  toggles: ReadonlyMap<string, Stored>,
  options: FakeRestApiOptions,
): Answer {
  if (request.key !== undefined) return refusal(405, 'POST goes to the collection');
  const { key, ...rest } = body;
  if (typeof key !== 'string' || key === '') return refusal(400, 'no key');
  if ('users' in body) return refusal(400, 'a new toggle has no users');
  if (toggles.has(key)) return refusal(409, 'it exists');
  const toggle = { ...rest, users: [] };
  return good(options.created ?? 201, key, toggle);
}

function update(
  request: RestRequest,
  body: Readonly<Record<string, unknown>>,
  toggles: ReadonlyMap<string, Stored>,
  options: FakeRestApiOptions,
): Answer {
  const { key } = request;
  const before = key === undefined ? undefined : toggles.get(key);
  if (key === undefined || before === undefined) return refusal(404, 'no such toggle');
  if ('key' in body) return refusal(400, 'a key cannot be changed');
  if (!isUsers(body.users)) return refusal(422, 'users is no array of strings');
  return good(options.updated ?? 200, key, { ...before, ...body });
}

function good(status: number, key: string, toggle: Stored): Answer {
  const store = { key, toggle };
  return status === 204 ? { status, store } : { status, store, body: JSON.stringify({ key, ...toggle }) };
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
