import type { Evidence, Readiness, SeenSource } from '../domain/audience.ts';
import type { Problem } from '../domain/problem.ts';
import { type SystemOpal, staleWarnings } from './system-opal.ts';

/** What one look at an OPA showed. */
export interface Look {
  /** `labels.id` of `/v1/config`; null: this token may not read it. */
  readonly instanceId: string | null;
  /** `none`: no sentinels are configured. */
  readonly sentinels: 'held' | 'not' | 'none';
  /** Why sentinels do not hold. */
  readonly failing: readonly Problem[];
  /** Undefined: there is none; null: it was not told whether there is one. */
  readonly systemOpal: SystemOpal | null | undefined;
  /** Ids of data transactions that were read with answers, since the look before. */
  readonly read: readonly string[];
  /** OPAL is asked for a reload while the source is suspect. */
  readonly reloads: boolean;
  /** ms since the epoch. */
  readonly now: number;
}

export interface Judgement {
  readonly readiness: Readiness;
  readonly seen: SeenSource;
}

export const neverSeen: SeenSource = {
  version: 1,
  instances: [],
  readyUnder: null,
  transactions: [],
  firstLook: null,
  acceptedUnder: null,
};

const mostInstances = 8;
const mostTransactions = 200;
/** After an instance came back, the one that answers is believed to be the only one again after this time (ms). */
const settledAfter = 120_000;
/**
 * So long (ms) a restarted OPA may be without the `system.opal` it had before, and any OPA without the instance id that it
 * told before: then it is taken to be switched off.
 */
const opalMissing = 600_000;
/** So long (ms) the first instance ever seen is given to show the update that OPAL was asked for. */
const firstUpdate = 60_000;

/**
 * Whether answers may be believed, by what a look showed and what was seen before: behaviour.md §5. An OPA that
 * restarts empty answers `[]` to a set rule as soon as it has its policy, and OPAL calls it ready (both seen), so every
 * new instance has to prove that its data is there. Gives back what is to be remembered; equal when nothing changed.
 */
export function judge(look: Look, before: SeenSource | undefined): Judgement {
  const { instanceId } = look;
  if (instanceId === null) return judgeUnknown(look, before ?? neverSeen);
  // What came with answers may be of the instance before, even if this look already sees another.
  const { unknownSince: _, ...known } = before ?? neverSeen;
  const earlier = noteTransactions(look.read, notLater(known, look.now));
  const last = look.systemOpal?.data?.id;
  const seen = noteTransactions(
    last === undefined ? [] : [last],
    noteFirst(look, noteInstance(look, instanceId, earlier)),
  );
  const { verdict, remembered } = verdictOf(look, instanceId, seen);
  return {
    readiness: {
      instanceId,
      ...verdict,
      ...standingOf(look.systemOpal),
      problems: [...verdict.problems, ...(look.systemOpal ? staleWarnings(look.systemOpal) : [])],
    },
    seen: remembered,
  };
}

/** Instance ids take turns: one came back, not long ago. Whatever is seen since then may be one more of several. */
export function isAlternating({ instances }: SeenSource, now: number): boolean {
  return instances.some(
    ({ id, firstSeenAt }, index) =>
      now - firstSeenAt < settledAfter && instances.slice(index + 1).some(earlier => earlier.id === id),
  );
}

/** The revision of the policy and the id of the last data update, as far as OPAL tells. */
export function standingOf(opal: SystemOpal | null | undefined): {
  readonly revision?: string;
  readonly dataUpdate?: string;
} {
  return {
    ...(opal?.policy && { revision: opal.policy.id }),
    ...(opal?.data && { dataUpdate: opal.data.id }),
  };
}

interface Verdict {
  readonly state: Readiness['state'];
  readonly by: Evidence;
  readonly problems: readonly Problem[];
}

function verdictOf(look: Look, id: string, seen: SeenSource): { verdict: Verdict; remembered: SeenSource } {
  const { sentinels } = look;
  // Never `nothing`: what one of several answers must not be compared, or each in turn would be followed.
  if (isAlternating(seen, look.now)) return { verdict: alternating(sentinels), remembered: seen };
  if (sentinels === 'held') return ready('sentinels', { ...seen, readyUnder: id, acceptedUnder: null });
  if (sentinels === 'not') {
    // An approval given while a sentinel did not hold stands; one that stops holding takes everything back.
    const lost = seen.readyUnder === id;
    if (!lost && seen.acceptedUnder === id) return ready('nothing', seen, look.failing);
    return suspect(look, lost ? { ...seen, readyUnder: null, acceptedUnder: null } : seen, look.failing);
  }
  if (isFresh(look.systemOpal, seen)) return ready('system.opal', { ...seen, readyUnder: id, acceptedUnder: null });
  if (seen.acceptedUnder === id) return ready('nothing', { ...seen, readyUnder: id });
  if (seen.readyUnder === id) return ready(knowsOpal(seen) ? 'system.opal' : 'nothing', seen);
  const waits = awaited(look, seen) === 'system.opal' ? waitsForData : waitsForComparison;
  return suspect(look, seen, [waits]);
}

function alternating(sentinels: Look['sentinels']): Verdict {
  return { state: 'suspect', by: sentinels === 'none' ? 'system.opal' : 'sentinels', problems: [severalInstances] };
}

function ready(by: Evidence, remembered: SeenSource, problems: readonly Problem[] = []) {
  return { verdict: { state: 'ready', by, problems } as const, remembered };
}

function suspect(look: Look, remembered: SeenSource, problems: readonly Problem[]) {
  return { verdict: { state: 'suspect', by: awaited(look, remembered), problems } as const, remembered };
}

/** What it waits for. `nothing` lets the plan compare, so it must not be said where better evidence is to come. */
function awaited(look: Look, seen: SeenSource): Evidence {
  if (look.sentinels !== 'none') return 'sentinels';
  const age = look.now - (seen.instances[0]?.firstSeenAt ?? look.now);
  if (isFirst(seen)) return look.systemOpal && look.reloads && age < firstUpdate ? 'system.opal' : 'nothing';
  if (look.systemOpal) return 'system.opal';
  return knowsOpal(seen) && age < opalMissing ? 'system.opal' : 'nothing';
}

/** Nothing was believed before: as long as nothing was applied either, there is nothing to lose by comparing. */
function isFirst(seen: SeenSource): boolean {
  return seen.instances.length === 1 && seen.transactions.length === 0;
}

function knowsOpal(seen: SeenSource): boolean {
  return seen.transactions.length > 0 || (seen.shown ?? []).length > 0;
}

/** Policy is loaded, and data by an update that this instance, and no earlier one, got. */
function isFresh(opal: SystemOpal | null | undefined, seen: SeenSource): boolean {
  if (seen.firstLook?.untold) return false;
  if (opal?.policy?.success !== true || opal.data?.success !== true) return false;
  // With the first policy that it brings to an OPA that restarted empty, OPAL notes again what it loaded last before that,
  // which nobody may have seen until then (seen on 0.9).
  const isOnlyOne = (seen.shown ?? []).every(id => id === opal.data?.id);
  if (isOnlyOne && opal.data.endTime < opal.policy.endTime) return false;
  return !seen.transactions.includes(opal.data.id) && opal.data.id !== seen.firstLook?.dataTransaction;
}

/** The wall clock may have been set back: nothing was seen later than now. */
function notLater(seen: SeenSource, now: number): SeenSource {
  if (seen.instances.every(({ firstSeenAt }) => firstSeenAt <= now)) return seen;
  const instances = seen.instances.map(({ id, firstSeenAt }) => ({ id, firstSeenAt: Math.min(firstSeenAt, now) }));
  return { ...seen, instances };
}

function noteInstance(look: Look, id: string, seen: SeenSource): SeenSource {
  if (seen.instances[0]?.id === id) return seen;
  return {
    ...seen,
    instances: [{ id, firstSeenAt: look.now }, ...seen.instances].slice(0, mostInstances),
    readyUnder: null,
    transactions: [...new Set([...(seen.shown ?? []), ...seen.transactions])].slice(0, mostTransactions),
    shown: [],
    firstLook: { ...firstLookOf(id, look), ...(look.systemOpal === null && { untold: true }) },
  };
}

/** A look that is not told of `system.opal` is no first one: what was there from the start must not pass for new later. */
function noteFirst(look: Look, seen: SeenSource): SeenSource {
  if (!seen.firstLook?.untold || look.systemOpal === null) return seen;
  return { ...seen, firstLook: firstLookOf(seen.firstLook.instance, look) };
}

function firstLookOf(instance: string, { systemOpal }: Look) {
  return { instance, dataTransaction: systemOpal?.data?.id ?? null };
}

// Also what a suspect instance shows counts as seen: OPAL repeats its last data update to an OPA that restarted empty.
function noteTransactions(ids: readonly string[], seen: SeenSource): SeenSource {
  const shown = seen.shown ?? [];
  const news = ids.filter(id => !shown.includes(id));
  return news.length === 0 ? seen : { ...seen, shown: [...news, ...shown].slice(0, mostTransactions) };
}

/** Who told its id before may have restarted since, so nothing is compared at once: it may only be ill. */
function judgeUnknown(look: Look, before: SeenSource): Judgement {
  const held = look.sentinels === 'held';
  const since = Math.min(before.unknownSince ?? look.now, look.now);
  const seen = { ...before, unknownSince: since };
  const isLapse = knowsOpal(before) && look.now - since < opalMissing;
  const problems = look.sentinels === 'none' ? [unknownInstance] : look.failing;
  return {
    readiness: {
      instanceId: null,
      state: held ? 'ready' : 'suspect',
      by: look.sentinels !== 'none' ? 'sentinels' : isLapse ? 'system.opal' : 'nothing',
      ...standingOf(look.systemOpal),
      problems: [...problems, ...(look.systemOpal ? staleWarnings(look.systemOpal) : [])],
    },
    seen,
  };
}

const severalInstances: Problem = {
  code: 'several-opas',
  message: 'Several OPAs behind one address: their instance ids take turns, and so may their answers.',
  hint: 'Give the address of one OPA (and of the OPAL client that feeds it), not of a load balancer.',
};
const waitsForData: Problem = {
  code: 'source-suspect',
  message:
    'OPA restarted, or was never seen before: nobody is revoked until OPAL shows a data update that is new to it.',
  hint: 'With reload: auto OPAL is asked for one; else publish one, or trigger /data-updater/trigger of the OPAL client.',
};
const waitsForComparison: Problem = {
  code: 'source-suspect',
  message: 'OPA restarted, or was never seen before, and nothing shows that its policy and data are whole.',
  hint: 'Small differences are accepted, others need an approval. Configure sentinels to be sure without one.',
};
const unknownInstance: Problem = {
  code: 'instance-unknown',
  message: 'OPA does not let this token read /v1/config, so a restart would pass unnoticed.',
  hint: 'Configure sentinels for the source, or let the token read /v1/config.',
};
