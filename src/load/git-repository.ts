import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GitFlags } from '../domain/config.ts';
import type { Clock } from '../lib/clock.ts';
import { type Clone, createClone } from '../lib/git/clone.ts';
import type { GitDriver, GitLimits, GitReader, Tip } from '../lib/git/driver.ts';
import { openDriver } from '../lib/git/open.ts';

export interface RepositoryOptions {
  readonly git: GitFlags;
  /** Of the clone, in the state folder. */
  readonly folder: string;
  /** `own`: this process alone writes the clone. `borrow`: it is only read, what is missing is fetched elsewhere. */
  readonly mode: 'own' | 'borrow';
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly limits?: GitLimits;
}

/** The repository as a process sees it: what was seen of it last, and how to read it. */
export interface Repository {
  /** What was fetched last; undefined: nothing yet. */
  readonly seen: Tip | undefined;
  /** The last commit that was taken. */
  readonly good: string | undefined;
  /** Counts what was fetched or cloned. */
  readonly updates: number;
  /** Where the files of a commit are put. */
  readonly tree: string;
  open(): Promise<void>;
  /** Asks where the ref stands, and fetches what is new. Throws a GitError. */
  look(signal: AbortSignal): Promise<void>;
  reader(): GitReader | undefined;
  keep(commit: string): Promise<void>;
  /** What is here cannot be read: the next look makes it anew. */
  distrust(): void;
  close(): Promise<void>;
}

/** Opens the repository of the configuration. Nothing is asked and nothing written yet. */
export function createRepository(options: RepositoryOptions): Repository {
  const { git, folder, mode, clock, env, limits } = options;
  const remote = {
    url: git.url,
    user: git.user,
    // It may be another by the next request.
    get token() {
      return git.token;
    },
  };
  let driver: GitDriver | undefined;
  let clone: Clone | undefined;
  let scratch: string | undefined;
  // Borrowed: nowhere, until there is a folder of its own.
  let tree = join(folder, mode === 'own' ? 'tree' : 'nowhere');
  let updates = 0;
  /** Borrowed: what is read in place of the clone. */
  let elsewhere: { readonly reader: GitReader; readonly seen: Tip } | undefined;
  let distrusted = false;

  async function ready(): Promise<{ driver: GitDriver; clone: Clone }> {
    driver ??= await openDriver({ driver: git.driver, remote, clock, env, ...(limits && { limits }) });
    clone ??= createClone({ folder, url: git.url, driver });
    return { driver, clone };
  }

  async function borrow(tip: Tip, signal: AbortSignal): Promise<void> {
    const { driver, clone } = await ready();
    const there = distrusted ? undefined : clone.reader();
    if (there !== undefined && (await there.has(tip.commit))) {
      elsewhere = { reader: there, seen: tip };
      return;
    }
    const fresh = join(await ownFolder(), `repository-${++updates}`);
    const seen = await driver.clone(fresh, tip, 'last', signal);
    elsewhere = { reader: driver.open(fresh), seen };
    distrusted = false;
  }

  async function ownFolder(): Promise<string> {
    scratch ??= await mkdtemp(join(tmpdir(), 'optoggles-flags-'));
    return scratch;
  }

  return {
    get seen() {
      return elsewhere?.seen ?? clone?.seen;
    },
    get good() {
      return clone?.good;
    },
    get updates() {
      return updates;
    },
    get tree() {
      return tree;
    },
    async open() {
      const { clone } = await ready();
      await clone.open({ sweep: mode === 'own' });
      if (mode === 'borrow') tree = join(await ownFolder(), 'tree');
    },
    async look(signal) {
      const { driver, clone } = await ready();
      const tip = await driver.tip(git.ref, signal);
      const { seen } = this;
      if (!distrusted && seen?.commit === tip.commit && seen.ref === tip.ref) return;
      if (mode === 'borrow') return borrow(tip, signal);
      if (distrusted) clone.distrust();
      await clone.update(tip, signal);
      updates++;
      distrusted = false;
    },
    reader: () => elsewhere?.reader ?? clone?.reader(),
    async keep(commit) {
      if (mode === 'own') await clone?.keep(commit);
    },
    distrust() {
      distrusted = true;
      elsewhere = undefined;
    },
    async close() {
      await driver?.close();
      if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
    },
  };
}
