import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { toProblem } from '../domain/problem.ts';
import type { Log } from '../lib/log.ts';
import type { Redactor } from '../lib/redact.ts';
import type { PlanService } from '../tasks/serve-plan.ts';
import type { SyncService } from '../tasks/serve-sync.ts';
import { planRequestSchema, readBody, syncRequestSchema } from '../tasks/wire.ts';
import type { Access } from './access.ts';
import { problems, refuse } from './answer.ts';
import type { Jobs, JobState } from './jobs.ts';

/** What others ask this instance to do for them. */
export interface RemoteServices {
  readonly plan: PlanService;
  readonly sync: SyncService;
}

export interface RemoteParts {
  readonly services: RemoteServices;
  readonly access: Access;
  readonly jobs: Jobs;
  readonly log: Log;
  readonly redact: Redactor;
  /** How long a request waits for a result before it is told to ask again (ms). */
  readonly patience: number;
}

/** Every flag file of a large repository (bytes). */
const planBodyLimit = 64 * 1024 * 1024;

const json = 'application/json; charset=utf-8';

/**
 * `POST /api/plan`: 200 with the plan of other flag files, or 202 with an id, under which `GET /api/jobs/ID` answers
 * likewise. The token is one for reading: the answer holds counts.
 */
export function addRemotePlan(app: FastifyInstance, parts: RemoteParts): void {
  const { services, access, jobs } = parts;
  const mayAsk = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const { authorization, host } = request.headers;
    if (!access.mayAsk(authorization, host)) {
      return void refuse(reply.header('www-authenticate', 'Bearer'), 401, problems.noBearer);
    }
    // A page of another site can send anything else to 127.0.0.1 without being asked for leave.
    if (request.method === 'POST' && !/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
      return void refuse(reply, 400, problems.notJson);
    }
    done();
  };
  app.post('/api/plan', { onRequest: mayAsk, bodyLimit: planBodyLimit }, async (request, reply) => {
    const asked = attempt(() => readBody(planRequestSchema, textOf(request)));
    if ('error' in asked) return refuse(reply, 400, toProblem(asked.error));
    return answerJob(
      reply,
      parts,
      'plan',
      jobs.start('plan', signal => services.plan(asked.value, signal)),
    );
  });
  app.get<{ Params: { id: string } }>('/api/jobs/:id', async (request, reply) => {
    const { authorization, host } = request.headers;
    const { id } = request.params;
    // An id that nobody can guess is of use to no other token.
    if (access.admin(authorization) !== undefined) {
      const found = await jobs.wait('sync', id, 0);
      if (found) return answerJob(reply, parts, 'sync', id);
    }
    if (!access.mayAsk(authorization, host)) {
      return refuse(reply.header('www-authenticate', 'Bearer'), 401, problems.noBearer);
    }
    return answerJob(reply, parts, 'plan', id);
  });
}

/** `POST /api/sync` with a body: waits for what comes of it, as a plan does. The caller has seen the admin token. */
export async function answerSync(
  request: FastifyRequest,
  reply: FastifyReply,
  by: string,
  parts: RemoteParts,
): Promise<FastifyReply> {
  const asked = attempt(() => readBody(syncRequestSchema, textOf(request)));
  if ('error' in asked) return refuse(reply, 400, toProblem(asked.error));
  const { services, jobs } = parts;
  return answerJob(
    reply,
    parts,
    'sync',
    jobs.start('sync', signal => services.sync(asked.value, by, signal)),
  );
}

async function answerJob(
  reply: FastifyReply,
  { jobs, patience, log, redact }: RemoteParts,
  kind: string,
  id: string | undefined,
): Promise<FastifyReply> {
  if (id === undefined) return refuse(reply.header('retry-after', '5'), 429, problems.tooMany);
  const state = await jobs.wait(kind, id, patience);
  if (state === undefined) return refuse(reply, 404, problems.unknownJob);
  return answerState(reply, id, state, { log, redact });
}

function answerState(
  reply: FastifyReply,
  id: string,
  state: JobState,
  { log, redact }: Pick<RemoteParts, 'log' | 'redact'>,
): FastifyReply {
  const shown = (_: string, value: unknown) => (typeof value === 'string' ? redact(value) : value);
  switch (state.state) {
    case 'working':
      return reply.code(202).type(json).send(JSON.stringify({ id }));
    case 'done':
      return reply.type(json).send(JSON.stringify(state.result, shown));
    case 'failed': {
      const problem = toProblem(state.error);
      if (problem.code !== 'internal') return refuse(reply, 409, problem);
      log.error({ err: state.error }, 'a request could not be answered');
      return refuse(reply, 500, problems.broken);
    }
  }
}

type Attempt<Value> = { readonly value: Value } | { readonly error: unknown };

function attempt<Value>(call: () => Value): Attempt<Value> {
  try {
    return { value: call() };
  } catch (error) {
    return { error };
  }
}

function textOf({ body }: FastifyRequest): string {
  return typeof body === 'string' ? body : '';
}
