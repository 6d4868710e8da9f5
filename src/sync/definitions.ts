import { type Problem, toProblem } from '../domain/problem.ts';
import type { GoodDefinition, StateStore } from '../domain/state.ts';
import type { Toggle } from '../domain/toggle.ts';
import type { Clock } from '../lib/clock.ts';

/** What loading found: the shape of `LoadedFlags` in `load/`, as far as a pass needs it. */
export interface Loaded {
  /** Sorted by key; a broken file stands with its last good definition. */
  readonly toggles: readonly Toggle[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Keys by file name, valid or not. */
  readonly present: ReadonlySet<string>;
  /** The tree cannot be trusted: nothing changes. */
  readonly unreadable?: Problem;
  readonly good: readonly GoodDefinition[];
  readonly fingerprint: string;
  /** Of the flags repository, in force; undefined for a plain folder. */
  readonly commit?: string;
}

export interface DefinitionsOptions {
  readonly load: (lastGood: readonly GoodDefinition[]) => Promise<Loaded>;
  readonly store: Pick<StateStore, 'definitions' | 'saveDefinitions'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly remember: boolean;
  /** Toggles that are in the targets and not removed there. */
  inTargets(): readonly string[];
  /** The state does not take the definitions: after a restart a broken file has no last good one. */
  unsaved(problem: Problem): void;
  /** The targets may hold toggles that nobody here remembers: their files may be those that are not there yet. */
  unsure(): boolean;
}

/** The toggles in force, and which files are known to be gone. */
export interface Definitions {
  /**
   * Scans. Where a toggle's file is gone the answer is not confirmed until a second scan 500 ms later shows the same:
   * a checkout in progress is no removal. Where nobody knows whether one is gone, the scan is given at once, and the
   * next call, 500 ms later or more, confirms it.
   */
  scan(): Promise<Loaded>;
  /** The scan now in force; undefined before the first. */
  readonly current: Loaded | undefined;
  /** True once two equal scans agree on what is gone (or nothing is). */
  readonly confirmed: boolean;
}

/** ms */
export const secondScan = 500;
const scansAtMost = 20;

export function createDefinitions(options: DefinitionsOptions): Definitions {
  const { store, clock } = options;
  let current: Loaded | undefined;
  let confirmed = false;
  /** When the scan now in force was first seen (ms since the epoch). */
  let since = 0;

  async function once(): Promise<Loaded> {
    const loaded = await options.load(store.definitions());
    if (loaded.unreadable && current) return { ...current, unreadable: loaded.unreadable, problems: loaded.problems };
    return loaded;
  }

  function missing(loaded: Loaded): boolean {
    return options.inTargets().some(key => !loaded.present.has(key));
  }

  return {
    async scan() {
      let loaded = await once();
      const isSame = loaded.fingerprint === current?.fingerprint;
      const isConfirmed = isSame && (confirmed || clock.now() - since >= secondScan);
      if (!isSame) since = clock.now();
      confirmed = !loaded.unreadable && (isConfirmed || !(missing(loaded) || options.unsure()));
      for (let scans = 1; !confirmed && !loaded.unreadable && missing(loaded) && scans < scansAtMost; scans++) {
        await clock.sleep(secondScan, options.signal);
        const again = await once();
        confirmed = !again.unreadable && again.fingerprint === loaded.fingerprint;
        loaded = again;
      }
      current = loaded;
      if (options.remember && !loaded.unreadable) {
        const gone = confirmed ? store.definitions().filter(({ key }) => !loaded.present.has(key)) : [];
        // What the files say counts also where it cannot be kept: each scan saves again.
        try {
          store.saveDefinitions(
            loaded.good,
            gone.map(({ key }) => key),
          );
        } catch (error) {
          options.unsaved(toProblem(error));
        }
      }
      return loaded;
    },
    get current() {
      return current;
    },
    get confirmed() {
      return confirmed;
    },
  };
}
