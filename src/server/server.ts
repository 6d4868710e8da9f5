import { isIPv6, type AddressInfo, type Socket } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type Problem, ProblemError } from '../domain/problem.ts';
import type { Log } from '../lib/log.ts';
import type { Redactor } from '../lib/redact.ts';
import type { Engine } from '../sync/view.ts';
import type { Operator } from '../tasks/operator.ts';
import { type AccessConfig, createAccess } from './access.ts';
import { problems, refuse, safeHeaders } from './answer.ts';
import { bodyLimit } from './callback.ts';
import { createJobs } from './jobs.ts';
import type { Metrics } from './metrics.ts';
import type { RemoteServices } from './remote.ts';
import { addRoutes } from './routes.ts';

export interface ServerParts {
  readonly engine: Engine;
  /** What admins may say against git and policy; undefined: nothing. */
  readonly operator?: Operator;
  readonly config: AccessConfig;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Applied to what `/api/status` says. */
  readonly redact?: Redactor;
  /** Of the webhook that tells of pushes to the flags repository; undefined: none is taken. Read at each request. */
  readonly webhookSecret?: string | undefined;
  /** What others may ask of this instance; undefined: nothing. */
  readonly services?: RemoteServices | undefined;
  readonly limits?: Partial<ServerLimits>;
}

/** In ms. */
export interface ServerLimits {
  /** From a request's first byte to its last. */
  readonly slowSender: number;
  /** For what is in flight when the server closes. */
  readonly closing: number;
  /** How long a request waits for work that takes longer, before it is told to ask again. */
  readonly patience: number;
}

const defaultLimits: ServerLimits = { slowSender: 10_000, closing: 5_000, patience: 20_000 };
/** A connection on which nothing moves, as when the answer is not read. */
const stalledAfter = 30_000;

export interface HttpServer {
  /** Gives where it listens (port 0: one that is free). Throws a ProblemError where it cannot. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>;
  /** Takes no more, ends idle connections at once and the others within the limit. */
  close(): Promise<void>;
  /** For tests that need no socket. */
  readonly inject: FastifyInstance['inject'];
}

/** The HTTP of the long-running mode: callbacks, health, metrics, status and the operators' requests. */
export function createServer(parts: ServerParts): HttpServer {
  const limits = { ...defaultLimits, ...parts.limits };
  const app = fastify({
    bodyLimit,
    requestTimeout: limits.slowSender,
    connectionTimeout: stalledAfter,
    forceCloseConnections: 'idle',
    http: {
      headersTimeout: limits.slowSender,
      connectionsCheckingInterval: Math.min(1000, Math.ceil(limits.slowSender / 4)),
    },
    clientErrorHandler: unreadable,
    frameworkErrors: (_, __, reply) => void refuse(reply as FastifyReply, 400, problems.badRequest),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) => done(null, body));
  app.addHook('onRequest', beforeAll(app));
  app.setNotFoundHandler((_, reply) => refuse(reply, 404, problems.notFound));
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, parts.log));
  const access = createAccess(parts.config);
  const redact = parts.redact ?? (text => text);
  const jobs = createJobs();
  const { engine, operator, metrics, log, services } = parts;
  const webhookSecret = () => parts.webhookSecret;
  const remote = services && { services, access, jobs, log, redact, patience: limits.patience };
  addRoutes(app, { engine, operator, access, metrics, log, redact, webhookSecret, remote });
  return {
    inject: app.inject.bind(app),
    listen: (host, port) => listen(app, host, port),
    close() {
      jobs.stop();
      return close(app, limits.closing);
    },
  };
}

const known: Readonly<Record<string, string>> = {
  '/opa_update': 'POST',
  '/webhooks/github': 'POST',
  '/api/plan': 'POST',
  '/api/sync': 'POST',
  '/api/approvals': 'POST',
  '/api/overrides': 'POST',
  '/api/resume': 'POST',
};

/** Headers for all; and what no route takes is answered before its body is read. */
function beforeAll(app: FastifyInstance) {
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    reply.headers(safeHeaders);
    if (!request.is404) return done();
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = known[path] ?? (app.hasRoute({ method: 'GET', url: path }) ? 'GET, HEAD' : undefined);
    if (allowed === undefined) refuse(reply, 404, problems.notFound);
    else refuse(reply.header('allow', allowed), 405, problems.wrongMethod(allowed));
  };
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status === 413) {
    const isPlan = request.routeOptions.url === '/api/plan';
    return refuse(reply, 413, isPlan ? problems.tooLargeHere : problems.tooLarge);
  }
  if (status >= 400 && status < 500) return refuse(reply, 400, problems.badRequest);
  log.error({ err: error }, 'a request could not be answered');
  return refuse(reply, 500, problems.broken);
}

const clientErrors: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
};

/** What does not even parse as HTTP, or comes too slowly: a short answer, then the connection ends. */
function unreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) {
    const status = clientErrors[error.code ?? ''] ?? '400 Bad Request';
    socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  }
  socket.destroy();
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<{ host: string; port: number }> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw new ProblemError(listenProblem(error, host, port), { cause: error });
  }
  const address = app.server.address() as AddressInfo;
  return { host: address.address, port: address.port };
}

function listenProblem(error: unknown, host: string, port: number): Problem {
  const where = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'EADDRINUSE':
      return {
        code: 'port-in-use',
        message: `Another program listens on ${where}.`,
        hint: 'Stop it (it may be another OPToggles), or set another port in "bind" of the configuration.',
      };
    case 'EACCES':
      return {
        code: 'port-not-allowed',
        message: `Listening on ${where} is not allowed.`,
        hint: 'Set a port of 1024 or above in "bind" of the configuration.',
      };
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        code: 'address-not-available',
        message: `This machine has no address ${where}.`,
        hint: 'Set an address of this machine in "bind" of the configuration: 127.0.0.1, or 0.0.0.0 for all.',
      };
    default:
      return {
        code: 'cannot-listen',
        message: `Listening on ${where} failed${code === '' ? '' : ` (${code})`}.`,
        hint: 'Check "bind" of the configuration.',
      };
  }
}

async function close(app: FastifyInstance, within: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), within);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
  }
}
