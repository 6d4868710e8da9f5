import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Source } from '../domain/audience.ts';
import type { Config } from '../domain/config.ts';
import type { StateStore } from '../domain/state.ts';

/** What OPAL has to send with a callback for this source: HMAC-SHA256(secret, instance/source), base64url. */
export function callbackBearer(secret: string, instance: string, source: string): string {
  return createHmac('sha256', secret).update(`${instance}/${source}`).digest('base64url');
}

/** Finds whose bearer this is, without telling by the time it takes how much of it was right. */
export function ownerOf(bearer: string, bearers: ReadonlyMap<string, string>): string | undefined {
  const given = Buffer.from(bearer);
  let owner: string | undefined;
  for (const [source, expected] of bearers) {
    const known = Buffer.from(expected);
    if (known.length === given.length && timingSafeEqual(known, given)) owner = source;
  }
  return owner;
}

/** The bearers of all sources, by id: under the configured secret, else under the one that the state keeps. */
export function bearersOf(
  { callbackSecret, instance }: Config,
  sources: readonly Source[],
  store: Pick<StateStore, 'secret'>,
): ReadonlyMap<string, string> {
  const secret = callbackSecret ?? store.secret('callback');
  return new Map(sources.map(({ id }) => [id, callbackBearer(secret, instance, id)]));
}
