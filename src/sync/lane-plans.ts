import type { Audience, AudienceId } from '../domain/audience.ts';
import type { Plan } from '../domain/plan.ts';
import { formatProblem } from '../domain/problem.ts';
import type { StateStore, StoredBlock } from '../domain/state.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { heldNews } from './held-news.ts';
import type { Planning } from './planning.ts';
import type { SourceLane } from './source-lane.ts';
import type { TargetLane } from './target-lane.ts';
import { missingIn, notYetAnswered, underWay } from './unjudged-blocks.ts';
import type { Observer } from './view.ts';
import type { Wants } from './wants.ts';

export interface LanePlansOptions {
  readonly planning: Planning;
  readonly wants: Wants;
  readonly store: Pick<StateStore, 'blocks' | 'saveBlocks'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: Pick<Observer, 'blocked'>;
  readonly audiences: ReadonlyMap<AudienceId, Audience>;
  sources(): readonly SourceLane[];
  /** What is missing in git may still turn out to be there. */
  removalsOpen(): boolean;
}

/**
 * Gives the plan of a lane's target (`toggles`: of these alone), undefined while it cannot be made, and does what
 * follows from it at once: blocks are kept and told, and what a comparison found small is accepted.
 */
export function createLanePlans(
  options: LanePlansOptions,
): (lane: TargetLane, toggles: ReadonlySet<string> | undefined) => Plan | undefined {
  const { planning, wants, store, clock, log, audiences } = options;
  const judgedAnew = new Set<TargetLane>();

  /** Blocks in the state that this plan cannot judge: they are not over. */
  function unjudged(lane: TargetLane, plan: Plan): readonly StoredBlock[] {
    const inFlight = plan.held.filter(({ reason }) => reason === 'in-flight');
    if (judgedAnew.has(lane) && inFlight.length === 0) return [];
    const missing = missingIn(plan, store.blocks(), lane.target.name);
    return [...earlier(lane, missing), ...underWay(missing, inFlight)];
  }

  /** Blocks of before the start that are still to be judged; once none is, none comes back. */
  function earlier(lane: TargetLane, missing: readonly StoredBlock[]): readonly StoredBlock[] {
    if (judgedAnew.has(lane)) return [];
    const { asks } = lane.desired;
    const left = notYetAnswered(missing, { asks, audiences, removalsOpen: options.removalsOpen() });
    if (left.length === 0 && [...asks.keys()].every(id => audiences.has(id))) judgedAnew.add(lane);
    return left;
  }

  function keepBlocks(lane: TargetLane, plan: Plan): void {
    const target = lane.target.name;
    const { fresh, gone } = store.saveBlocks(target, [...plan.blocked, ...unjudged(lane, plan)], clock.now());
    for (const { id, reason, revision, also, message } of fresh) {
      options.observer.blocked(reason);
      log.warn({ block: id, reason, target, revision, also }, message);
    }
    for (const { id } of gone) log.info({ block: id, target }, `block ${id} is over`);
  }

  /** What the plan warns of and holds, where the one before did not. */
  function tellNews(lane: TargetLane, plan: Plan): void {
    const target = lane.target.name;
    const fresh = plan.warnings.filter(({ message }) => !lane.plan?.warnings.some(known => known.message === message));
    for (const warning of fresh) log.warn({ code: warning.code, target }, formatProblem(warning));
    const told = new Set(options.sources().map(one => one.view().problem?.message ?? ''));
    for (const { code, message, placements } of heldNews(lane.plan, plan, told)) {
      log.warn({ code, target, placements }, `held: ${message}`);
    }
  }

  return (lane, toggles) => {
    const plan = planning.planFor(lane, wants.heldTooLong(lane) ? undefined : toggles);
    if (!plan) return undefined;
    keepBlocks(lane, plan);
    tellNews(lane, plan);
    for (const { source, instance } of plan.accepted) {
      options
        .sources()
        .find(one => one.source.id === source)
        ?.accept(instance);
    }
    return plan;
  };
}
