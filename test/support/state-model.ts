import type { Outcome } from '../../src/domain/target.ts';

/** What a test does to a store and to its model. `who` are the letters that are in. */
export type ModelOp = { readonly key: string } & (
  | { readonly do: 'create' | 'retire' | 'restore' | 'forget' | 'reopen' }
  | { readonly do: 'intend'; readonly who: string; readonly on: boolean }
  | {
      readonly do: 'write';
      readonly who: string;
      readonly on: boolean;
      readonly result: Outcome['result'];
      readonly approved: boolean;
    }
  | { readonly do: 'observe'; readonly who: string; readonly on: boolean }
);

interface State {
  readonly who: string;
  readonly on: boolean;
}

interface Placement {
  /** Undefined: nobody knows what was there before the intended write. */
  applied: (State & { readonly filledAt: number | undefined }) | undefined;
  open: State[];
  isNew: boolean;
}

interface Step {
  readonly at: number;
  readonly first: boolean;
  readonly before: string;
  readonly after: string;
  readonly granted: string;
  readonly revoked: string;
}

interface Listing {
  known: boolean;
  removed: boolean;
  placement: Placement | undefined;
}

/** The state said in the plainest way: one placement per listing, sets as sorted letters, nothing stored. */
export function createModel() {
  const listings = new Map<string, Listing>();
  const history = new Map<string, Step[]>();

  function listing(key: string): Listing {
    let one = listings.get(key);
    if (!one) listings.set(key, (one = { known: false, removed: false, placement: undefined }));
    return one;
  }

  function step(key: string, one: Step): void {
    history.set(key, [...(history.get(key) ?? []), one]);
  }

  /** Makes the newest of `open` a guess beside those before; the placement comes to be with it. */
  function intend(key: string, state: State): void {
    const one = listing(key);
    one.placement ??= {
      applied: undefined,
      open: [],
      isNew: true,
    };
    const { open } = one.placement;
    one.placement.open = open.length < 2 ? [...open, state] : [joined(open), state];
  }

  function drop(key: string): void {
    const one = listing(key);
    one.placement = undefined;
    if (!one.known) listings.delete(key);
  }

  return {
    /** What the plan would have found. */
    before: (key: string): string | undefined => listings.get(key)?.placement?.applied?.who,
    create(key: string, at: number): void {
      const one = listing(key);
      const last = one.placement?.applied;
      if (last?.who && last.filledAt !== undefined) {
        step(key, { at, first: false, before: last.who, after: '', granted: '', revoked: '' });
      }
      one.placement = { applied: { who: '', on: false, filledAt: last?.filledAt }, open: [], isNew: false };
      Object.assign(one, { known: true, removed: false });
    },
    remove(key: string, removed: boolean): void {
      Object.assign(listing(key), { known: true, removed });
    },
    forget(key: string): void {
      listings.delete(key);
    },
    intend: (key: string, { who, on }: State) => intend(key, { who, on }),
    /** `isIntended`: `intend` was called for just this write. */
    write(
      key: string,
      state: State,
      result: Outcome['result'],
      approved: boolean,
      at: number,
      isIntended: boolean,
    ): void {
      if (result === 'unanswered' || result === 'pending') {
        if (!isIntended && !listings.get(key)?.placement?.open.length) intend(key, state);
        return;
      }
      if (result !== 'done') {
        const placement = listings.get(key)?.placement;
        if (!placement || !isIntended) return;
        placement.open.pop();
        if (placement.isNew && placement.open.length === 0) drop(key);
        return;
      }
      const one = listing(key);
      const last = one.placement?.applied;
      const filledAt = last?.filledAt ?? (state.who ? at : undefined);
      const before = last?.who ?? '';
      if (filledAt !== undefined && (before !== state.who || approved)) {
        const granted = approved ? letters(state.who, letter => !before.includes(letter)) : '';
        const revoked = approved ? letters(before, letter => !state.who.includes(letter)) : '';
        step(key, { at, first: last?.filledAt === undefined, before, after: state.who, granted, revoked });
      }
      one.placement = { applied: { who: state.who, on: state.on, filledAt }, open: [], isNew: false };
      Object.assign(one, { known: true, removed: false });
    },
    observe(key: string, seen: State, at: number): void {
      const placement = listings.get(key)?.placement;
      if (!placement || placement.open.length === 0) return;
      if (seen.on) listing(key).removed = false;
      const open = joined(placement.open);
      const last = placement.applied;
      if (!last && letters(seen.who, letter => !open.who.includes(letter)) !== '') return drop(key);
      const votes = last ? [last, open, seen] : [open, seen, seen];
      const all = letters('abcdefgh', letter => votes.filter(({ who }) => who.includes(letter)).length >= 2);
      const on = votes.filter(vote => vote.on).length >= 2;
      const filledAt = last?.filledAt ?? (all ? at : undefined);
      if (filledAt !== undefined && last?.who !== all) {
        step(key, {
          at,
          first: last?.filledAt === undefined,
          before: last?.who ?? '',
          after: all,
          granted: '',
          revoked: '',
        });
      }
      Object.assign(placement, { applied: { who: all, on, filledAt }, open: [], isNew: false });
    },
    /** As the store has to show it. */
    view: () =>
      [...listings]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, { known, removed, placement }]) => {
          const applied = placement?.applied;
          return {
            key,
            known,
            // It is back where somebody may be in.
            removed: removed && !placement?.open.some(({ on }) => on),
            placement: applied && {
              ...applied,
              open: placement.open.length > 0 ? joined(placement.open) : undefined,
            },
          };
        }),
    baseline(key: string, since: number) {
      const steps = (history.get(key) ?? []).filter(({ at }) => at > since);
      const [oldest] = steps;
      if (!oldest) return undefined;
      return {
        members: oldest.first ? oldest.after : oldest.before,
        granted: letters('abcdefgh', letter => steps.some(({ granted }) => granted.includes(letter))),
        revoked: letters('abcdefgh', letter => steps.some(({ revoked }) => revoked.includes(letter))),
      };
    },
  };
}

function joined(open: readonly State[]): State {
  return {
    who: letters('abcdefgh', letter => open.some(({ who }) => who.includes(letter))),
    on: open.some(({ on }) => on),
  };
}

function letters(of: string, keep: (letter: string) => boolean): string {
  return of.split('').filter(keep).join('');
}
