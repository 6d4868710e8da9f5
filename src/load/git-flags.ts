import { join } from 'node:path';
import type { Config, GitFlags } from '../domain/config.ts';
import { type Problem, ProblemsError, toProblem } from '../domain/problem.ts';
import type { GoodDefinition } from '../domain/state.ts';
import type { Clock } from '../lib/clock.ts';
import { type Checkout, createCheckout } from '../lib/git/checkout.ts';
import type { GitLimits } from '../lib/git/driver.ts';
import { damaged, GitError } from '../lib/git/git-error.ts';
import type { Log } from '../lib/log.ts';
import { loadConfig } from './config.ts';
import { createFlagLoader, type FlagLoader, type LoadedFlags } from './flags.ts';
import { createLooks, type Looks } from './git-look.ts';
import { createRepository, type Repository } from './git-repository.ts';
import type { KindSchemas } from './kinds.ts';
import { configLimit } from './text-file.ts';

export interface GitFlagsOptions {
  readonly config: Config;
  readonly git: GitFlags;
  readonly kinds: KindSchemas;
  /** `own`: this process alone writes the clone in the state folder. `borrow`: nothing is written there. */
  readonly mode: 'own' | 'borrow';
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** This commit, whatever the ref says: the one that was reviewed. */
  readonly commit?: string | undefined;
  readonly limits?: GitLimits;
}

/** How the flags stand, for health and status. */
export interface FlagsState {
  /** `held`: the newest commit cannot be taken; `failing`: the repository cannot be asked. What is in force stays. */
  readonly state: 'ok' | 'held' | 'failing';
  /** In force; undefined: none yet. */
  readonly commit: string | undefined;
  /** Where the ref stands, as far as was seen. */
  readonly newest: string | undefined;
}

/** The flags of a repository: a commit is taken as a whole, or the last good one stays in force. */
export interface GitFlagLoader extends FlagLoader {
  /** Asks and fetches until aborted; calls `changed` when there is something new to load. Never throws. */
  watch(changed: () => void, signal: AbortSignal): Promise<void>;
  /** Asks at once: somebody knows of news. */
  poke(): void;
  /** A push of `ref` came in; false: it is not the one that counts. */
  pushed(ref: string, defaultBranch: string | undefined): boolean;
  readonly state: FlagsState;
  /** Whether a commit is in force, or one that came after it. */
  includes(commit: string): Promise<boolean>;
  close(): Promise<void>;
}

/** At a start with a clone, the server gets so long before the last commit is taken (ms). */
const firstPatience = 5_000;

/** Reads flags from the repository of the configuration. The first load asks it; from then on `watch` does. */
export function createGitFlags(options: GitFlagsOptions): GitFlagLoader {
  const { git, mode, clock, env, limits, config, random, log } = options;
  const folder = join(config.stateDir, 'flags');
  const repository = createRepository({ git, folder, mode, clock, env, ...(limits && { limits }) });
  const looks = createLooks({ repository, poll: git.poll, clock, random, log });
  return new Loader(options, repository, looks);
}

class Loader implements GitFlagLoader {
  readonly #options: GitFlagsOptions;
  readonly #repository: Repository;
  readonly #looks: Looks;
  readonly #closing = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  #parts: { readonly files: FlagLoader; readonly checkout: Checkout } | undefined;
  #first = true;
  /** The newest commit that was looked into, and when: a clone that was made anew is looked into again. */
  #judged = '';
  /** What kept it from being taken may be over by itself. */
  #again = false;
  #held: Problem | undefined;
  #inForce: string | undefined;
  /** What the last load knew. */
  #told = '';

  constructor(options: GitFlagsOptions, repository: Repository, looks: Looks) {
    this.#options = options;
    this.#repository = repository;
    this.#looks = looks;
  }

  get state(): FlagsState {
    const state = this.#held ? 'held' : this.#looks.trouble ? 'failing' : 'ok';
    return { state, commit: this.#inForce, newest: this.#repository.seen?.commit };
  }

  load(lastGood: readonly GoodDefinition[]): Promise<LoadedFlags> {
    const next = this.#last.then(() => this.#load(lastGood));
    this.#last = next.catch(() => undefined);
    return next;
  }

  poke(): void {
    this.#looks.poke();
  }

  pushed(ref: string, defaultBranch: string | undefined): boolean {
    const { ref: wanted } = this.#options.git;
    const isDefault = ref === this.#repository.seen?.ref || ref === `refs/heads/${defaultBranch ?? ''}`;
    const named = [wanted, `refs/heads/${wanted}`, `refs/tags/${wanted}`];
    const isOurs = wanted === undefined ? isDefault : named.includes(ref);
    if (isOurs) this.poke();
    return isOurs;
  }

  async includes(commit: string): Promise<boolean> {
    const now = this.#inForce;
    if (now === undefined || now === commit) return now === commit;
    const reader = this.#repository.reader();
    try {
      return reader !== undefined && (await reader.has(commit)) && (await reader.descends(now, commit));
    } catch {
      return false;
    }
  }

  watch(changed: () => void, signal: AbortSignal): Promise<void> {
    const looked = () => {
      if (this.#again || this.#news() !== this.#told) changed();
    };
    return this.#looks.watch(looked, signal);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('stopping'));
    await this.#looks.close();
    await this.#last;
  }

  #news(): string {
    const { seen, updates } = this.#repository;
    return JSON.stringify([seen, updates, this.#looks.trouble]);
  }

  async #load(lastGood: readonly GoodDefinition[]): Promise<LoadedFlags> {
    if (this.#first) await this.#looks.look(this.#options.mode === 'own' ? firstPatience : undefined);
    this.#first = false;
    this.#told = this.#news();
    const { commit = this.#repository.seen?.commit } = this.#options;
    const judged = `${commit} ${this.#repository.updates}`;
    const isNews = commit !== undefined && (judged !== this.#judged || this.#again);
    if (!isNews) return this.#withTroubles(await this.#read(lastGood));
    this.#judged = judged;
    this.#again = false;
    return this.#withTroubles(await this.#take(commit, lastGood));
  }

  /** Takes a commit, or holds it and stays with the last good one. */
  async #take(commit: string, lastGood: readonly GoodDefinition[]): Promise<LoadedFlags> {
    const found = await this.#tryCommit(commit, lastGood);
    if (!('problem' in found)) {
      if (this.#inForce !== commit) {
        const fields = { commit, before: this.#inForce, ref: this.#repository.seen?.ref };
        this.#options.log.info(fields, `flags of commit ${short(commit)}: ${found.files} files`);
      }
      this.#inForce = commit;
      this.#held = undefined;
      await this.#repository.keep(commit).catch(() => {});
      return found;
    }
    const good = this.#inForce ?? this.#repository.good;
    const stays = good === undefined || good === commit ? '' : ` Commit ${short(good)} stays in force.`;
    const { message, hint = 'Correct it with another commit.', at } = found.problem;
    const held = `Commit ${short(commit)} is held: ${message}${stays}`;
    this.#held = { code: 'commit-held', message: held, hint, ...(at && { at }) };
    if (good !== undefined && good !== commit && (await this.#repository.reader()?.has(good))) {
      const before = await this.#tryCommit(good, lastGood);
      if (!('problem' in before)) {
        this.#inForce = good;
        return before;
      }
    }
    // Nothing of a commit that is held may count: with no file there, the last good definitions do.
    this.#inForce = undefined;
    this.#open().checkout.clear();
    return this.#read(lastGood);
  }

  async #tryCommit(commit: string, lastGood: readonly GoodDefinition[]): Promise<LoadedFlags | { problem: Problem }> {
    try {
      const reader = this.#repository.reader();
      if (reader === undefined) return { problem: nothingYet };
      if (!(await reader.has(commit))) {
        if (commit === this.#options.commit) return { problem: reviewedIsGone };
        throw damaged('a commit is missing');
      }
      await this.#open().checkout.update(reader, commit, this.#closing.signal);
      const broken = await this.#brokenConfig();
      if (broken !== undefined) return { problem: broken };
      const loaded = await this.#read(lastGood);
      return loaded.unreadable === undefined ? loaded : { problem: loaded.unreadable };
    } catch (error) {
      if (this.#closing.signal.aborted) throw error;
      this.#again = !(error instanceof GitError && error.fault === 'content');
      if (error instanceof GitError && error.fault === 'damaged') {
        this.#repository.distrust();
        this.poke();
      }
      return { problem: toProblem(error, 'git-failed') };
    }
  }

  /** A configuration beside the flags that does not validate: what the files of that commit mean is not certain. */
  async #brokenConfig(): Promise<Problem | undefined> {
    const { config, kinds } = this.#options;
    try {
      await loadConfig(join(this.#repository.tree, config.file), { kinds, env: {}, secrets: 'check' });
      return undefined;
    } catch (error) {
      const [first] = error instanceof ProblemsError ? error.problems : [toProblem(error)];
      return first?.code === 'config-not-found' ? undefined : first;
    }
  }

  /** What lies in the checkout; where nothing does, the last good definitions. */
  #read(lastGood: readonly GoodDefinition[]): Promise<LoadedFlags> {
    return this.#open().files.load(lastGood);
  }

  #open(): { readonly files: FlagLoader; readonly checkout: Checkout } {
    const { config, git, kinds } = this.#options;
    const { tree } = this.#repository;
    this.#parts ??= {
      files: createFlagLoader({ ...config, folder: tree, flags: { folder: join(tree, git.path) } }, kinds),
      checkout: createCheckout({
        folder: tree,
        path: git.path,
        also: config.file,
        wanted: path => /\.ya?ml$/i.test(path),
        limit: configLimit,
      }),
    };
    return this.#parts;
  }

  #withTroubles(loaded: LoadedFlags): LoadedFlags {
    const commit = this.#inForce;
    const trouble = this.#trouble();
    const none = commit === undefined ? (trouble ?? loaded.unreadable ?? nothingYet) : undefined;
    const unreadable = this.#held ?? none;
    const { unreadable: _, ...rest } = loaded;
    return {
      ...rest,
      problems: trouble === undefined || trouble === unreadable ? loaded.problems : [trouble, ...loaded.problems],
      fingerprint: `${commit ?? ''} ${loaded.fingerprint}`,
      ...(commit !== undefined && { commit }),
      ...(unreadable !== undefined && { unreadable }),
    };
  }

  #trouble(): Problem | undefined {
    const { trouble } = this.#looks;
    if (trouble === undefined || this.#inForce === undefined) return trouble;
    return { ...trouble, message: `${trouble.message} Commit ${short(this.#inForce)} stays in force.` };
  }
}

const nothingYet: Problem = {
  code: 'git-nothing-yet',
  message: 'No commit of the flags repository was read yet.',
  hint: 'The log says why; nothing is changed until then.',
};

const reviewedIsGone: Problem = {
  code: 'commit-gone',
  message: 'The commit that was reviewed is not in the repository any more.',
  hint: 'Look at a new plan and apply with its checksum.',
};

/** As people write commits. */
function short(commit: string): string {
  return commit.slice(0, 10);
}
