import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from '../domain/problem.ts';
import type { Engine } from '../sync/view.ts';
import { problems } from './answer.ts';
import { bodyLimit, end } from './callback.ts';

/**
 * `POST /webhooks/github`: 403 without a configured secret, then 413 over 1 MiB, 401 for a wrong signature, else 200. A
 * push of the ref that counts makes the engine look for news; it proves nothing more, so what it says is not used.
 * https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
 */
export function webhookHook(
  engine: Engine,
  secretNow: () => string | undefined,
): (request: FastifyRequest, reply: FastifyReply) => void {
  return (request, reply) => {
    reply.hijack();
    const incoming = request.raw;
    const response = reply.raw;
    const secret = secretNow();
    if (engine.pushed === undefined) return end(response, 404, webhookProblems.noRepository);
    if (secret === undefined) return end(response, 403, webhookProblems.noSecret);
    if (Number(incoming.headers['content-length'] ?? 0) > bodyLimit) return end(response, 413, problems.tooLarge);
    collect(incoming, response, body => {
      const signature = incoming.headers['x-hub-signature-256'];
      if (!isSigned(body, String(signature ?? ''), secret)) return end(response, 401, webhookProblems.badSignature);
      const said = answerTo(engine, String(incoming.headers['x-github-event'] ?? ''), body);
      if (said === undefined) return end(response, 400, webhookProblems.badBody);
      end(response, 200, { status: said });
    });
  };
}

const webhookProblems = {
  noRepository: {
    code: 'not-found',
    message: 'The flags do not come from a repository.',
    hint: 'Set "flags: { git: … }", or take the webhook away.',
  },
  noSecret: {
    code: 'no-webhook-secret',
    message: 'No webhook is taken: no secret is configured for it.',
    hint: 'Set "flags.webhookSecret" and restart, and give the webhook the same secret.',
  },
  badSignature: {
    code: 'unauthorized',
    message: 'The signature is not that of the configured secret.',
    hint: 'Give the webhook the secret of "flags.webhookSecret".',
  },
  badBody: { code: 'bad-body', message: 'The body is no event.', hint: 'Send the event as JSON or as a form.' },
} as const satisfies Readonly<Record<string, Problem>>;

/** Whether `sha256=…` is the HMAC of the body; takes the same time wherever it differs. */
export function isSigned(body: Buffer, signature: string, secret: string): boolean {
  const given = /^sha256=([0-9a-f]{64})$/.exec(signature)?.[1];
  const right = createHmac('sha256', secret).update(body).digest();
  return given !== undefined && timingSafeEqual(Buffer.from(given, 'hex'), right);
}

/** What the event asks for; undefined: it cannot be read. */
function answerTo(engine: Engine, event: string, body: Buffer): string | undefined {
  if (event === 'ping') return 'ok';
  if (event !== 'push') return 'ignored';
  const push = parse(body.toString('utf8'));
  if (push === undefined) return undefined;
  return engine.pushed?.(push.ref, push.defaultBranch) === true ? 'asked' : 'ignored';
}

interface Push {
  readonly ref: string;
  readonly defaultBranch: string | undefined;
}

/** GitHub sends JSON, or a form with it in `payload`. */
function parse(body: string): Push | undefined {
  try {
    const text = body.startsWith('payload=') ? new URLSearchParams(body).get('payload') : body;
    const parsed: unknown = JSON.parse(text ?? '');
    if (parsed === null || typeof parsed !== 'object' || !('ref' in parsed) || typeof parsed.ref !== 'string') {
      return undefined;
    }
    const repository: unknown = 'repository' in parsed ? parsed.repository : undefined;
    const isNamed = repository !== null && typeof repository === 'object' && 'default_branch' in repository;
    const name = isNamed ? repository.default_branch : undefined;
    return { ref: parsed.ref, defaultBranch: typeof name === 'string' ? name : undefined };
  } catch {
    return undefined;
  }
}

function collect(incoming: IncomingMessage, response: ServerResponse, whole: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= bodyLimit) chunks.push(chunk);
    else if (!response.writableEnded) end(response, 413, problems.tooLarge);
  });
  incoming.on('end', () => {
    if (!response.writableEnded) whole(Buffer.concat(chunks));
  });
  // A sender that goes away in the middle has no answer to be given.
  incoming.on('error', () => {});
}
