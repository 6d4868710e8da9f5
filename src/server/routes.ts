import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../lib/log.ts';
import type { Redactor } from '../lib/redact.ts';
import type { Engine } from '../sync/view.ts';
import type { Operator } from '../tasks/operator.ts';
import type { Access } from './access.ts';
import { problems, refuse } from './answer.ts';
import { callbackHook } from './callback.ts';
import type { Metrics } from './metrics.ts';
import { addOperator, adminOnly } from './operator.ts';
import { readPage } from './page.ts';
import { addRemotePlan, answerSync, type RemoteParts } from './remote.ts';
import { statusTexts } from './status-text.ts';
import { webhookHook } from './webhook.ts';

export interface RouteParts {
  readonly engine: Engine;
  /** Undefined: nothing but a block can be approved here. */
  readonly operator?: Operator | undefined;
  readonly access: Access;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly redact: Redactor;
  /** Of `/webhooks/github`. */
  readonly webhookSecret: () => string | undefined;
  /** Undefined: this instance does nothing for others. */
  readonly remote: RemoteParts | undefined;
}

const json = 'application/json; charset=utf-8';

/** Everything that is answered, each route with its check of who asks, which comes before the body is read. */
export function addRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.route({ method: 'POST', url: '/opa_update', onRequest: callbackHook(parts.engine), handler: unreachable });
  const webhook = webhookHook(parts.engine, parts.webhookSecret);
  app.route({ method: 'POST', url: '/webhooks/github', onRequest: webhook, handler: unreachable });
  addHealth(app, parts);
  addStatus(app, parts);
  addAdmin(app, parts);
  addOperator(app, { ...parts, operator: parts.operator });
  if (parts.remote) addRemotePlan(app, parts.remote);
}

function unreachable(): never {
  throw new Error('answered before');
}

function addHealth(app: FastifyInstance, { engine, access, metrics }: RouteParts): void {
  const ok = (_: FastifyRequest, reply: FastifyReply) => reply.type(json).send('{"status":"ok"}');
  app.get('/health/live', ok);
  app.get('/livez', ok);
  app.get('/readyz', ok);
  app.get('/health/started', (_, reply) => {
    const started = engine.health().phase !== 'starting';
    return reply
      .code(started ? 200 : 503)
      .type(json)
      .send(`{"status":"${started ? 'ok' : 'starting'}"}`);
  });
  app.get('/health', (_, reply) => {
    const { phase, ...counts } = engine.health();
    const code = { starting: 503, ok: 200, failing: 500 }[phase];
    return reply
      .code(code)
      .type(json)
      .send(JSON.stringify({ status: phase, ...counts }));
  });
  app.get('/metrics', {
    onRequest: (request, reply, done) => {
      if (access.mayMeasure(request.headers.authorization, request.headers.host)) return done();
      askForBearer(reply);
    },
    handler: async (_, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  });
}

function addStatus(app: FastifyInstance, { engine, access, redact }: RouteParts): void {
  const textOf = statusTexts(redact);
  const page = readPage();
  const mayRead = ({ headers }: FastifyRequest) => access.mayRead(headers.authorization, headers.host);
  app.get('/', (request, reply) => {
    if (mayRead(request)) return reply.type('text/html; charset=utf-8').send(page.html);
    // A browser cannot send a bearer with an address that was typed in. The page holds no data: it asks for the token.
    reply.header('www-authenticate', 'Bearer').code(401);
    if (request.headers.accept?.includes('text/html')) return reply.type('text/html; charset=utf-8').send(page.html);
    return reply.type(json).send(JSON.stringify(problems.noBearer));
  });
  for (const file of page.files) app.get(file.url, (_, reply) => reply.type(file.type).send(file.body));
  app.get('/api/status', (request, reply) => {
    if (!mayRead(request)) return askForBearer(reply);
    const { body, etag } = textOf(engine.status());
    reply.header('etag', etag);
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type(json).send(body);
  });
}

function addAdmin(app: FastifyInstance, { engine, access, log, remote }: RouteParts): void {
  const nameOf = (request: FastifyRequest) => access.admin(request.headers.authorization) ?? '';

  app.post('/api/sync', adminOnly(access), (request, reply) => {
    const by = nameOf(request);
    log.info({ by }, 'a pass over everything was asked for');
    if (remote && !isBlank(request.body)) return answerSync(request, reply, by, remote);
    engine.sync(by);
    return reply.type(json).send('{"status":"asked"}');
  });
}

function isBlank(body: unknown): boolean {
  return typeof body !== 'string' || body.trim() === '' || body.trim() === '{}';
}

function askForBearer(reply: FastifyReply): FastifyReply {
  return refuse(reply.header('www-authenticate', 'Bearer'), 401, problems.noBearer);
}
