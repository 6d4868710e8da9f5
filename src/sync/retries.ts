import { canonicalJson } from '../domain/json.ts';
import type { Change } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';
import { backoffDelay } from '../lib/backoff.ts';
import { type Clock, steadyNow } from '../lib/clock.ts';

interface Entry {
  readonly failures: number;
  /** By `Retries.now`; Infinity: of no use before something else is wanted, or somebody looks. */
  readonly notBefore: number;
  readonly problem: Problem;
  /** The platform named the time: only time can lift it. */
  readonly platform?: boolean;
  /** Exactly what was refused: anything else under the same id may be tried. */
  readonly refused?: string;
}

/** The id under which it is kept when what could not be read may be read again: it is no change's. */
export const rereading = 'reading again';

/** When each change of a target may be tried again, and when the target as a whole. Ids are `Change.id`. */
export interface Retries {
  failed(id: string, problem: Problem, retryAfter?: number): void;
  refused(change: Change, problem: Problem): void;
  done(id: string): void;
  /** Nothing is sent to the target before; `retryAfter` is the platform's own word, which only time can lift. */
  hold(problem: Problem, retryAfter?: number): void;
  /** The target answered: it is there. */
  reached(): void;
  /** Something new is known about these: they need not wait. */
  forgive(concerns: (id: string) => boolean): void;
  /** The definitions changed, or an operator asks: what failed, or was refused, may go now. */
  renew(): void;
  /** Everything was read again: what a person had to put right there may be so by now. */
  askRefusedAgain(): void;
  /**
   * Forgets changes that are neither planned any more nor under way, and refusals of what is not wanted any more; not
   * `rereading`.
   */
  keep(changes: readonly Change[], isUnderWay: (id: string) => boolean): void;
  mayTry(id: string): boolean;
  entry(id: string): Entry | undefined;
  readonly held: { readonly until: number; readonly failures: number; readonly problem: Problem } | undefined;
  /** Nothing is sent to the target for now. */
  isHeld(): boolean;
  /** The next moment at which something may be tried, by `now`. */
  next(): number | undefined;
  /** The time that all these moments are of: it never goes back. */
  now(): number;
  /** The most failures in a row of one change, refusals left out. */
  worst(): number;
}

export function createRetries(clock: Clock, random: () => number): Retries {
  const entries = new Map<string, Entry>();
  const now = (): number => steadyNow(clock);
  let held: { until: number; failures: number; problem: Problem; platform: boolean } | undefined;

  return {
    failed(id, problem, retryAfter) {
      const failures = (entries.get(id)?.failures ?? 0) + 1;
      const notBefore = now() + (retryAfter ?? backoffDelay(failures, random));
      entries.set(id, { failures, problem, notBefore, platform: retryAfter !== undefined });
    },
    refused(change, problem) {
      const refused = whatIsAsked(change);
      entries.set(change.id, { failures: 0, problem, notBefore: Number.POSITIVE_INFINITY, refused });
    },
    done(id) {
      entries.delete(id);
    },
    hold(problem, retryAfter) {
      const failures = (held?.failures ?? 0) + 1;
      const until = now() + (retryAfter ?? backoffDelay(failures, random));
      const platform = retryAfter !== undefined;
      // Many writes of one batch fail together: they are one failure, and the platform's word outlives ours.
      if (held && held.until > now() && (held.platform || !platform)) {
        held = { ...held, until: platform ? Math.max(held.until, until) : held.until };
        return;
      }
      held = { until, failures, problem, platform };
    },
    reached() {
      // One write that was on its way does not take the platform's word back.
      if (!held?.platform || held.until <= now()) held = undefined;
    },
    forgive(concerns) {
      for (const [id, entry] of entries) {
        if (concerns(id) && Number.isFinite(entry.notBefore) && !entry.platform) {
          entries.set(id, { ...entry, notBefore: 0 });
        }
      }
      if (held && !held.platform) held = { ...held, until: 0 };
    },
    renew() {
      for (const [id, { platform }] of entries) if (!platform) entries.delete(id);
    },
    askRefusedAgain() {
      for (const [id, { refused }] of entries) if (refused !== undefined) entries.delete(id);
    },
    keep(changes, isUnderWay) {
      if (entries.size === 0) return;
      const planned = new Map(changes.map(change => [change.id, change]));
      for (const [id, { refused }] of entries) {
        if (id === rereading || isUnderWay(id)) continue;
        const change = planned.get(id);
        if (change === undefined || (refused !== undefined && refused !== whatIsAsked(change))) entries.delete(id);
      }
    },
    mayTry(id) {
      const at = now();
      return (entries.get(id)?.notBefore ?? 0) <= at && (held?.until ?? 0) <= at;
    },
    entry: id => entries.get(id),
    get held() {
      return held;
    },
    isHeld: () => held !== undefined && held.until > now(),
    now,
    next() {
      const at = now();
      const moments = [...entries.values()].map(entry => entry.notBefore).filter(Number.isFinite);
      if (held && held.until > at) return Math.max(held.until, Math.min(...moments, held.until));
      return moments.length > 0 ? Math.min(...moments) : undefined;
    },
    worst: () => Math.max(0, ...[...entries.values()].map(entry => entry.failures)),
  };
}

/** The same for two changes that ask the target for the same. */
function whatIsAsked(change: Change): string {
  if (change.kind !== 'placement') return canonicalJson([change.kind, change.metadata, [...(change.closesIn ?? [])]]);
  const { after, removal, closes } = change;
  const who = after.who.kind === 'members' ? after.who.members.hash : after.who.kind;
  return canonicalJson([after.on, who, after.group ?? null, removal, closes.map(({ what }) => what)]);
}
