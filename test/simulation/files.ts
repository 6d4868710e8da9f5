import type { Problem } from '../../src/domain/problem.ts';
import type { GoodDefinition } from '../../src/domain/state.ts';
import type { Toggle } from '../../src/domain/toggle.ts';
import type { Loaded } from '../../src/sync/definitions.ts';
import type { ToggleSetup } from './setup.ts';

/** What was found at a look: toggles in force, by key. */
export interface Seen {
  /** World's time (ms); Infinity: what came since could not be read. */
  readonly at: number;
  readonly toggles: ReadonlyMap<string, ToggleSetup>;
  /** Keys whose file is there, valid or not. */
  readonly present: ReadonlySet<string>;
}

/** The flag files, as text that a loader reads; as `load/` does, the last good definition stands in for a broken one. */
export interface Files {
  /** `broken`: it is there and does not validate. */
  readonly tree: Map<string, ToggleSetup | 'broken'>;
  /** The folder, or the repository behind it, cannot be read. */
  down: boolean;
  load(lastGood: readonly GoodDefinition[]): Promise<Loaded>;
  /** The program starts: it knows nothing of earlier looks. */
  begin(): void;
  /** What the program was shown so far, newest last; equal looks are one. */
  readonly seen: Seen[];
}

export function createFiles(toggles: readonly ToggleSetup[], platforms: readonly string[], now: () => number): Files {
  const tree = new Map<string, ToggleSetup | 'broken'>(toggles.map(one => [one.key, one]));
  const seen: Seen[] = [];

  let isFirst = true;

  function note(found: Seen): void {
    const last = seen.at(-1);
    if (last && textOf(last) === textOf(found)) return;
    seen.push(found);
    if (seen.length > 40) seen.shift();
  }

  const files: Files = {
    tree,
    down: false,
    seen,
    begin() {
      isFirst = true;
    },
    async load(lastGood) {
      const problems: Problem[] = [];
      const good = new Map<string, ToggleSetup>();
      const unreadable = files.down ? cannotRead : tree.size === 0 && lastGood.length > 0 ? noneLeft : undefined;
      const present = new Set(unreadable ? [] : tree.keys());
      for (const [key, file] of unreadable ? [] : tree) {
        if (file !== 'broken') good.set(key, file);
        else problems.push({ code: 'flag-invalid', message: `${key} is broken.`, hint: 'Correct it.' });
      }
      for (const { key, text } of lastGood) {
        if (unreadable) present.add(key);
        if (!good.has(key) && present.has(key)) good.set(key, JSON.parse(text) as ToggleSetup);
      }
      const keys = [...good.keys()].sort();
      const all = keys.map(key => good.get(key) as ToggleSetup);
      // A tree that cannot be read changes nothing for who has seen an earlier one; until the next look nobody can make
      // sure of what that one found gone.
      const last = seen.pop();
      if (last) seen.push({ ...last, at: unreadable ? Infinity : Math.min(last.at, now()) });
      if (!unreadable || isFirst) note({ at: now(), toggles: new Map(all.map(one => [one.key, one])), present });
      isFirst = false;
      return {
        toggles: all.map(one => toggleFrom(one, platforms)),
        problems,
        warnings: [],
        present,
        ...(unreadable && { unreadable }),
        good: all.map(one => ({ key: one.key, file: `flags/${one.key}.yaml`, text: JSON.stringify(one) })),
        fingerprint: unreadable ? unreadable.code : JSON.stringify([...tree].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      };
    },
  };
  return files;
}

function textOf({ toggles, present }: Seen): string {
  return JSON.stringify([[...toggles], [...present]]);
}

/** A toggle as its file would say it. */
export function toggleFrom(one: ToggleSetup, platforms: readonly string[]): Toggle {
  const { key, source, rule, state, environments, suffix, allowEmpty, maxUsers, only } = one;
  const targets = only === undefined ? platforms : platforms.filter(name => name === only);
  const place = { ...(suffix !== undefined && { key: key + suffix }), spec: {} };
  return {
    key,
    name: key,
    state,
    contextKind: 'user',
    adopt: false,
    usersPolicy: { source, package: ['app'], rule },
    ...(environments && { environments: Object.fromEntries(environments.map(name => [name, {}])) }),
    ...((suffix !== undefined || only !== undefined) && {
      targets: Object.fromEntries(targets.map(name => [name, place])),
    }),
    guard: { ...(allowEmpty && { allowEmpty }), ...(maxUsers !== undefined && { maxUsers }) },
    file: `flags/${key}.yaml`,
  };
}

const cannotRead: Problem = { code: 'flags-unreadable', message: 'The folder cannot be read.', hint: 'Look at it.' };
const noneLeft: Problem = { code: 'no-flag-files', message: 'There is no flag file any more.', hint: 'Bring it back.' };
