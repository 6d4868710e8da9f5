import type { AudienceId } from '../domain/audience.ts';
import type { Change } from '../domain/plan.ts';
import type { Outcome } from '../domain/target.ts';
import type { Retries } from './retries.ts';

export interface VerdictsOptions {
  readonly retries: Pick<Retries, 'reached' | 'done' | 'failed' | 'refused' | 'hold' | 'entry'>;
  /** What it stands on is new enough to write with. */
  isYoung(change: Change): boolean;
  /** The next answer of this audience is news even if it is the old one. */
  awaitAnswer(audience: AudienceId): void;
  askAgain(audience: AudienceId): void;
  /** This key has to be read again before it is written. */
  doubt(key: string): void;
  /** Another plan has to follow. */
  again(why: 'landed' | 'retry'): void;
}

/** What became of the changes of one plan, and what follows from it. */
export interface Verdicts {
  /** There is another plan: nothing of it was tried yet. */
  renew(): void;
  judge(change: Change, outcome: Outcome): void;
  /** The change with this id was carried out. */
  isDone(id: string): boolean;
  /** The link to the platform's own approval that the change with this id waits for. */
  waitsFor(id: string): string | undefined;
  /** Done, or refused for good. */
  isTried(change: Change): boolean;
}

const conflictsInARow = 3;

export function createVerdicts(options: VerdictsOptions): Verdicts {
  const { retries } = options;
  const done = new Set<string>();
  const waiting = new Map<string, string>();
  let conflicts = 0;

  function succeeded(change: Change, outcome: Extract<Outcome, { result: 'done' | 'pending' }>): void {
    conflicts = 0;
    retries.reached();
    retries.done(change.id);
    if (outcome.result === 'pending') waiting.set(change.id, outcome.link);
    else if (outcome.existed) options.again('landed');
    else {
      done.add(change.id);
      if (change.kind === 'placement' && change.unfinished) options.again('landed');
    }
  }

  /** Its answer was too old by the time it could be sent. */
  function cameLate(change: Change): void {
    if (change.kind !== 'placement' || options.isYoung(change)) return options.again('landed');
    options.awaitAnswer(change.audience);
    options.askAgain(change.audience);
  }

  return {
    renew() {
      done.clear();
      waiting.clear();
    },
    judge(change, outcome) {
      if (outcome.result === 'done' || outcome.result === 'pending') return succeeded(change, outcome);
      if (outcome.result === 'late') return cameLate(change);
      if (change.kind === 'placement') options.awaitAnswer(change.audience);
      switch (outcome.result) {
        case 'refused':
          return retries.refused(change, outcome.problem);
        case 'failed': {
          const { problem, scope, retryAfter } = outcome;
          if (scope === 'target') retries.hold(problem, retryAfter);
          return retries.failed(change.id, problem, scope === 'change' ? retryAfter : undefined);
        }
        case 'conflict':
          options.doubt(change.key);
          if (++conflicts <= conflictsInARow) return options.again('retry');
          return retries.failed(change.id, outcome.problem);
        case 'unanswered':
          options.doubt(change.key);
          if (outcome.retryAfter !== undefined) retries.hold(outcome.problem, outcome.retryAfter);
          return retries.failed(change.id, outcome.problem);
      }
    },
    isDone: id => done.has(id),
    waitsFor: id => waiting.get(id),
    isTried: ({ id }) => done.has(id) || waiting.has(id) || retries.entry(id)?.failures === 0,
  };
}
