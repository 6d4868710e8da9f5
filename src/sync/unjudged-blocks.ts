import type { Audience, AudienceId } from '../domain/audience.ts';
import { refKey } from '../domain/identity.ts';
import type { Held, Plan } from '../domain/plan.ts';
import type { StoredBlock } from '../domain/state.ts';
import type { Desired } from './desired.ts';

export interface Judged {
  readonly asks: Desired['asks'];
  /** Answers of this process so far. */
  readonly audiences: ReadonlyMap<AudienceId, Audience>;
  /** Files that are not there are not known to be gone yet. */
  readonly removalsOpen: boolean;
}

/** Blocks that the state holds of a target and a plan says nothing of. */
export function missingIn(plan: Plan, stored: readonly StoredBlock[], target: string): readonly StoredBlock[] {
  const now = new Set(plan.blocked.map(({ id }) => id));
  return stored.filter(block => block.target === target && !now.has(block.id));
}

/**
 * Those of before the start that nobody could judge anew yet: the answer, or the second look at the files, is still to
 * come. Such a block is not over; it keeps its beginning.
 */
export function notYetAnswered(missing: readonly StoredBlock[], judged: Judged): readonly StoredBlock[] {
  const { asks, audiences, removalsOpen } = judged;
  const isOpen = (id: AudienceId) => asks.has(id) && !audiences.has(id);
  return missing.filter(block => {
    if (block.scope === 'removal') return removalsOpen;
    if (block.scope === 'audience') return block.audience !== null && isOpen(block.audience);
    return [...asks.values()].some(ask => ask.policy.source === block.source && isOpen(ask.id));
  });
}

/**
 * Those with a write under way in each of their placements here: of an operator's word for one user of many, say. They are
 * neither over nor new when that has landed.
 */
export function underWay(missing: readonly StoredBlock[], inFlight: readonly Held[]): readonly StoredBlock[] {
  const open = new Set(inFlight.map(refKey));
  return missing.filter(({ target, placements }) => {
    const here = placements.filter(one => one.target === target);
    return here.length > 0 && here.every(one => open.has(refKey(one)));
  });
}
