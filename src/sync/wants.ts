import { switchedOff } from '../plan/overrides.ts';
import type { Desired } from './desired.ts';
import { createHoldLimit, type HoldLimitOptions } from './hold-limit.ts';
import type { TargetLane } from './target-lane.ts';

export interface WantsOptions extends Omit<HoldLimitOptions, 'most'> {
  /** `maxHold` in ms; undefined: what is held stays as it is for ever. */
  readonly maxHold: number | undefined;
}

/** What each target shall have: what git wants, without what operators switched off and what waited for too long. */
export interface Wants {
  /** Git wants this of the lane's target now. */
  set(lane: TargetLane, desired: Desired): void;
  /** Operators said something else than before. */
  again(): void;
  /** What waited for too long is closed, and open again once there is an answer. True: the lane wants something else now. */
  heldTooLong(lane: TargetLane): boolean;
  stop(): void;
}

export function createWants({ maxHold, ...options }: WantsOptions): Wants {
  const ofGit = new Map<TargetLane, Desired>();
  const holds = maxHold === undefined ? undefined : createHoldLimit({ most: maxHold, ...options });

  function set(lane: TargetLane, desired: Desired): void {
    ofGit.set(lane, desired);
    const open = holds?.closed(lane, desired) ?? desired;
    lane.setDesired({ ...open, listings: switchedOff(open.listings, options.overrides()) });
  }

  return {
    set,
    again() {
      for (const [lane, desired] of ofGit) set(lane, desired);
    },
    heldTooLong(lane) {
      const desired = ofGit.get(lane);
      if (holds === undefined || desired === undefined || !holds.look(lane, desired)) return false;
      set(lane, desired);
      return true;
    },
    stop: () => holds?.stop(),
  };
}
