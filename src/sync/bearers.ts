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

/** What callbacks are signed with: the configured secret, else the one that the state keeps. */
export function callbackSecretOf(
  { callbackSecret }: Pick<Config, 'callbackSecret'>,
  store: Pick<StateStore, 'secret'>,
): string {
  return callbackSecret ?? store.secret('callback');
}

/** The bearers of all sources, by id. */
export function bearersOf(
  config: Config,
  sources: readonly Source[],
  store: Pick<StateStore, 'secret'>,
): ReadonlyMap<string, string> {
  const secret = callbackSecretOf(config, store);
  return new Map(sources.map(({ id }) => [id, callbackBearer(secret, config.instance, id)]));
}
