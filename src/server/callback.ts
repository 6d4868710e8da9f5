import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from '../domain/problem.ts';
import type { Engine } from '../sync/view.ts';
import { bearerOf } from './access.ts';
import { problems } from './answer.ts';

/** Of any body, in bytes. */
export const bodyLimit = 1024 * 1024;

/**
 * `POST /opa_update`: 401, 413 or 200, straight on Node's own request, because thousands come at once when data change
 * a lot. The body is counted and thrown away: it proves nothing. A hint needs no body, so the engine hears of it as
 * soon as the bearer is known.
 */
export function callbackHook(engine: Engine): (request: FastifyRequest, reply: FastifyReply) => void {
  return (request, reply) => {
    reply.hijack();
    const incoming = request.raw;
    const response = reply.raw;
    const bearer = bearerOf(incoming.headers.authorization);
    if (bearer === undefined || !engine.callback(bearer)) {
      response.setHeader('www-authenticate', 'Bearer');
      return end(response, 401, problems.unknownCallback);
    }
    if (Number(incoming.headers['content-length'] ?? 0) > bodyLimit) return end(response, 413, problems.tooLarge);
    swallow(incoming, response);
  };
}

function swallow(incoming: IncomingMessage, response: ServerResponse): void {
  let bytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bodyLimit && !response.writableEnded) end(response, 413, problems.tooLarge);
  });
  incoming.on('end', () => {
    if (!response.writableEnded) end(response, 200);
  });
  // A sender that goes away in the middle has no answer to be given.
  incoming.on('error', () => {});
}

/**
 * Answers without closing: what is still on its way is read and dropped (Node's time limit ends that), else the sender
 * could see a reset in place of the answer.
 */
export function end(response: ServerResponse, status: number, answer?: Problem | { readonly status: string }): void {
  const body = answer === undefined ? '' : JSON.stringify(answer);
  response.statusCode = status;
  response.setHeader('content-length', Buffer.byteLength(body));
  if (body !== '') response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(body);
}
