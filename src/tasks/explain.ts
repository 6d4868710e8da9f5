import type { Audience } from '../domain/audience.ts';
import { ruleName } from '../domain/identity.ts';
import type { DesiredListing, DesiredPlacement, LivePlacement } from '../domain/listing.ts';
import type { Plan } from '../domain/plan.ts';
import { type Problem, ProblemError, toProblem, UsageError } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import type { Explanation, ExplainedPlacement } from '../domain/verification.ts';
import type { Clock } from '../lib/clock.ts';
import { nearest, quoted } from '../load/problems.ts';
import type { Line } from '../sync/line.ts';
import { sentenceOf } from '../sync/overriding.ts';
import type { TargetLane } from '../sync/target-lane.ts';
import { ask } from './compare.ts';
import { preview } from './preview.ts';
import { problemsAt } from './remedies.ts';
import { exitCodes } from './result.ts';
import { sinceOf } from './since.ts';
import { evaluatorOf } from './verify.ts';
import { noAnswer, usable } from './verify-cases.ts';

export interface ExplainOptions {
  /** A line opened with mode `preview` and only this toggle. */
  readonly line: Line;
  readonly store: Pick<StateStore, 'auditLines'>;
  readonly clock: Clock;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal;
  readonly toggle: string;
  readonly member: string;
  readonly environment?: string | undefined;
}

/**
 * One toggle and one member, in each target and environment: what policy answers, what the target holds, what its own
 * evaluation says and why, and since when it is so as far as the state knows. Writes nothing. Throws a UsageError for an
 * environment in which the toggle is nowhere.
 */
export async function explain(options: ExplainOptions): Promise<Explanation> {
  const { line, clock, timeout, toggle, member, environment } = options;
  const over = new AbortController();
  const cancel = clock.after(timeout, () => over.abort(new ProblemError(notInTime(timeout))));
  const signal = AbortSignal.any([over.signal, options.signal]);
  try {
    const { plan, failed, warnings } = await preview(options);
    const refused = plan.refused.filter(one => one.toggle === toggle).map(({ problem }) => problem);
    if (environment !== undefined) checkEnvironment(line, toggle, environment);
    const placements: ExplainedPlacement[] = [];
    for (const lane of line.targets) {
      for (const listing of lane.desired.listings.filter(one => one.toggle === toggle)) {
        for (const wanted of listing.placements) {
          if (environment !== undefined && wanted.environment !== environment) continue;
          placements.push(await explainOne({ ...options, signal }, lane, listing, wanted, plan));
        }
      }
    }
    const file = line.definitions.current?.toggles.find(({ key }) => key === toggle)?.file ?? '';
    return { toggle, member, file, placements, failed: [...failed, ...refused], warnings };
  } finally {
    cancel();
  }
}

function checkEnvironment(line: Line, toggle: string, environment: string): void {
  const listings = line.targets.flatMap(lane => lane.desired.listings.filter(one => one.toggle === toggle));
  const known = new Set(listings.flatMap(({ placements }) => placements.map(one => one.environment)));
  if (known.has(environment)) return;
  throw new UsageError({
    code: 'unknown-environment',
    message: `--environment: ${toggle} is in no target's ${quoted(environment)}.`,
    hint: nearest(environment, [...known], 'It is in'),
  });
}

/** The exit status: what could not be reached or read, then policy without an answer. To differ is an answer. */
export function explainExitCode({ failed, placements }: Explanation): number {
  if (failed.length > 0) return exitCodes.failed;
  return placements.some(({ expected }) => expected === undefined) ? exitCodes.held : exitCodes.done;
}

async function explainOne(
  options: ExplainOptions,
  lane: TargetLane,
  listing: DesiredListing,
  wanted: DesiredPlacement,
  plan: Plan,
): Promise<ExplainedPlacement> {
  const { line, store, member } = options;
  const { toggle, target, environment, state } = wanted;
  const { key, contextKind } = listing;
  const ref = { toggle, target, environment };
  const audience = line.audiences.get(wanted.audience);
  const members = usable(audience, plan);
  const operator = operatorSaid(line, wanted, member);
  const isDenied = line.overriding.current.denied.has(member);
  const expected = state === 'off' || isDenied ? false : members?.has(member);
  const live = lane.view()?.live.listings.find(one => one.key === key);
  const placement = live?.placements.find(({ id }) => id === wanted.id);
  const applied = lane
    .applied()
    .get(key)
    ?.placements.find(({ id }) => id === wanted.id);
  const served = await servedTo(options, lane, wanted, listing);
  const agrees = expected !== undefined && served.served?.answer === expected;
  return {
    ...ref,
    key,
    contextKind,
    policy: policyOf(lane, wanted, audience, members?.has(member), members?.size),
    state: wanted.overridden ? 'on' : state,
    ...(operator.length > 0 && { operator }),
    ...(expected !== undefined && { expected }),
    ...(lane.view() !== undefined && { holds: holdingOf(placement, member) }),
    ...served,
    ...(applied !== undefined && { since: sinceOf(store, ref, applied, member) }),
    problems:
      expected === undefined
        ? [noAnswer(ref, wanted.source, audience, plan)]
        : agrees || served.served === undefined
          ? []
          : problemsAt({ ...ref, key, live: placement }, line, plan),
  };
}

/** What operators said of this placement, or of this member; the member was named by whoever asks. */
function operatorSaid(line: Line, { toggle, target, environment, source }: DesiredPlacement, member: string): string[] {
  const about = line.overriding.list.filter(one => {
    if (one.kind === 'deny') return one.member === member;
    if (one.kind === 'off') return one.toggle === toggle && (one.environment ?? environment) === environment;
    return { source, target, toggle }[one.what] === one.name;
  });
  return about.map(one => {
    const since = new Date(one.since).toISOString();
    const reason = one.reason === '' ? '' : `: ${one.reason}`;
    return `${sentenceOf(one, () => 'of this name')}, by ${one.by} since ${since}${reason}; optoggles resume ${one.id} takes it back`;
  });
}

function policyOf(
  lane: TargetLane,
  wanted: DesiredPlacement,
  audience: Audience | undefined,
  isMember: boolean | undefined,
  size: number | undefined,
): ExplainedPlacement['policy'] {
  const policy = lane.desired.asks.get(wanted.audience)?.policy;
  return {
    source: wanted.source,
    rule: policy === undefined ? '' : ruleName(policy),
    state: audience === undefined ? 'not-asked' : isMember === undefined ? audience.state : 'defined',
    ...(isMember !== undefined && { member: isMember }),
    ...(size !== undefined && { size }),
    ...(audience !== undefined && { from: audience.from }),
    ...(audience?.state === 'failed' && { problem: audience.error }),
  };
}

function holdingOf(live: LivePlacement | undefined, member: string): NonNullable<ExplainedPlacement['holds']> {
  if (live === undefined) return { there: false, seen: 'read', on: false, listed: false, waysIn: [], pending: false };
  const isKnown = live.seen !== 'unknown' && live.who.kind === 'members';
  return {
    there: true,
    seen: live.seen,
    on: live.on,
    ...(isKnown && live.who.kind === 'members' && { listed: live.who.members.has(member) }),
    waysIn: live.waysIn.map(({ what }) => what),
    pending: live.pending !== undefined,
  };
}

async function servedTo(
  { member, signal }: ExplainOptions,
  lane: TargetLane,
  { environment }: DesiredPlacement,
  { key, contextKind }: DesiredListing,
): Promise<Pick<ExplainedPlacement, 'served' | 'unserved'>> {
  try {
    const evaluator = await evaluatorOf(lane, environment, signal);
    try {
      const answer = await ask(evaluator, { key, contextKind }, member);
      const why = answer === 'not-served' ? undefined : await evaluator.why?.(key, contextKind, member);
      return { served: { answer, ...(why !== undefined && { why }) } };
    } finally {
      await evaluator.close();
    }
  } catch (error) {
    const thrown = signal.aborted ? signal.reason : error;
    return { unserved: { hint: 'Look at the target itself, or run it again.', ...toProblem(thrown) } };
  }
}

function notInTime(timeout: number): Problem {
  return {
    code: 'not-in-time',
    message: `Not everything was asked within ${timeout / 1000} s.`,
    hint: 'Give it more time with --timeout.',
  };
}
