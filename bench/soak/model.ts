import { now } from '../clock.ts';

const TOGGLES = 40;
const STEADY = 200;
/** Of each toggle: they come and go, few enough to never meet the guard. */
const VOLATILE = 20;

/** One member of one toggle comes or goes. */
export interface Edit {
  readonly toggle: string;
  readonly member: string;
  readonly present: boolean;
}

/** What policy says at the moment, and since when the target owes which part of it. */
export interface Model {
  readonly toggles: readonly string[];
  /** For OPA: members by toggle. */
  data(): Record<string, Record<string, true>>;
  /** The next change, from the seeded sequence; counts as said from now on. */
  change(): Edit;
  /** The target took this list: ms from each change that it settles. */
  wrote(toggle: string, users: ReadonlySet<string>): number[];
  /** Changes that the target does not show yet. */
  owed(): number;
  /** ms since the oldest revocation that the target does not show; 0: none. */
  oldestRevocation(): number;
  /** Toggles whose list in the target differs from policy. */
  differing(held: ReadonlyMap<string, ReadonlySet<string>>): string[];
}

/** The same `seed` gives the same changes. */
export function createModel(seed: number): Model {
  const toggles = Array.from({ length: TOGGLES }, (_, at) => `t${String(at).padStart(5, '0')}`);
  const steady = Array.from({ length: STEADY }, (_, at) => `user-${String(at).padStart(4, '0')}`);
  const coming = Array.from({ length: VOLATILE }, (_, at) => `zz-${String(at).padStart(2, '0')}`);
  const members = new Map(toggles.map(toggle => [toggle, new Set(steady)]));
  const owed = new Map<string, { readonly edit: Edit; readonly at: number }>();
  let state = seed;

  function random(below: number): number {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  }

  return {
    toggles,
    data() {
      const all = [...members].map(([toggle, set]) => [toggle, Object.fromEntries([...set].map(one => [one, true]))]);
      return Object.fromEntries(all) as Record<string, Record<string, true>>;
    },
    change() {
      const toggle = toggles[random(TOGGLES)] ?? '';
      const member = coming[random(VOLATILE)] ?? '';
      const set = members.get(toggle) ?? new Set();
      const edit = { toggle, member, present: !set.has(member) };
      if (edit.present) set.add(member);
      else set.delete(member);
      const key = `${toggle} ${member}`;
      // To and fro before anybody wrote it: nothing is owed any more.
      if (!owed.delete(key)) owed.set(key, { edit, at: now() });
      return edit;
    },
    wrote(toggle, users) {
      const took: number[] = [];
      const at = now();
      for (const member of coming) {
        const key = `${toggle} ${member}`;
        const debt = owed.get(key);
        const shown = users.has(member);
        if (debt?.edit.present === shown) {
          took.push(at - debt.at);
          owed.delete(key);
        } else if (debt === undefined && shown !== (members.get(toggle)?.has(member) ?? false)) {
          // Written after it was to, before it was fro: now the way back is owed.
          owed.set(key, { edit: { toggle, member, present: !shown }, at });
        }
      }
      return took;
    },
    owed: () => owed.size,
    oldestRevocation() {
      const revocations = [...owed.values()].filter(({ edit }) => !edit.present);
      return revocations.length === 0 ? 0 : now() - Math.min(...revocations.map(({ at }) => at));
    },
    differing(held) {
      return toggles.filter(toggle => {
        const wanted = members.get(toggle) ?? new Set();
        const got = held.get(toggle) ?? new Set<string>();
        return got.size !== wanted.size || [...wanted].some(member => !got.has(member));
      });
    },
  };
}
