import type { Hint } from '../../domain/audience.ts';
import { ProblemError, toProblem } from '../../domain/problem.ts';
import { backoffDelay } from '../../lib/backoff.ts';
import type { SourceContext } from '../kind.ts';
import type { OpalApi, Registration } from './api.ts';

/**
 * What is registered with OPAL for this source. Throws a ProblemError when nobody can say where the callback should
 * go.
 */
export function registrationFor(
  settings: { readonly advertisedAddress?: string | undefined; readonly callbackUrl?: string | undefined },
  context: Pick<SourceContext, 'id' | 'instance'>,
  bearer: string,
): Registration {
  const { advertisedAddress, callbackUrl } = settings;
  const url = callbackUrl || (advertisedAddress ? `http://${advertisedAddress}/opa_update` : undefined);
  if (url === undefined) {
    throw new ProblemError({
      code: 'callback-address',
      message: `Source ${context.id}: OPAL is to call back, and nobody says at which address.`,
      hint: 'Configure advertisedAddress (host:port at which OPAL reaches this process) or callbackUrl.',
    });
  }
  if (URL.parse(url) === null || (!callbackUrl && new URL(url).pathname !== '/opa_update')) {
    throw new ProblemError({
      code: 'callback-address',
      message: `Source ${context.id}: its ${callbackUrl ? 'callbackUrl' : 'advertisedAddress'} makes no URL.`,
      hint: 'advertisedAddress is host:port, [::1]:8080 for IPv6; callbackUrl a whole URL.',
    });
  }
  return { key: callbackKey(context.instance, context.id), url, bearer };
}

/** OPAL cannot find a key with a slash again (seen on 0.9): whatever is no plain character goes in as its code. */
export function callbackKey(instance: string, source: string): string {
  return `optoggles-${instance}-${source}`.replace(
    /[^A-Za-z0-9._-]/gu,
    character => `~${character.codePointAt(0)?.toString(16)}~`,
  );
}

/**
 * Registers the callback and watches it, until aborted. OPAL keeps registrations in memory only, so a restart loses
 * them; whatever happened, it goes on trying for ever, and each time the callback is back, asks for a look.
 */
export async function keepRegistered(
  api: OpalApi,
  registration: Registration,
  push: (hint: Hint) => void,
  options: Pick<SourceContext, 'clock' | 'random'> & { readonly watch: number; readonly signal: AbortSignal },
): Promise<void> {
  const { clock, random, watch, signal } = options;
  let isThere = false;
  let failures = 0;
  let told: string | undefined;
  while (!signal.aborted) {
    try {
      if (!isThere || (await api.check(registration, signal)) !== 'there') {
        isThere = false;
        await api.register(registration, signal);
        isThere = true;
        failures = 0;
        told = undefined;
        push({ kind: 'registration' });
        push({ kind: 'registered' });
      } else if (failures > 0) {
        // It was there all along, but a callback that OPAL gave up meanwhile never comes again.
        failures = 0;
        told = undefined;
        push({ kind: 'registration' });
        push({ kind: 'registered' });
      }
    } catch (error) {
      if (signal.aborted) return;
      failures++;
      const problem = toProblem(error);
      if (problem.message !== told) push({ kind: 'registration', problem });
      told = problem.message;
    }
    await clock.sleep(failures === 0 ? watch : backoffDelay(failures, random), signal).catch(() => {});
  }
}
