import type { Change } from '../domain/plan.ts';
import { formatProblem } from '../domain/problem.ts';
import type { Outcome } from '../domain/target.ts';
import type { Log } from '../lib/log.ts';
import { changeLine } from '../report/line.ts';

/** Logs one line per placement or listing that was written, one per failure. Counts only. */
export function tell(log: Log, change: Change, outcome: Outcome, commit: string | undefined): void {
  const fields = { toggle: change.toggle, target: change.target, causes: change.causes, commit };
  switch (outcome.result) {
    case 'done': {
      if (change.kind !== 'placement') return log.info(fields, changeLine(change));
      const { environment, granted, revoked, from, approval } = change;
      const counts = { environment, granted: granted.size, revoked: revoked.size };
      return log.info(
        {
          ...fields,
          ...counts,
          source: from?.source,
          revision: from?.revision,
          dataUpdate: from?.dataUpdate,
          approval,
        },
        changeLine(change),
      );
    }
    case 'late':
      return;
    case 'pending':
      return log.info({ ...fields, link: outcome.link }, `${change.id}: waits for the platform's approval`);
    case 'failed':
    case 'conflict':
    case 'unanswered':
    case 'refused':
      return log.warn(
        { ...fields, code: outcome.problem.code, result: outcome.result },
        `${change.id}: ${formatProblem(outcome.problem)}`,
      );
  }
}
