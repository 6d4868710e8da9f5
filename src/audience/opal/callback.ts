import type { Hint } from '../../domain/audience.ts';
import { type Problem, ProblemError, toProblem } from '../../domain/problem.ts';
import type { Finding, SettingsPlace } from '../../domain/settings-check.ts';
import { backoffDelay } from '../../lib/backoff.ts';
import type { SourceContext } from '../kind.ts';
import type { OpalApi, Registration } from './api.ts';

interface CallbackSettings {
  readonly advertisedAddress?: string | undefined;
  readonly callbackUrl?: string | undefined;
}

/**
 * What is registered with OPAL for this source. Throws a ProblemError when nobody can say where the callback should
 * go.
 */
export function registrationFor(
  settings: CallbackSettings,
  context: Pick<SourceContext, 'id' | 'instance'>,
  bearer: string,
): Registration {
  const url = urlOf(settings);
  if (url === undefined) throw new ProblemError(noAddress(context.id));
  const problem = faultOf(settings, url, context.id);
  if (problem !== undefined) throw new ProblemError(problem);
  return { key: callbackKey(context.instance, context.id), url, bearer };
}

/** What is wrong with the address of the callback; where nothing runs for ever, none is needed. */
export function callbackFindings(settings: CallbackSettings, { id, purpose }: SettingsPlace): readonly Finding[] {
  if (purpose !== 'run' && purpose !== 'validate') return [];
  const url = urlOf(settings);
  // Who only ever plans and applies needs no address; one that is there has to be right.
  if (url === undefined) return [{ path: [], problem: noAddress(id), warning: purpose === 'validate' }];
  const problem = faultOf(settings, url, id);
  return problem === undefined ? [] : [{ path: [settings.callbackUrl ? 'callbackUrl' : 'advertisedAddress'], problem }];
}

function urlOf({ advertisedAddress, callbackUrl }: CallbackSettings): string | undefined {
  return callbackUrl || (advertisedAddress ? `http://${advertisedAddress}/opa_update` : undefined);
}

function faultOf({ callbackUrl }: CallbackSettings, url: string, source: string): Problem | undefined {
  if (URL.parse(url) !== null && (callbackUrl || new URL(url).pathname === '/opa_update')) return undefined;
  return {
    code: 'callback-address',
    message: `Source ${source}: its ${callbackUrl ? 'callbackUrl' : 'advertisedAddress'} makes no URL.`,
    hint: 'advertisedAddress is host:port, [::1]:8080 for IPv6; callbackUrl a whole URL.',
  };
}

function noAddress(source: string): Problem {
  return {
    code: 'callback-address',
    message: `Source ${source}: OPAL is to call back when it runs, and nobody says at which address.`,
    hint: 'Configure advertisedAddress (host:port at which OPAL reaches this process) or callbackUrl.',
  };
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
