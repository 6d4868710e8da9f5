import type { Audience, AudienceId } from '../domain/audience.ts';
import type { Block, Plan } from '../domain/plan.ts';
import type { StoredBlock } from '../domain/state.ts';
import type { Desired } from './desired.ts';

export interface Judged {
  readonly target: string;
  readonly asks: Desired['asks'];
  /** Answers of this process so far. */
  readonly audiences: ReadonlyMap<AudienceId, Audience>;
  /** Files that are not there are not known to be gone yet. */
  readonly removalsOpen: boolean;
}

/**
 * What the state holds of before the start and nobody could judge anew yet: the answer, or the second look at the files,
 * is still to come. Such a block is not over; it keeps its beginning.
 */
export function notYetJudged(stored: readonly StoredBlock[], now: readonly Block[], judged: Judged): StoredBlock[] {
  const { target, asks, audiences, removalsOpen } = judged;
  const isOpen = (id: AudienceId) => asks.has(id) && !audiences.has(id);
  return stored.filter(block => {
    if (block.target !== target || now.some(({ id }) => id === block.id)) return false;
    if (block.scope === 'removal') return removalsOpen;
    if (block.scope === 'audience') return block.audience !== null && isOpen(block.audience);
    return [...asks.values()].some(ask => ask.policy.source === block.source && isOpen(ask.id));
  });
}

/**
 * Blocks that a plan cannot judge, because there is a write under way in each of their placements: an operator's word, say,
 * for one user of many. They are neither over nor new when that has landed.
 */
export function underWay(stored: readonly StoredBlock[], target: string, plan: Plan): readonly StoredBlock[] {
  const open = plan.held.filter(({ reason }) => reason === 'in-flight');
  if (open.length === 0) return [];
  return stored.filter(block => {
    if (block.target !== target || block.placements.length === 0) return false;
    if (plan.blocked.some(({ id }) => id === block.id)) return false;
    return block.placements
      .filter(one => one.target === target)
      .every(one => open.some(held => held.toggle === one.toggle && held.environment === one.environment));
  });
}
