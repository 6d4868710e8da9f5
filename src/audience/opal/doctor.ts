import type { Check } from '../../domain/checkup.ts';
import { toProblem } from '../../domain/problem.ts';
import type { Clock } from '../../lib/clock.ts';
import { claimsOf } from '../../lib/jwt.ts';
import type { OpalApi, Registration } from './api.ts';

const soon = 14 * 24 * 60 * 60_000;
const newToken = 'Get a new one: POST {opal-server}/token with the master token and {"type":"listener"}.';

/** What OPAL says of our token and of our callback. Yields its findings; changes nothing. */
export async function* checkOpal(
  api: Pick<OpalApi, 'check'>,
  settings: { readonly token: string | undefined; readonly registration: Registration | undefined },
  clock: Pick<Clock, 'now'>,
  signal: AbortSignal,
): AsyncGenerator<Check> {
  const { token, registration } = settings;
  if (token !== undefined && token !== '') yield checkToken(token, clock.now());
  if (registration === undefined) return;
  try {
    const found = await api.check(registration, signal);
    yield found === 'different'
      ? {
          what: 'callback',
          state: 'warn',
          message: 'OPAL has a callback of ours that is not as the configuration says.',
          hint: 'A running instance corrects it by itself; is there another one with the same "instance"?',
        }
      : {
          what: 'callback',
          state: 'ok',
          message:
            found === 'there'
              ? `OPAL calls back at ${registration.url}.`
              : 'Nothing is registered; a running instance registers it.',
        };
  } catch (error) {
    if (signal.aborted) throw error;
    const { message, hint } = toProblem(error);
    yield { what: 'callback', state: 'fail', message, ...(hint !== undefined && { hint }) };
  }
}

/** OPAL's tokens are JWTs with the role in `peer_type`: seen on 0.9. What is no JWT is left to OPAL. */
export function checkToken(token: string, now: number): Check {
  const claims = claimsOf(token);
  if (claims === undefined)
    return { what: 'token', state: 'ok', message: 'It is no JWT, so nothing can be told of it here.' };
  const { peer_type: role, exp } = claims;
  if (typeof role === 'string' && role !== 'listener') {
    return {
      what: 'token',
      state: 'fail',
      message: `It is a token of peer_type ${JSON.stringify(role.slice(0, 40))}: OPAL lets only a listener register callbacks.`,
      hint: newToken,
    };
  }
  if (typeof exp !== 'number') return { what: 'token', state: 'ok', message: 'It does not expire.' };
  const until = exp * 1000;
  const day = new Date(Math.min(until, 8.64e15)).toISOString().slice(0, 10);
  if (until <= now) return { what: 'token', state: 'fail', message: `It expired on ${day}.`, hint: newToken };
  if (until - now < soon) return { what: 'token', state: 'warn', message: `It expires on ${day}.`, hint: newToken };
  return { what: 'token', state: 'ok', message: `It is valid until ${day}.` };
}
