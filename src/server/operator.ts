import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError, UsageError } from '../domain/problem.ts';
import type { Log } from '../lib/log.ts';
import type { Engine } from '../sync/view.ts';
import type { Operator } from '../tasks/operator.ts';
import { readApproval, readOverride, readResume } from '../tasks/operator-wire.ts';
import type { Access } from './access.ts';
import { problems, refuse } from './answer.ts';

export interface OperatorParts {
  readonly engine: Pick<Engine, 'approve'>;
  /** Undefined: nothing but a block can be approved here. */
  readonly operator: Operator | undefined;
  readonly access: Access;
  readonly log: Log;
}

const json = 'application/json; charset=utf-8';

/** What comes before the body of a request that only an admin may make: 403 where nobody is, 401 for anybody else. */
export function adminOnly(access: Access) {
  return {
    onRequest: (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
      if (!access.hasAdmin) return void refuse(reply, 403, problems.noAdmin);
      if (access.admin(request.headers.authorization) !== undefined) return done();
      refuse(reply.header('www-authenticate', 'Bearer'), 401, problems.wrongAdmin);
    },
  };
}

/** `POST /api/approvals`, `/api/overrides` and `/api/resume`: what the commands of the same names do, by a token's name. */
export function addOperator(app: FastifyInstance, { engine, operator, access, log }: OperatorParts): void {
  const only = adminOnly(access);
  const nameOf = (request: FastifyRequest) => access.admin(request.headers.authorization) ?? '';

  app.post('/api/approvals', only, (request, reply) =>
    answered(reply, () => {
      const asked = readApproval(request.body);
      const by = nameOf(request);
      if ('source' in asked) {
        if (operator === undefined) return undefined;
        const { source, until } = operator.openWindow(asked.source, { ...asked, by });
        log.warn({ by, source, until }, 'a window was opened in which the guard asks nobody');
        return { source, until };
      }
      const approval = engine.approve(asked.id, by);
      if (approval === undefined) throw new UsageError(problems.unknownBlock);
      log.info({ by, block: approval.id, until: approval.until }, 'a block was approved');
      return { id: approval.id, until: approval.until };
    }),
  );
  if (operator === undefined) return;
  // What is said here is told by the line, once it goes by it.
  app.post('/api/overrides', only, (request, reply) =>
    answered(reply, () => {
      const { asked, facts } = readOverride(request.body);
      return operator.override(asked, { ...facts, by: nameOf(request) });
    }),
  );
  app.post('/api/resume', only, (request, reply) =>
    answered(reply, () => ({ resumed: operator.resume(readResume(request.body), nameOf(request)) })),
  );
}

/** 400 for what cannot be read, 404 for what is not there, each with what there is. */
function answered(reply: FastifyReply, work: () => object | undefined): FastifyReply {
  try {
    const answer = work();
    if (answer === undefined) return refuse(reply, 404, problems.notFound);
    return reply.type(json).send(JSON.stringify(answer));
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { problem } = error;
    const isUnknown = error instanceof UsageError && problem.code.startsWith('unknown-');
    if (isUnknown) return refuse(reply, 404, problem);
    if (error instanceof UsageError || problem.code === 'bad-body') return refuse(reply, 400, problem);
    throw error;
  }
}
