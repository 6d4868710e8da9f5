import type { Audience, AudienceId } from '../domain/audience.ts';
import type { Block } from '../domain/plan.ts';
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
