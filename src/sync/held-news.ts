import type { Held, Plan } from '../domain/plan.ts';
import { formatProblem } from '../domain/problem.ts';

/** What is held since the last plan, one entry for all placements that are held for the same reason. */
export interface HeldNews {
  readonly code: string;
  readonly message: string;
  readonly placements: number;
}

/** What a source as a whole says of itself is in the log already, and a write under way is no news. */
const toldElsewhere: ReadonlySet<string> = new Set([
  'source-waiting',
  'source-suspect',
  'source-failing',
  'write-in-flight',
]);

/**
 * Pure: what an operator has not heard yet of why users stay as they are. `told` are messages that are in the log
 * already, such as the error of a whole source.
 */
export function heldNews(before: Plan | undefined, plan: Plan, told: ReadonlySet<string>): HeldNews[] {
  const known = new Set(before?.held.map(nameOf));
  const byMessage = new Map<string, HeldNews>();
  for (const held of plan.held) {
    const { code } = held.problem;
    if (known.has(nameOf(held)) || toldElsewhere.has(code) || told.has(held.problem.message)) continue;
    const message = formatProblem(held.problem);
    byMessage.set(message, { code, message, placements: (byMessage.get(message)?.placements ?? 0) + 1 });
  }
  return [...byMessage.values()];
}

function nameOf({ toggle, environment, problem }: Held): string {
  return [toggle, environment, formatProblem(problem)].join('\n');
}
