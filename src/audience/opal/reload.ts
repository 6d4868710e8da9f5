import type { Readiness, SeenSource } from '../../domain/audience.ts';
import { toProblem } from '../../domain/problem.ts';
import { type Clock, steadyNow } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { isAlternating } from '../judge.ts';
import type { SystemOpal } from '../system-opal.ts';
import type { OpalApi } from './api.ts';

/** At most one reload in this time (ms). */
const pause = 300_000;
/** One that OPAL did not take is tried again after this time (ms). */
const retry = 15_000;
/** An OPAL client that has its policy and no data yet loads them by itself, so it gets this long (ms) before it is asked. */
const firstLoad = 15_000;
/** ms; data are asked for after this time even when no new policy transaction was seen. */
const policyPatience = 10_000;
/** ms between looks for it. */
const policyLook = 250;

export interface Reload {
  /** Asks OPAL for policy and data where the source is suspect and that may help. Returns at once. */
  ifSuspect(readiness: Readiness, seen: SeenSource): void;
  /** Resolves when nothing is under way any more; `signal` of the options ends what is. */
  done(): Promise<void>;
}

export interface ReloadOptions {
  readonly id: string;
  readonly api: Pick<OpalApi, 'reloadPolicy' | 'reloadData'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** What OPA has of `system.opal` now. */
  readonly systemOpal: (signal: AbortSignal) => Promise<SystemOpal | null | undefined>;
}

/** OPAL brings an OPA that restarted empty its policy and data back only when asked (seen on 0.9). */
export function createReload({ id, api, clock, log, signal, systemOpal }: ReloadOptions): Reload {
  let notBefore = Number.NEGATIVE_INFINITY;
  let problem: string | undefined;
  let underWay: Promise<void> | undefined;

  /** The newest policy transaction there, of whatever result; undefined: none, or not told. */
  async function policyEnd(): Promise<string | undefined> {
    try {
      const opal = await systemOpal(signal);
      return opal ? `${opal.policy?.endTime ?? ''} ${opal.failedPolicy?.endTime ?? ''}` : undefined;
    } catch {
      return undefined;
    }
  }

  async function policyLoaded(before: string | undefined): Promise<void> {
    const until = steadyNow(clock) + policyPatience;
    while (steadyNow(clock) < until) {
      await clock.sleep(policyLook, signal);
      const end = await policyEnd();
      if (end !== undefined && end !== before) return;
    }
  }

  async function run(by: Readiness['by']): Promise<void> {
    try {
      const before = by === 'system.opal' ? await policyEnd() : undefined;
      await api.reloadPolicy(signal);
      // OPAL notes policy and data in the same document of OPA, without waiting for one write before the next: of two at
      // once the older may land last, and the update that is waited for is never shown (seen on 0.9).
      if (by === 'system.opal') await policyLoaded(before);
      await api.reloadData(signal);
      problem = undefined;
    } catch (error) {
      if (signal.aborted) return;
      // Nothing was loaded: the next one need not wait for as long.
      notBefore = steadyNow(clock) + retry;
      const { message } = toProblem(error);
      if (message === problem) return;
      problem = message;
      log.warn({ source: id }, `${id}: OPAL was not to be asked for a reload: ${message}`);
    }
  }

  return {
    ifSuspect({ state, by, instanceId, revision, dataUpdate }, seen) {
      if (state === 'ready' || instanceId === null) return;
      const now = clock.now();
      if (isAlternating(seen, now) || steadyNow(clock) < notBefore) return;
      // A plain first look: there is nothing that a reload could prove.
      if (by === 'nothing' && seen.instances.length === 1) return;
      const age = now - (seen.instances[0]?.firstSeenAt ?? now);
      if (revision !== undefined && dataUpdate === undefined && age < firstLoad) return;
      notBefore = steadyNow(clock) + pause;
      if (problem === undefined) log.info({ source: id }, `${id}: OPAL is asked to load policy and data again`);
      underWay = run(by);
    },
    async done() {
      await underWay;
    },
  };
}
