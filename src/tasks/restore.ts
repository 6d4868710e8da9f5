import type { Config } from '../domain/config.ts';
import { ProblemError, UsageError } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import type { Target } from '../domain/target.ts';
import type { Clock } from '../lib/clock.ts';
import { quoted } from '../load/problems.ts';
import { createOperator, type Told } from './operator.ts';

export interface RestoreOptions {
  readonly config: Pick<Config, 'sources' | 'targets' | 'legacy'>;
  readonly store: StateStore;
  readonly targets: readonly Target[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly toggle: string;
  /** Only there; undefined: wherever it was taken over. */
  readonly target: string | undefined;
}

/** One flag that was taken over, and what putting it back would change. */
export interface Restorable {
  readonly target: string;
  readonly key: string;
  /** ISO: when it was taken over. */
  readonly kept: string;
  /** A sentence each; none: it is so already. */
  readonly changes: readonly string[];
}

/** Longer than a running instance takes to hear of a pause (ms). */
const heardWithin = 2_500;

/** What `restore` would do. Throws a UsageError where nothing of that toggle was ever taken over. */
export async function restorable(options: RestoreOptions): Promise<readonly Restorable[]> {
  const found: Restorable[] = [];
  for (const { target, key, definition, at } of backups(options)) {
    const changes = await formerOf(target).compare(key, definition, options.signal);
    found.push({ target: target.name, key, kept: new Date(at).toISOString(), changes });
  }
  return found;
}

/**
 * Puts the flags back as they were before they were taken over. The toggle is paused first, and stays so: else the next
 * pass would take them over again. Gives the pause.
 */
export async function restore(options: RestoreOptions, by: string): Promise<Told> {
  const { store, clock, toggle, signal } = options;
  const all = backups(options);
  for (const { target } of all) formerOf(target);
  const pause = createOperator(options).override(
    { kind: 'pause', name: toggle, what: 'toggle' },
    { time: undefined, reason: 'put back as it was before it was taken over', by },
  );
  // Whoever runs beside us must not take for drift what comes now.
  await clock.sleep(heardWithin, signal);
  for (const { target, key, definition, at } of all) {
    await formerOf(target).putBack(key, definition, signal);
    const message = `flag ${key} is as it was before it was taken over at ${new Date(at).toISOString()}`;
    store.audit({ at: clock.now(), what: 'restored', toggle, target: target.name, by, message });
  }
  return pause;
}

function backups({ store, targets, toggle, target: only }: RestoreOptions) {
  const found = targets
    .filter(({ name }) => only === undefined || name === only)
    .flatMap(target => {
      const keys = [...store.applied(target.address).values()]
        .filter(one => one.toggle === toggle)
        .map(({ key }) => key);
      return [...new Set([...keys, toggle])].flatMap(key => {
        const backup = store.backup(target.address, key);
        return backup === undefined || backup.definition === null ? [] : [{ target, key, ...backup }];
      });
    });
  if (found.length > 0) return found;
  throw new UsageError({
    code: 'unknown-backup',
    message: `Nothing is kept of ${quoted(toggle)}: it was never taken over${only === undefined ? '' : ` in ${quoted(only)}`}.`,
    hint: 'What its file or policy closed opens by them: correct these. optoggles explain tells why somebody does not have it.',
  });
}

function formerOf(target: Target): NonNullable<Target['former']> {
  if (target.former !== undefined) return target.former;
  throw new ProblemError({
    code: 'cannot-restore',
    message: `target ${target.name}: a ${target.type} cannot be told to put a flag back.`,
    hint: 'Put it back there by hand; pause the toggle first, or it is taken over again.',
  });
}
