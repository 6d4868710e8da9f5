import { type TargetName, type ToggleKey, toggles } from './schedule.ts';
import type { Truth } from './truth.ts';

/** A write that took effect in a target: who has the toggle from then on. */
export interface Applied {
  /** ms since the epoch, when it arrived. */
  readonly at: number;
  readonly toggle: ToggleKey;
  readonly users: readonly string[];
}

export interface Judge {
  /** A write took effect. Gives what it broke, in words; empty where it was right. */
  wrote(target: TargetName, write: Applied): readonly string[];
  /** Somebody changed the target by hand. */
  byHand(target: TargetName, toggle: ToggleKey, users: readonly string[]): void;
  /** An operator approved what policy says now for these toggles. */
  approved(toggles: readonly ToggleKey[]): void;
  /** Who is in or ever was: what a block's numbers are about, approved before or not. */
  everIn(target: TargetName, toggle: ToggleKey): ReadonlySet<string>;
}

interface Placement {
  users: ReadonlySet<string>;
  ever: ReadonlySet<string>;
  /** Who was in when it was first filled, without whose going was approved. */
  counted: ReadonlySet<string> | undefined;
}

/** No write starts on an answer that arrived more than 5 s ago; it is on its way for a moment. */
const longestAnswer = 6000;
const alwaysAllowed = 5;
const mostShare = 0.3;

/**
 * Judges every write by what policy and flag files said, and knows nothing of how the program decides. The guard's window
 * is longer than a run, so everything since the first fill counts.
 */
export function createJudge(truth: Truth): Judge {
  const placements = new Map<string, Placement>();
  const at = (target: TargetName, toggle: ToggleKey) => placements.get(`${target} ${toggle}`);

  /** How many of `counted` are no longer in, over all toggles of a target; closed toggles do not count. */
  function lost(target: TargetName, from: number, to: number): { gone: number; of: number } {
    let gone = 0;
    let of = 0;
    for (const toggle of toggles) {
      const placement = at(target, toggle);
      if (placement?.counted === undefined) continue;
      of += placement.counted.size;
      if (!truth.wasClosed(toggle, from, to)) gone += without(placement.counted, placement.users).length;
    }
    return { gone, of };
  }

  return {
    wrote(target, { at: when, toggle, users }) {
      const from = when - longestAnswer;
      const before = at(target, toggle);
      const placement: Placement = before ?? { users: new Set(), ever: new Set(), counted: undefined };
      const now = new Set(users);
      const broken: string[] = [];
      const say = (what: string) => void broken.push(`${target} ${toggle}: ${what}`);
      const strangers = without(now, placement.users).filter(one => !truth.hadRight(toggle, one, from, when));
      if (strangers.length > 0) say(`granted to ${strangers.length} who had no right to it`);
      const wronged = without(placement.users, now).filter(one => !truth.hadNoRight(toggle, one, from, when));
      if (wronged.length > 0) say(`revoked from ${wronged.length} who had a right to it`);
      placement.users = now;
      placement.ever = placement.ever.union(now);
      if (placement.counted === undefined && now.size > 0) placement.counted = now;
      placements.set(`${target} ${toggle}`, placement);
      if (placement.counted !== undefined && !truth.wasClosed(toggle, from, when)) {
        const gone = without(placement.counted, now).length;
        if (isTooMuch(gone, placement.counted.size)) say(`${gone} of ${placement.counted.size} revoked unapproved`);
        const sum = lost(target, from, when);
        if (isTooMuch(sum.gone, sum.of)) say(`${sum.gone} of ${sum.of} revoked unapproved over all toggles`);
      }
      return broken;
    },
    byHand(target, toggle, users) {
      const placement = at(target, toggle);
      if (placement !== undefined) placement.users = new Set(users);
    },
    approved(keys) {
      for (const toggle of keys) {
        const said = truth.of(toggle);
        if (typeof said === 'string') continue;
        for (const target of ['left', 'right'] as const) {
          const placement = at(target, toggle);
          if (placement?.counted !== undefined) placement.counted = placement.counted.intersection(said);
        }
      }
    },
    everIn: (target, toggle) => at(target, toggle)?.ever ?? new Set(),
  };
}

function without(all: ReadonlySet<string>, some: ReadonlySet<string>): string[] {
  return [...all].filter(member => !some.has(member));
}

function isTooMuch(gone: number, of: number): boolean {
  return gone > alwaysAllowed && gone > mostShare * of;
}
