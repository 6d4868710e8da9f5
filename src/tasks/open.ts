import type { Source } from '../domain/audience.ts';
import type { Config, SourceEntry } from '../domain/config.ts';
import { markOf } from '../domain/identity.ts';
import { formatProblem, ProblemError } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import type { Target } from '../domain/target.ts';
import { sourceKinds, targetKinds } from '../kinds.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { memoryState, openState } from '../state/store.ts';
import { callbackBearer, callbackSecretOf } from '../sync/bearers.ts';
import { createLine, type Line } from '../sync/line.ts';
import { leaveInOrder } from '../sync/upkeep.ts';
import type { Observer } from '../sync/view.ts';
import { type Flags, openFlags } from './flags.ts';
import type { TargetContext } from '../targets/kind.ts';
import { type Former, formerTargets } from './former.ts';
import { type Renewable, renewableSource, renewableTarget } from './renewable.ts';
import { checkAddresses } from './same-address.ts';

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
  /** Where files of sources lie (absolute), if not below the configuration's folder: a review looks at another commit's. */
  readonly sourceFolder?: string;
  /** Where toggles come from, if not from what the configuration names. Closed with the line. */
  readonly flags?: Flags;
  /** What stands between the line and the world: then the state folder is not looked at. Of a preview only. */
  readonly through?: Through;
}

/** Puts other sources and targets in the place of the configured ones. */
export interface Through {
  /** `make` makes the configured one. */
  source(entry: SourceEntry, make: () => Source): Source;
  target(target: Target): Target;
}

/** A line with what it stands on. `close` stops it, takes callbacks back and closes the state. */
export interface Opened {
  readonly line: Line;
  readonly store: StateStore;
  readonly config: Config;
  readonly flags: Flags;
  /** In `run`: the settings of that source (target) are others by now, and are used from here on. Rejects where they cannot. */
  readonly renewSource: (id: string) => Promise<void>;
  readonly renewTarget: (name: string) => Promise<void>;
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
  const renewing = options.mode === 'run' ? createRenewing(options, store) : undefined;
  let former: Former;
  try {
    for (const entry of config.sources) {
      const make = () => renewing?.source(entry.id) ?? openSource(entry, options, store);
      sources.push(options.through?.source(entry, make) ?? make());
    }
    for (const entry of config.targets) {
      const target = renewing?.target(entry.name) ?? openTarget(entry, options);
      targets.push(options.through?.target(target) ?? target);
    }
    checkAddresses(targets);
    former = formerTargets({
      config,
      store,
      targets,
      kinds: targetKinds,
      context: entry => targetContext(entry, options),
      now: options.clock.now(),
      remember: options.mode !== 'preview',
    });
  } catch (error) {
    store.close();
    throw error;
  }
  for (const problem of former.warnings) log.warn({ code: problem.code }, formatProblem(problem));
  for (const problem of former.news) log.info({ code: problem.code }, problem.message);
  const flags = options.flags ?? openFlags({ ...options, mode: options.mode === 'preview' ? 'borrow' : 'own' });
  const line = createLine({
    ...options,
    sources,
    targets,
    former: former.targets,
    store,
    load: lastGood => flags.load(lastGood),
  });
  return {
    line,
    store,
    config,
    flags,
    async renewSource(id) {
      await renewing?.renew(`source ${id}`);
      for (const lane of line.sources) if (lane.source.id === id) lane.wake({ kind: 'operator' });
    },
    async renewTarget(name) {
      await renewing?.renew(`target ${name}`);
      for (const lane of line.targets) {
        if (lane.target.name !== name) continue;
        lane.retries.forgive(() => true);
        lane.wake({ kind: 'operator', read: true });
      }
    },
    async close() {
      await Promise.all([line.stop(), flags.close()]);
      const signal = AbortSignal.timeout(goodbye);
      const all = [...targets, ...[...former.targets.values()].flat()];
      const closing = [...sources.map(source => source.close(signal)), ...all.map(target => target.close())];
      await Promise.allSettled(closing);
      if (options.mode !== 'preview') leaveInOrder(store, config, options.clock.now(), options.mode === 'once');
      store.close();
    },
  };
}

/** Sources and targets that are made anew when a secret of theirs changed. */
function createRenewing(options: OpenOptions, store: StateStore) {
  const { config, clock } = options;
  const made = new Map<string, Renewable<unknown>>();
  return {
    source(id: string): Source {
      const renewable = renewableSource(() =>
        openSource(
          entryOf(config.sources, one => one.id === id),
          options,
          store,
        ),
      );
      made.set(`source ${id}`, renewable);
      return renewable.one;
    },
    target(name: string): Target {
      const renewable = renewableTarget(
        () =>
          openTarget(
            entryOf(config.targets, one => one.name === name),
            options,
          ),
        clock,
      );
      made.set(`target ${name}`, renewable);
      return renewable.one;
    },
    async renew(what: string): Promise<void> {
      await made.get(what)?.renew();
    },
  };
}

/** As the configuration has it now. */
function entryOf<Entry>(entries: readonly Entry[], is: (entry: Entry) => boolean): Entry {
  const entry = entries.find(is);
  if (entry === undefined) throw new Error('the configuration lost an entry');
  return entry;
}

function openStore({ config, mode, clock, log, through }: OpenOptions): StateStore {
  const { stateDir: folder, instance, audit } = config;
  const options = { folder, instance, clock, log, auditUsers: audit?.users ?? false };
  // What it remembers has names, where these have something else.
  if (through) return memoryState(options);
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
          bearer: callbackBearer(callbackSecretOf(config, store), config.instance, entry.id),
          port: config.bind.port,
        }
      : undefined;
  const { instance } = config;
  const folder = options.sourceFolder ?? config.folder;
  return kind.create(entry.settings, { id: entry.id, instance, folder, clock, random, log, callback });
}

function openTarget(entry: Config['targets'][number], options: OpenOptions): Target {
  const kind = targetKinds[entry.type];
  if (!kind) throw new Error(`no target kind ${entry.type}`);
  return kind.create(entry.settings, targetContext(entry, options));
}

function targetContext(entry: Config['targets'][number], { config, clock, random, log }: OpenOptions): TargetContext {
  return {
    name: entry.name,
    mark: markOf(config.instance),
    instance: config.instance,
    folder: config.folder,
    environments: entry.environments,
    clock,
    random,
    log,
  };
}
