import type { Plan } from '../domain/plan.ts';
import { toProblem } from '../domain/problem.ts';
import type { Clock } from '../lib/clock.ts';
import type { Line } from '../sync/line.ts';
import { type Findings, findingsOf } from './result.ts';
import { settle } from './settle.ts';

export interface PreviewOptions {
  /** A line opened with mode `preview`. */
  readonly line: Line;
  readonly clock: Clock;
  /** ms. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** True: what is still waited for will not come. */
  readonly enough?: () => boolean;
}

/** A plan, and what kept it from knowing more. */
export interface Planned extends Findings {
  readonly plan: Plan;
}

/** The line cut before `apply`: what would be done now, and what kept it from knowing more. */
export async function preview(options: PreviewOptions): Promise<Planned> {
  const { line, clock, timeout, signal } = options;
  await line.start();
  const unread = await Promise.all(
    line.targets.map(async lane => {
      try {
        await lane.refresh();
        return [];
      } catch (error) {
        const problem = toProblem(error);
        return [{ ...problem, message: `target ${lane.target.name}: ${problem.message}` }];
      }
    }),
  );
  await settle(line, clock, timeout, signal, options.enough);
  const { failed, warnings } = findingsOf(line);
  return { plan: line.planAll(), failed: [...failed, ...unread.flat()], warnings };
}
