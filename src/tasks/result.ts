import { type Problem, formatProblem } from '../domain/problem.ts';
import type { Plan } from '../domain/plan.ts';
import type { Line } from '../sync/line.ts';

/** What a one-shot command has to say besides its plan. */
export interface Findings {
  /** Invalid files, unreachable sources and targets, writes that failed: exit 1. */
  readonly failed: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export const exitCodes = { done: 0, failed: 1, pending: 2, blocked: 3, held: 4, usage: 64 } as const;

/** Collects what went wrong once the line has settled, or did not in time. */
export function findingsOf(line: Line): Findings {
  const loaded = line.definitions.current;
  const failed: Problem[] = [...(loaded?.unreadable ? [loaded.unreadable] : []), ...(loaded?.problems ?? [])];
  const warnings: Problem[] = [...(loaded?.warnings ?? [])];
  for (const lane of line.sources) {
    const { problem, warnings: told, lastAnswerAt } = lane.view();
    if (!problem && lastAnswerAt === undefined) failed.push(silent(lane.source.id));
    if (problem) failed.push({ ...problem, message: `source ${lane.source.id}: ${problem.message}` });
    warnings.push(...told);
  }
  for (const lane of line.targets) {
    const held = lane.retries.held?.problem;
    if (held) failed.push({ ...held, message: `target ${lane.target.name}: ${held.message}` });
    for (const change of lane.plan?.changes ?? []) {
      const entry = lane.retries.entry(change.id);
      if (entry && entry.problem.message !== held?.message) {
        failed.push({ ...entry.problem, message: `${change.id}: ${entry.problem.message}` });
      }
    }
  }
  return { failed: sortedUnique(failed), warnings: sortedUnique(warnings) };
}

/** Asked, and still without an answer when the time was over. */
function silent(source: string): Problem {
  return {
    code: 'source-waiting',
    message: `source ${source}: it has not answered in time.`,
    hint: 'See what keeps it busy, or give it more time with --timeout.',
  };
}

/** The exit status, highest first: failed, blocked, held, pending (only where asked for). */
export function exitCode(plan: Plan, failed: boolean, pendingCounts: boolean): number {
  // What a target could not tell was not written either.
  const unread = plan.held.some(held => held.reason === 'unreadable');
  if (failed || unread || plan.refused.length > 0) return exitCodes.failed;
  if (plan.blocked.length > 0) return pendingCounts ? exitCodes.blocked : exitCodes.done;
  if (plan.held.length > 0) return pendingCounts ? exitCodes.held : exitCodes.done;
  return pendingCounts && plan.changes.length > 0 ? exitCodes.pending : exitCodes.done;
}

function sortedUnique(problems: readonly Problem[]): Problem[] {
  const byText = new Map(problems.map(problem => [formatProblem(problem), problem]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, problem]) => problem);
}
