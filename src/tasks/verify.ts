import { type Members, noMembers } from '../domain/members.ts';
import type { Plan } from '../domain/plan.ts';
import { type Problem, ProblemError, toProblem } from '../domain/problem.ts';
import type { Evaluator } from '../domain/target.ts';
import type { Verification, VerifiedPlacement } from '../domain/verification.ts';
import type { Clock } from '../lib/clock.ts';
import type { Line } from '../sync/line.ts';
import type { TargetLane } from '../sync/target-lane.ts';
import { compare } from './compare.ts';
import { preview } from './preview.ts';
import { problemsAt } from './remedies.ts';
import { exitCodes } from './result.ts';
import { seeded, strangers } from './strangers.ts';
import { type Case, casesOf, usable, without } from './verify-cases.ts';

export interface VerifyOptions {
  /** A line opened with mode `preview`. */
  readonly line: Line;
  readonly clock: Clock;
  /** ms, for everything. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  readonly seed: number;
  /** How many strangers are asked about per placement. */
  readonly strangers: number;
  readonly only?: ReadonlySet<string> | undefined;
}

/** Of so many other audiences at most a placement's strangers are taken. */
const otherAudiences = 20;

/**
 * Asks policy who is in, and then each platform's own evaluation about them, about everybody found in the target and
 * about strangers. Writes nothing. What cannot be told is in the result, never left out.
 */
export async function verify(options: VerifyOptions): Promise<Verification> {
  const { line, clock, timeout } = options;
  const over = new AbortController();
  const cancel = clock.after(timeout, () => over.abort(new ProblemError(notInTime(timeout))));
  const signal = AbortSignal.any([over.signal, options.signal]);
  try {
    const { plan, failed, warnings } = await preview(options);
    const placements: VerifiedPlacement[] = [];
    const troubles: Problem[] = [...failed];
    for (const lane of line.targets) {
      const { cases, settled } = casesOf(lane, line, plan, options.only);
      const found = await verifyTarget({ ...options, signal }, lane, cases, plan);
      placements.push(...[...settled, ...found.placements].sort(byPlace));
      troubles.push(...found.failed);
    }
    const byMessage = new Map(troubles.map(problem => [problem.message, problem]));
    return { seed: options.seed, strangers: options.strangers, placements, failed: [...byMessage.values()], warnings };
  } finally {
    cancel();
  }
}

/** The exit status, highest first: anything that differs or could not be looked at, then anything unknown. */
export function verifyExitCode({ failed, placements }: Verification): number {
  const has = (...verdicts: readonly string[]) => placements.some(({ verdict }) => verdicts.includes(verdict));
  if (failed.length > 0 || has('differs', 'failed')) return exitCodes.failed;
  return has('unknown') ? exitCodes.held : exitCodes.done;
}

interface Found {
  readonly placements: readonly VerifiedPlacement[];
  readonly failed: readonly Problem[];
}

async function verifyTarget(
  options: VerifyOptions,
  lane: TargetLane,
  cases: readonly Case[],
  plan: Plan,
): Promise<Found> {
  const placements: VerifiedPlacement[] = [];
  const failed: Problem[] = [];
  const byEnvironment = Map.groupBy(cases, ({ environment }) => environment);
  for (const [environment, here] of byEnvironment) {
    let evaluator: Evaluator;
    try {
      evaluator = await evaluatorOf(lane, environment, options.signal);
    } catch (error) {
      const problem = problemOf(error, options.signal);
      if (problem.code !== notVerifiable) failed.push(problem);
      placements.push(...here.map(one => without(one, problem, false)));
      continue;
    }
    try {
      for (const one of here) {
        const verified = await verifyOne(options, evaluator, one, plan);
        placements.push(verified.placement);
        if (verified.failed !== undefined) failed.push(verified.failed);
      }
    } finally {
      await evaluator.close();
    }
  }
  return { placements, failed };
}

const notVerifiable = 'not-verifiable';

/** Opens the platform's own evaluation. Throws a ProblemError where there is none, or its package is missing. */
export async function evaluatorOf(lane: TargetLane, environment: string, signal: AbortSignal): Promise<Evaluator> {
  signal.throwIfAborted();
  const { target } = lane;
  if (target.evaluator !== undefined) return target.evaluator(environment, signal);
  throw new ProblemError({
    code: notVerifiable,
    message: `target ${target.name}: a target of type ${target.type} has no evaluation of its own to ask.`,
    hint: 'Look there by hand, or leave it out with --only.',
  });
}

async function verifyOne(
  options: VerifyOptions,
  evaluator: Evaluator,
  one: Case,
  plan: Plan,
): Promise<{ readonly placement: VerifiedPlacement; readonly failed?: Problem }> {
  const { line, signal } = options;
  try {
    const { asked, mismatches } = await compare(one, evaluator, strangersFor(options, one, plan), signal);
    const { toggle, target, environment, key, expected, members, from } = one;
    return {
      placement: {
        toggle,
        target,
        environment,
        key,
        expected,
        asked,
        mismatches,
        verdict: mismatches.length === 0 ? 'agrees' : 'differs',
        members: members?.size,
        problems: mismatches.length === 0 ? [] : problemsAt(one, line, plan),
        ...(from !== undefined && { from }),
      },
    };
  } catch (error) {
    const problem = problemOf(error, signal);
    return { placement: without(one, problem, true), ...(signal.aborted && { failed: problem }) };
  }
}

function strangersFor({ line, seed, strangers: count }: VerifyOptions, one: Case, plan: Plan): readonly string[] {
  const members = one.members ?? noMembers;
  const others: Members[] = [];
  for (const audience of line.audiences.values()) {
    const who = usable(audience, plan);
    if (audience.contextKind === one.contextKind && who !== undefined && who !== members) others.push(who);
  }
  const near = [members, one.found, ...others].find(({ size }) => size > 0) ?? noMembers;
  return strangers({
    insiders: name => members.has(name) || one.found.has(name),
    near,
    others: someOf(others, seed),
    seed,
    count,
  });
}

function someOf(others: readonly Members[], seed: number): readonly Members[] {
  if (others.length <= otherAudiences) return others;
  const random = seeded(seed);
  return Array.from({ length: otherAudiences }, () => others[Math.floor(random() * others.length)] ?? noMembers);
}

function problemOf(error: unknown, signal: AbortSignal): Problem {
  if (!signal.aborted) {
    const problem = toProblem(error);
    return { hint: 'Run it again; if it goes on, look at the target itself.', ...problem };
  }
  if (signal.reason instanceof ProblemError) return signal.reason.problem;
  return { code: 'stopped', message: 'It was stopped before everything was compared.', hint: 'Run it again.' };
}

function byPlace(one: VerifiedPlacement, other: VerifiedPlacement): number {
  const keys = [one, other].map(({ toggle, environment, key }) => JSON.stringify([toggle, environment, key]));
  const [a = '', b = ''] = keys;
  return a < b ? -1 : a > b ? 1 : 0;
}

function notInTime(timeout: number): Problem {
  return {
    code: 'not-in-time',
    message: `Not everything was compared within ${timeout / 1000} s.`,
    hint: 'Give it more time with --timeout, fewer toggles with --only, or fewer strangers with --strangers.',
  };
}
