import type { FastifyReply } from 'fastify';
import type { Problem } from '../domain/problem.ts';

/** Said with every answer: nothing here is to be framed, cached, sniffed or loaded by another site. */
export const safeHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** An answer that says what is wrong and what to do, as JSON. */
export function refuse(reply: FastifyReply, status: number, problem: Problem): FastifyReply {
  return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(problem));
}

export const problems = {
  notFound: { code: 'not-found', message: 'There is nothing at this address.', hint: 'The status page is at /.' },
  wrongMethod: (allowed: string): Problem => ({
    code: 'wrong-method',
    message: 'This address does not take this method.',
    hint: `Use ${allowed}.`,
  }),
  noBearer: {
    code: 'unauthorized',
    message: 'A known bearer token is needed here.',
    hint: 'Send "Authorization: Bearer …" with one of adminTokens or readTokens of the configuration.',
  },
  unknownCallback: {
    code: 'unauthorized',
    message: "No source's callback has this bearer.",
    hint: 'OPToggles registers its callbacks itself; look at GET /callbacks of the OPAL client.',
  },
  wrongAdmin: {
    code: 'unauthorized',
    message: 'An admin token is needed here.',
    hint: 'Send "Authorization: Bearer …" with one of adminTokens of the configuration.',
  },
  noAdmin: {
    code: 'no-admin-token',
    message: 'Nobody may do this over HTTP: no admin token is configured.',
    hint: 'Configure adminTokens and restart, or say it with optoggles approve, off, deny, pause or resume where the state folder is.',
  },
  tooLarge: {
    code: 'body-too-large',
    message: 'The body is larger than 1 MiB.',
    hint: 'Send less.',
  },
  badBody: {
    code: 'bad-body',
    message: 'The body is not what is expected here.',
    hint: 'Send JSON: {"id": "the id of the block"}.',
  },
  notJson: {
    code: 'bad-body',
    message: 'The body is not said to be JSON.',
    hint: 'Send it with "content-type: application/json".',
  },
  tooLargeHere: {
    code: 'body-too-large',
    message: 'The body is larger than what is taken here.',
    hint: 'Send less: of a plan, the flag files alone.',
  },
  tooMany: {
    code: 'too-many-requests',
    message: 'As much as is done at once is being done already.',
    hint: 'Ask again in a few seconds.',
  },
  unknownJob: {
    code: 'unknown-job',
    message: 'There is nothing under this id, or not any more.',
    hint: 'Ask for the plan, or for the sync, again.',
  },
  badRequest: { code: 'bad-request', message: 'The request cannot be read.', hint: 'Check its address and headers.' },
  unknownBlock: {
    code: 'unknown-block',
    message: 'No block has this id.',
    hint: 'GET /api/status lists the blocks; a block that came to an end needs no approval.',
  },
  broken: {
    code: 'internal',
    message: 'The request could not be answered.',
    hint: 'The log says why; report it with that line.',
  },
} as const;
