import { readFileSync } from 'node:fs';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { HttpError } from './http-error.ts';

/** Absolute paths of PEM files. `ca` is trusted instead of the system's authorities. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Makes what carries a client's requests; passed in where there is no network, as in a simulation. */
export type Network = (
  name: string,
  tls: TlsFiles | undefined,
) => Pick<Dispatcher, 'dispatch'> & { destroy(): Promise<void> };

const connectTimeout = 10_000;

/**
 * Connections that are kept alive, through HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment. Throws an HttpError
 * (`tls`) for a certificate file that cannot be read.
 */
export function createDispatcher(name: string, tls: TlsFiles | undefined): Dispatcher {
  const certificates = {
    ...(tls?.ca !== undefined && { ca: pem(name, 'ca', tls.ca) }),
    ...(tls?.cert !== undefined && { cert: pem(name, 'cert', tls.cert) }),
    ...(tls?.key !== undefined && { key: pem(name, 'key', tls.key) }),
  };
  const options = {
    // One answer at a time on a connection: nothing here wins by HTTP/2, and a reset then costs one request, not all.
    allowH2: false,
    connections: 64,
    // OPAL's server (uvicorn) closes idle connections after 5 s: be the first, so that no request meets the closing.
    keepAliveTimeout: 4000,
    connect: { ...certificates, timeout: connectTimeout },
    requestTls: { ...certificates, timeout: connectTimeout },
    // undici's own timers are coarse and know no total; the client has one.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  // Without a proxy there is nothing to look up for each request.
  return hasProxy(process.env) ? new EnvHttpProxyAgent(options) : new Agent(options);
}

/** As EnvHttpProxyAgent reads them, once, when it is made. */
function hasProxy(env: NodeJS.ProcessEnv): boolean {
  return ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY'].some(name => Boolean(env[name]));
}

function pem(name: string, what: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw unusable(name, what, `${path} cannot be read`);
  }
  if (!text.includes('-----BEGIN ')) throw unusable(name, what, `${path} is no PEM file`);
  return text;
}

function unusable(name: string, what: string, why: string): HttpError {
  const problem = {
    code: 'tls',
    message: `${name}: tls.${what}: ${why}.`,
    hint: 'Give the path of a PEM file that this process may read.',
  } as const;
  return new HttpError(problem, { sent: false });
}
