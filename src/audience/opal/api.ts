import type { HttpClient, HttpRequest } from '../../lib/http.ts';
import { HttpError } from '../../lib/http-error.ts';
import type { HttpResponse } from '../../lib/http-response.ts';

export interface Registration {
  readonly key: string;
  readonly url: string;
  readonly bearer: string;
}

/** The few requests that are made to an OPAL client. Each throws an HttpError that says what to do. */
export interface OpalApi {
  /** What `GET /policy-store/config` answers; holds OPA's token. */
  policyStore(signal: AbortSignal): Promise<unknown>;
  /** `there`: as we registered it. */
  check(registration: Registration, signal: AbortSignal): Promise<'there' | 'gone' | 'different'>;
  /** Makes or replaces it. */
  register(registration: Registration, signal: AbortSignal): Promise<void>;
  /** Takes it back; it may be gone already. */
  remove(key: string, signal: AbortSignal): Promise<void>;
  /** Asks for all policy anew. OPAL answers before it has loaded it. */
  reloadPolicy(signal: AbortSignal): Promise<void>;
  /** Asks for all data anew. OPAL answers before it has loaded them. */
  reloadData(signal: AbortSignal): Promise<void>;
}

/** ms. Registrations are small and looked at often: an OPAL that takes longer is as good as down. */
const callbackTime = 10_000;
/** ms. The process waits for this one before it ends. */
const removalTime = 5000;

/** `http` has the OPAL client's address and token. */
export function createOpalApi(http: HttpClient): OpalApi {
  async function send(request: HttpRequest): Promise<HttpResponse> {
    const response = await http.send(request);
    if (response.status === 401 || response.status === 403) throw refused(http.unexpected(request, response));
    return response;
  }

  async function sendFor(request: HttpRequest, hint?: string): Promise<HttpResponse> {
    const response = await send(request);
    if (!response.ok) throw http.unexpected(request, response, response.status === 404 ? notOpal : hint);
    return response;
  }

  return {
    async policyStore(signal) {
      const request = { path: '/policy-store/config', signal };
      const response = await sendFor(request);
      try {
        return response.json();
      } catch {
        throw http.unexpected(request, response, notOpal);
      }
    },
    async check(registration, signal) {
      const request = { path: `/callbacks/${encodeURIComponent(registration.key)}`, timeout: callbackTime, signal };
      const response = await send(request);
      if (response.status === 404) return 'gone';
      if (!response.ok) throw http.unexpected(request, response);
      try {
        return isOurs(response.json(), registration) ? 'there' : 'different';
      } catch {
        return 'different';
      }
    },
    async register(registration, signal) {
      const { key, url } = registration;
      // Lower case, else OPAL answers 422. The body that comes is never read, so OPAL need not send data in it.
      const config = { method: 'post', process_data: false, headers: headersOf(registration) };
      await sendFor({ method: 'POST', path: '/callbacks', json: { key, url, config }, timeout: callbackTime, signal });
    },
    async remove(key, signal) {
      const path = `/callbacks/${encodeURIComponent(key)}`;
      const request = { method: 'DELETE', path, timeout: removalTime, signal } as const;
      const response = await send(request);
      if (!response.ok && response.status !== 404) throw http.unexpected(request, response);
    },
    async reloadPolicy(signal) {
      await sendFor({ method: 'POST', path: '/policy-updater/trigger', signal });
    },
    async reloadData(signal) {
      await sendFor({ method: 'POST', path: '/data-updater/trigger', signal });
    },
  };
}

const notOpal = 'Is url the address of the OPAL client (port 7000), not of the OPAL server (port 7002)?';

function headersOf({ bearer }: Registration): Readonly<Record<string, string>> {
  return { 'content-type': 'application/json', Authorization: `Bearer ${bearer}` };
}

// OPAL writes its last report into `config.data` of the registration (seen on 0.9), so only what we said is compared.
function isOurs(entry: unknown, registration: Registration): boolean {
  const { url, config } = (entry ?? {}) as { url?: unknown; config?: { method?: unknown; headers?: unknown } | null };
  if (url !== registration.url || config?.method !== 'post') return false;
  const headers = new Map(
    Object.entries((config.headers ?? {}) as Record<string, unknown>).map(([name, value]) => [
      name.toLowerCase(),
      value,
    ]),
  );
  return Object.entries(headersOf(registration)).every(([name, value]) => headers.get(name.toLowerCase()) === value);
}

function refused(error: HttpError): HttpError {
  const problem = {
    ...error.problem,
    message: `${error.problem.message.slice(0, -1)}: OPAL refuses the token.`,
    hint: 'Configure token with a JWT of peer_type listener: POST {opal-server}/token with the master token and {"type":"listener"}.',
  };
  return new HttpError(problem, { sent: true, ...(error.status !== undefined && { status: error.status }) });
}
