import type { Audience } from '../domain/audience.ts';
import { type Members, membersOf, noMembers, sameMembers } from '../domain/members.ts';
import type { Override, Overrides } from '../domain/override.ts';
import type { ToldOverride } from '../domain/plan.ts';
import type { StateStore } from '../domain/state.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { gathered, noOverrides, withoutDenied } from '../plan/overrides.ts';

export interface OverridingOptions {
  readonly store: Pick<StateStore, 'overrides' | 'expireOverrides' | 'memberTag'>;
  readonly clock: Clock;
  readonly log: Log;
  /** A preview leaves no trace in the state. */
  readonly remember: boolean;
}

/** What operators said, as the line goes by it. */
export interface Overriding {
  readonly list: readonly Override[];
  /** The same, as a plan needs it. */
  readonly current: Overrides;
  /** Reads the state again. True: something else is in force now. */
  refresh(): boolean;
  /** An answer without those who are denied; the same answer gives the same set. */
  less(audience: Audience): Audience;
}

export function createOverriding(options: OverridingOptions): Overriding {
  const { store, clock, log } = options;
  let list: readonly Override[] = [];
  let current: Overrides = noOverrides;
  let known = '[]';
  let lessened = new WeakMap<Members, Members>();

  function tell(before: readonly Override[]): void {
    const ids = new Set(before.map(({ id }) => id));
    const now = new Set(list.map(({ id }) => id));
    const tag = (member: string) => store.memberTag(member);
    for (const one of list) {
      if (!ids.has(one.id)) log.warn({ override: one.id, by: one.by }, `${sentenceOf(one, tag)}, by ${one.by}`);
    }
    for (const one of before) if (!now.has(one.id)) log.warn({ override: one.id }, `over: ${sentenceOf(one, tag)}`);
  }

  function sameIfEqual(members: Members): Members {
    return sameMembers(members, current.denied) ? current.denied : members;
  }

  return {
    get list() {
      return list;
    },
    get current() {
      return current;
    },
    refresh() {
      const now = clock.now();
      try {
        if (options.remember) store.expireOverrides(now);
      } catch {
        // A disk that is full: what is over is left out all the same, and dropped later.
      }
      const next = store.overrides(now);
      const text = JSON.stringify(next);
      if (text === known) return false;
      const before = list;
      known = text;
      list = next;
      const names = next.flatMap(one => (one.kind === 'deny' ? [one.member] : []));
      const denied = sameIfEqual(names.length === 0 ? noMembers : membersOf(names));
      if (denied !== current.denied) lessened = new WeakMap();
      current = gathered(next, denied);
      tell(before);
      return true;
    },
    less: audience => (current.denied.size === 0 ? audience : withoutDenied(audience, current.denied, lessened)),
  };
}

/** Overrides as they may be shown; `tag` gives a member's. */
export function toldOverrides(list: readonly Override[], tag: (member: string) => string): readonly ToldOverride[] {
  return list.map(one => {
    const { id, kind, by, reason } = one;
    return { id, kind, what: sentenceOf(one, tag), by, reason };
  });
}

/** What an override does, in words; a member only as its tag. */
export function sentenceOf(one: Override, tag: (member: string) => string): string {
  switch (one.kind) {
    case 'off':
      return `${one.toggle} is switched off${one.environment === null ? '' : ` in ${one.environment}`}`;
    case 'deny':
      return `user ${tag(one.member)} is denied`;
    case 'pause':
      return `${one.what} ${one.name} is paused`;
  }
}
