import type { Source } from '../domain/audience.ts';
import type { Config } from '../domain/config.ts';
import { markOf } from '../domain/identity.ts';
import { type Problem, ProblemError } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import type { Target } from '../domain/target.ts';
import { sourceKinds, targetKinds } from '../kinds.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { memoryState, openState } from '../state/store.ts';
import { callbackBearer } from '../sync/bearers.ts';
import { createLine, type Line } from '../sync/line.ts';
import type { Observer } from '../sync/view.ts';
import { type Flags, openFlags } from './flags.ts';

export interface OpenOptions {
  readonly config: Config;
  readonly mode: 'run' | 'once' | 'preview';
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly observer: Observer;
  readonly only?: ReadonlySet<string>;
  readonly reviewed?: boolean;
  /** Of the flags repository: the commit that was reviewed, whatever its ref says now. */
  readonly commit?: string | undefined;
}

/** A line with what it stands on. `close` stops it, takes callbacks back and closes the state. */
export interface Opened {
  readonly line: Line;
  readonly store: StateStore;
  readonly config: Config;
  readonly flags: Flags;
  close(): Promise<void>;
}

/** Sources get this long to take their callback back at the end (ms). */
const goodbye = 5_000;

export const silentObserver: Observer = { pass() {}, asked() {}, wrote() {}, blocked() {} };

/**
 * Builds the line of a configuration: the only place that makes sources, targets and the state from it. Throws a
 * ProblemError for what cannot be: a state folder in use, settings that do not fit.
 */
export function openLine(options: OpenOptions): Opened {
  const { config, log } = options;
  const store = openStore(options);
  const sources: Source[] = [];
  const targets: Target[] = [];
  try {
    for (const entry of config.sources) sources.push(openSource(entry, options, store));
    for (const entry of config.targets) targets.push(openTarget(entry, options));
  } catch (error) {
    store.close();
    throw error;
  }
  for (const problem of droppedTargets(store, targets)) log.warn({ code: problem.code }, problem.message);
  const flags = openFlags({ ...options, mode: options.mode === 'preview' ? 'borrow' : 'own' });
  const line = createLine({ ...options, sources, targets, store, load: lastGood => flags.load(lastGood) });
  return {
    line,
    store,
    config,
    flags,
    async close() {
      await Promise.all([line.stop(), flags.close()]);
      const signal = AbortSignal.timeout(goodbye);
      const closing = [...sources.map(source => source.close(signal)), ...targets.map(target => target.close())];
      await Promise.allSettled(closing);
      store.close();
    },
  };
}

function openStore({ config, mode, clock, log }: OpenOptions): StateStore {
  const options = { folder: config.stateDir, instance: config.instance, clock, log };
  try {
    return openState({ ...options, access: mode === 'preview' ? 'share' : 'own' });
  } catch (error) {
    const code = error instanceof ProblemError ? error.problem.code : undefined;
    // A preview of a folder that was never used plans from nothing; the old configuration never had a state.
    if (mode === 'preview' && code === 'state-missing') return memoryState(options);
    if (config.legacy && code === 'state-readonly') {
      log.warn(
        { code },
        `${(error as ProblemError).problem.message} The state is kept in memory and lost at the end; give stateDir a folder that can be written.`,
      );
      return memoryState(options);
    }
    throw error;
  }
}

function openSource(entry: Config['sources'][number], options: OpenOptions, store: StateStore): Source {
  const { config, clock, random, log } = options;
  const kind = sourceKinds[entry.type];
  if (!kind) throw new Error(`no source kind ${entry.type}`);
  const callback =
    options.mode === 'run'
      ? {
          bearer: callbackBearer(config.callbackSecret ?? store.secret('callback'), config.instance, entry.id),
          port: config.bind.port,
        }
      : undefined;
  const { instance, folder } = config;
  return kind.create(entry.settings, { id: entry.id, instance, folder, clock, random, log, callback });
}

function openTarget(entry: Config['targets'][number], options: OpenOptions): Target {
  const { config, clock, random, log } = options;
  const kind = targetKinds[entry.type];
  if (!kind) throw new Error(`no target kind ${entry.type}`);
  return kind.create(entry.settings, {
    name: entry.name,
    mark: markOf(config.instance),
    instance: config.instance,
    folder: config.folder,
    environments: entry.environments,
    clock,
    random,
    log,
  });
}

/** What was written somewhere that the configuration no longer names is left alone, and said. */
function droppedTargets(store: StateStore, targets: readonly Target[]): Problem[] {
  const known = new Set(targets.map(target => target.address));
  return store
    .addresses()
    .filter(({ address }) => !known.has(address))
    .map(({ target, address }) => ({
      code: 'target-dropped',
      message: `The configuration no longer names ${address} (target ${target}): its toggles are left as they are. Put it back with policy: sync and without toggles to close them.`,
    }));
}
