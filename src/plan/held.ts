import type { PlacementRef } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';
import type { Draft } from './draft.ts';

type HeldBecause = NonNullable<Draft['held']>;

/** The target could not say what it holds there: no write. */
export function heldUnreadable(problem: Problem): HeldBecause {
  return {
    reason: 'unreadable',
    problem: { hint: 'It is read again; nothing is written there until then.', ...problem },
  };
}

/** A write is under way: the next one waits for its result. */
export function heldInFlight(ref: PlacementRef): HeldBecause {
  return {
    reason: 'in-flight',
    problem: {
      code: 'write-in-flight',
      message: `a write of ${ref.toggle} in ${ref.target} ${ref.environment} is not answered yet.`,
      hint: 'It is planned again as soon as the target answers.',
    },
  };
}

/** Somebody switched it off in the target: it stays off. */
export function heldOffByHand(ref: PlacementRef): HeldBecause {
  return {
    reason: 'switched-off-by-hand',
    problem: {
      code: 'switched-off-by-hand',
      message: `${ref.toggle} was switched off by hand in ${ref.target} ${ref.environment} and stays off.`,
      hint: 'Switch it on there, change `state` in its file, or set `drift.reopen: true`.',
    },
  };
}

/** More members than the target takes: revocations go out, grants wait. */
export function heldOverLimit(ref: PlacementRef, size: number, limit: number): HeldBecause {
  return {
    reason: 'over-limit',
    problem: {
      code: 'over-limit',
      message: `${ref.toggle} would have ${size} users in ${ref.target} ${ref.environment}, which takes at most ${limit}.`,
      hint: 'Narrow the policy or use another target; revocations still go out.',
    },
  };
}

/** An operator paused it. `pause` says so, as a sentence. */
export function heldPaused(pause: string): HeldBecause {
  return {
    reason: 'paused',
    problem: { code: 'paused', message: pause, hint: 'It goes on after `optoggles resume`.' },
  };
}
