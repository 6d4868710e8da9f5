import type { Config } from '../domain/config.ts';
import type { StateStore } from '../domain/state.ts';
import type { Clock } from '../lib/clock.ts';

/** How the audit log is kept where the configuration does not say. */
const defaultAudit = { keep: 400 * 24 * 60 * 60_000, maxRows: 1_000_000 };
const pruneEvery = 60 * 60_000;
/** Members of the audit log are hashed so many at a time, a few ms of work. */
const hashedAtOnce = 500;
/** And again after so long (ms): while there are more, and when there are none. */
const pause = { busy: 20, idle: 5_000 };
/** At the end, what is left of it has a second or so; the next process does the rest. */
const hashedAtEnd = 200_000;

/** Keeps the state from growing, and hashes the members of the audit log, until the result is called. */
export function keepUp(
  store: Pick<StateStore, 'prune' | 'sealAudit'>,
  config: Pick<Config, 'guard' | 'audit'>,
  clock: Clock,
): () => void {
  let cancelHash = () => {};
  let cancelPrune = () => {};

  function hash(wait: number): void {
    cancelHash = clock.after(wait, () => {
      let hasMore = false;
      try {
        hasMore = store.sealAudit(hashedAtOnce);
      } catch {
        // A disk that is full: whoever has something to write says so, and this is tried again.
      }
      hash(hasMore ? pause.busy : pause.idle);
    });
  }

  function prune(): void {
    cancelPrune = clock.after(pruneEvery, () => {
      try {
        pruneState(store, config, clock.now());
      } catch {
        // As above; nothing is lost by it.
      }
      prune();
    });
  }

  hash(pause.idle);
  prune();
  return () => {
    cancelHash();
    cancelPrune();
  };
}

/** Drops what nobody needs any more: of the history, of the audit log, of sets of members. */
export function pruneState(
  store: Pick<StateStore, 'prune'>,
  config: Pick<Config, 'guard' | 'audit'>,
  now: number,
): void {
  const { keep, maxRows } = config.audit ?? defaultAudit;
  store.prune({ history: now - config.guard.window, audit: now - keep, auditRows: maxRows });
}

/**
 * The last thing before a state is closed: what a process does now and then that goes on, one that does not does once.
 * Throws nothing: what is left undone, the next process does.
 */
export function leaveInOrder(
  store: Pick<StateStore, 'prune' | 'sealAudit'>,
  config: Pick<Config, 'guard' | 'audit'>,
  now: number,
  once: boolean,
): void {
  try {
    if (once) pruneState(store, config, now);
    store.sealAudit(hashedAtEnd);
  } catch {
    // See above.
  }
}
