import type { Change } from '../domain/plan.ts';
import type { Outcome } from '../domain/target.ts';

/** A change and what became of it. */
export interface Done {
  readonly change: Change;
  readonly outcome: Outcome;
}

/** What became of changes, until somebody takes it. */
export interface Outcomes {
  add(done: Done): void;
  /** What was collected so far; from then on nothing is collected any more. */
  take(): readonly Done[];
}

/** Of a change that is tried again and again only the last try is kept: the log has the others. */
export function createOutcomes(): Outcomes {
  let last: Map<string, Done> | undefined = new Map();
  let count = 0;
  return {
    add(done) {
      if (last === undefined) return;
      const { id } = done.change;
      last.delete(id);
      // What was done stays, also where the same is done once more.
      last.set(done.outcome.result === 'done' ? `${id} ${count++}` : id, done);
    },
    take() {
      const taken = [...(last?.values() ?? [])];
      last = undefined;
      return taken;
    },
  };
}
