import { type Problem, toProblem } from '../domain/problem.ts';
import { backoffDelay } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Tip } from '../lib/git/driver.ts';
import { GitError } from '../lib/git/git-error.ts';
import { shortRef } from '../lib/git/refs.ts';
import type { Log } from '../lib/log.ts';
import type { Repository } from './git-repository.ts';

export interface LooksOptions {
  readonly repository: Repository;
  /** ms */
  readonly poll: number;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
}

/** Looks for news in a repository: now and then, when poked, and again and again after a failure. */
export interface Looks {
  /** Why it could not be asked last. */
  readonly trouble: Problem | undefined;
  /**
   * One look at a time: joins the one that runs. Never throws, what went wrong is kept. With `patience` (ms) it comes
   * back before the end where there is something to read already.
   */
  look(patience?: number): Promise<void>;
  /** Looks until aborted and calls `looked` after each. */
  watch(looked: () => void, signal: AbortSignal): Promise<void>;
  /** Somebody knows of news: looks at once. */
  poke(): void;
  close(): Promise<void>;
}

export function createLooks({ repository, poll, clock, random, log }: LooksOptions): Looks {
  const closing = new AbortController();
  let looking: Promise<void> | undefined;
  let opened: Promise<void> | undefined;
  let trouble: { readonly problem: Problem; readonly error: unknown } | undefined;
  let failures = 0;
  let poked = false;
  let wake: (() => void) | undefined;

  function open(): Promise<void> {
    opened ??= repository.open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  }

  async function once(): Promise<void> {
    try {
      await open();
      const before = repository.seen;
      await repository.look(closing.signal);
      const { seen } = repository;
      if (trouble !== undefined) log.info({ commit: seen?.commit }, 'the flags repository can be asked again');
      trouble = undefined;
      failures = 0;
      if (before !== undefined && seen !== undefined) await tellMoves(before, seen);
    } catch (error) {
      if (closing.signal.aborted) return;
      failures++;
      trouble = { problem: withHint(toProblem(error, 'git-failed')), error };
    }
  }

  /** Another branch and a history that was replaced are taken as they are; somebody may want to know. */
  async function tellMoves(before: Tip, seen: Tip): Promise<void> {
    const fields = { commit: seen.commit, before: before.commit, ref: seen.ref };
    if (before.ref !== seen.ref) {
      log.warn(fields, `the flags come from ${shortRef(seen.ref)} now, no longer from ${shortRef(before.ref)}`);
    } else if (before.commit !== seen.commit && !(await repository.reader()?.descends(seen.commit, before.commit))) {
      log.warn(
        fields,
        `the history of ${shortRef(seen.ref)} was replaced: its newest commit does not come after the last`,
      );
    }
  }

  function pause(): number {
    if (trouble === undefined) return poll;
    const { error } = trouble;
    if (!(error instanceof GitError)) return Math.min(poll, backoffDelay(failures, random));
    // Where a person has to do something, asking more often than usual helps nobody.
    const patient = error.fault === 'access' || error.fault === 'ref';
    return Math.max(error.retryAfter ?? 0, patient ? poll : Math.min(poll, backoffDelay(failures, random)));
  }

  function sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        wake = undefined;
        resolve();
      };
      const cancel = clock.after(ms, done);
      signal.addEventListener('abort', done, { once: true });
      wake = done;
    });
  }

  function look(): Promise<void> {
    looking ??= once().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  return {
    get trouble() {
      return trouble?.problem;
    },
    async look(patience) {
      const running = look();
      if (patience === undefined) return running;
      await open().catch(() => {});
      if (repository.seen === undefined) return running;
      const stop = new AbortController();
      await Promise.race([running, clock.sleep(patience, stop.signal).catch(() => {})]);
      stop.abort();
      // It goes on; whoever watches waits for its end.
      if (looking !== undefined) poked = true;
    },
    async watch(looked, signal) {
      // The first look is that of the first load.
      while (!signal.aborted && !closing.signal.aborted) {
        if (!poked) await sleep(pause(), signal);
        if (signal.aborted) return;
        // A poke during a look may be about what came after its question.
        if (poked) await looking;
        poked = false;
        await look();
        if (!signal.aborted) looked();
      }
    },
    poke() {
      poked = true;
      wake?.();
    },
    async close() {
      closing.abort(new Error('stopping'));
      await looking;
      await repository.close();
    },
  };
}

function withHint(problem: Problem): Problem {
  return { hint: 'It is tried again; if it goes on, report it with the line of the log.', ...problem };
}
