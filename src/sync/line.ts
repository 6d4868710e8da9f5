import type { Audience, AudienceId, Source } from '../domain/audience.ts';
import type { Config } from '../domain/config.ts';
import type { Plan } from '../domain/plan.ts';
import { formatProblem, toProblem } from '../domain/problem.ts';
import type { GoodDefinition, StateStore } from '../domain/state.ts';
import type { Target } from '../domain/target.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { bearersOf, ownerOf } from './bearers.ts';
import { createDefinitions, type Definitions, type Loaded } from './definitions.ts';
import { desiredFor } from './desired.ts';
import { createLanePlans } from './lane-plans.ts';
import { followMoves } from './moves.ts';
import { createOverriding, type Overriding } from './overriding.ts';
import { createPlanning } from './planning.ts';
import { placesOf } from './same-place.ts';
import { createScanning } from './scanning.ts';
import { createSettling, type Settling, straysMayStay } from './settling.ts';
import { createSourceLane, type SourceLane } from './source-lane.ts';
import { createTargetLane, type TargetLane } from './target-lane.ts';
import { tell } from './tell.ts';
import type { Observer } from './view.ts';
import { createWants } from './wants.ts';

export interface LineOptions {
  readonly config: Config;
  readonly sources: readonly Source[];
  readonly targets: readonly Target[];
  /** Targets at their former addresses, where something is left, by name. */
  readonly former?: ReadonlyMap<string, readonly Target[]>;
  /** Scans the flags folder (or gives the toggles of OPToggles' old configuration). */
  readonly load: (lastGood: readonly GoodDefinition[]) => Promise<Loaded>;
  readonly store: StateStore;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly observer: Observer;
  /** `run` goes on for ever; `once` writes and settles; `preview` writes nothing and leaves no trace in the state. */
  readonly mode: 'run' | 'once' | 'preview';
  readonly only?: ReadonlySet<string>;
  /** The definition-caused changes were reviewed: the guard lets them through. */
  readonly reviewed?: boolean;
}

/** The steps, wired: the one place where load, audience, targets, plan and state meet. */
export interface Line extends Pick<Settling, 'settled' | 'started' | 'idle'> {
  readonly sources: readonly SourceLane[];
  readonly targets: readonly TargetLane[];
  readonly audiences: ReadonlyMap<AudienceId, Audience>;
  readonly definitions: Definitions;
  /** Scans the flags and asks every source; in `run` and `once` the lanes go on from there. */
  start(): Promise<void>;
  /** The flags folder changed, or there is news of their repository. */
  rescan(): void;
  /** A callback with this bearer came in. False: nobody's. */
  callback(bearer: string): boolean;
  /** Everything is asked and read again. */
  syncAll(): void;
  /** What was blocked may have been approved. */
  approved(): void;
  /** What operators said, as it is in force here. */
  readonly overriding: Overriding;
  /** Something may have been said, or taken back, or its time may be over: the state is read again. */
  overridden(): void;
  /** One plan over everything as it stands. */
  planAll(): Plan;
  /** Called after anything that status shows may have changed; returns how to stop. */
  onChange(listener: () => void): () => void;
  stop(): Promise<void>;
}

/** What is in flight at a stop gets this long to be answered (ms); the rest is found again by its intent. */
const stopPatience = 10_000;

export function createLine(options: LineOptions): Line {
  const { config, store, clock, log } = options;
  const closing = new AbortController();
  const aborting = new AbortController();
  const { signal } = aborting;
  /** As they came, and without those who are denied. */
  const answered = new Map<AudienceId, Audience>();
  const audiences = new Map<AudienceId, Audience>();
  const listeners = new Set<() => void>();
  const remember = options.mode !== 'preview';
  let cancelDrift: (() => void) | undefined;
  let cancelTelling: (() => void) | undefined;
  let bearers: ReadonlyMap<string, string> | undefined;
  const overriding = createOverriding({ store, clock, log, remember });

  const definitions = createDefinitions({
    load: options.load,
    store,
    clock,
    signal: closing.signal,
    remember,
    inTargets: () =>
      targets.flatMap(lane => [...lane.applied().values()].filter(one => !one.removed).map(one => one.toggle)),
    unsure: () =>
      options.targets.some(one => one.read !== undefined && one.can.marks && store.applied(one.address).size === 0),
    unsaved: problem => log.error({ code: problem.code }, `the definitions are not kept: ${formatProblem(problem)}`),
  });

  const sources = options.sources.map(source =>
    createSourceLane({
      source,
      store,
      guard: config.guard,
      clock,
      random: options.random,
      log,
      observer: options.observer,
      once: options.mode !== 'run',
      remember,
      signal,
      closing: closing.signal,
      asks: () => {
        const asks = targets.flatMap(lane =>
          [...lane.desired.asks.values()].filter(ask => ask.policy.source === source.id),
        );
        return [...new Map(asks.map(ask => [ask.id, ask])).values()];
      },
      publish(answers, changed, announced) {
        // What was dropped meanwhile is news although its source gave the same answer before: its toggle came back.
        const news = new Set(changed);
        for (const answer of answers) {
          if (!audiences.has(answer.id)) news.add(answer.id);
          answered.set(answer.id, answer);
          audiences.set(answer.id, overriding.less(answer));
        }
        if (remember) for (const lane of targets) lane.answered(answers, news, announced);
        changedSomething();
      },
    }),
  );

  const inUse = new Set(options.targets.flatMap(placesOf));
  const targets: TargetLane[] = options.targets.map((target, index) => {
    const former = options.former?.get(target.name) ?? [];
    const lane: TargetLane = createTargetLane({
      moves: followMoves({ target, former, store, inUse, clock, window: config.guard.window, remember, log }),
      entry: config.targets[index] as Config['targets'][number],
      onRemoved: config.onRemoved,
      reopen: config.drift.reopen,
      clock,
      random: options.random,
      log,
      observer: options.observer,
      signal,
      plan: toggles => planned(lane, toggles),
      askAgain(ids) {
        for (const source of sources) {
          const own = [...ids].filter(id => lane.desired.asks.get(id)?.policy.source === source.source.id);
          if (own.length > 0) source.wake({ kind: 'stale', audiences: new Set(own) });
        }
      },
      changed: changedSomething,
      wrote: (change, outcome) => tell(log, change, outcome, definitions.current?.commit),
    });
    return lane;
  });

  const planning = createPlanning({
    config,
    store,
    clock,
    definitions,
    only: options.only,
    reviewed: options.reviewed ?? false,
    sources: () => sources,
    targets: () => targets,
    audiences,
    overriding,
  });

  const wants = createWants({
    maxHold: config.maxHold,
    store,
    clock,
    log,
    remember,
    audiences,
    overrides: () => overriding.current,
  });

  const planned = createLanePlans({
    planning,
    wants,
    store,
    clock,
    log,
    observer: options.observer,
    audiences,
    sources: () => sources,
    removalsOpen: () => straysMayStay(scanning, targets),
  });

  function overridden(): void {
    if (!overriding.refresh()) return;
    for (const [id, answer] of answered) audiences.set(id, overriding.less(answer));
    wants.again();
    if (remember) for (const lane of targets) lane.wake({ kind: 'operator' });
    changedSomething();
  }

  const scanning = createScanning({
    definitions,
    clock,
    log,
    signal: closing.signal,
    use({ toggles, present, commit }, before) {
      if (remember && commit !== undefined && commit !== before?.commit) {
        // A full disk does not keep a toggle open that the commit switches off.
        try {
          store.audit({ at: clock.now(), what: 'commit', commit });
        } catch (error) {
          log.error({ commit }, `the audit log does not have the commit: ${formatProblem(toProblem(error))}`);
        }
      }
      for (const lane of targets) {
        wants.set(lane, desiredFor(lane.target, toggles, present, config.legacy !== undefined));
      }
      const asked = new Set(targets.flatMap(lane => [...lane.desired.asks.keys()]));
      for (const known of [answered, audiences]) for (const id of known.keys()) if (!asked.has(id)) known.delete(id);
      changedSomething();
    },
    news(isFirst) {
      for (const lane of sources) lane.wake({ kind: isFirst ? 'start' : 'definitions' });
      if (remember) for (const lane of targets) lane.wake({ kind: 'definitions', read: true });
    },
    // What could not be called gone may be by now.
    sure() {
      if (remember) for (const lane of targets) lane.wake({ kind: 'definitions' });
    },
  });

  const settling = createSettling({ scanning, sources, targets, audiences, clock, log });

  function changedSomething(): void {
    for (const listener of listeners) listener();
  }

  /**
   * Every target that can be read is read again now and then, so that drift is found. Where something is blocked, it is
   * planned again in any case: what the window counted may be over.
   */
  function lookForDrift(): void {
    cancelDrift = clock.after(config.drift.interval, () => {
      for (const lane of targets) {
        if (lane.target.read || lane.plan?.blocked.length) lane.wake({ kind: 'drift', read: true });
      }
      lookForDrift();
    });
  }

  return {
    sources,
    targets,
    audiences,
    definitions,
    overriding,
    overridden,
    async start() {
      overriding.refresh();
      if (options.mode === 'run') for (const lane of sources) lane.start();
      else cancelTelling = settling.tell();
      scanning.rescan();
      await scanning.idle();
      if (options.mode === 'run') lookForDrift();
    },
    rescan: () => scanning.rescan(),
    callback(bearer) {
      bearers ??= bearersOf(config, options.sources, store);
      const id = ownerOf(bearer, bearers);
      const lane = sources.find(one => one.source.id === id);
      lane?.wake({ kind: 'callback' });
      return lane !== undefined;
    },
    syncAll() {
      scanning.rescan();
      for (const lane of sources) lane.wake({ kind: 'operator' });
      for (const lane of targets) lane.wake({ kind: 'operator', read: true });
    },
    approved() {
      for (const lane of sources) if (lane.view().standing.state === 'suspect') lane.wake({ kind: 'approval' });
      for (const lane of targets) {
        if (lane.plan && lane.plan.blocked.length > 0) lane.wake({ kind: 'approval' });
      }
    },
    planAll() {
      if (!remember) for (const lane of targets) wants.heldTooLong(lane);
      return planning.planAll();
    },
    settled: () => settling.settled(),
    started: () => settling.started(),
    idle: () => settling.idle(),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop() {
      closing.abort(new Error('stopping'));
      cancelDrift?.();
      scanning.stop();
      wants.stop();
      cancelTelling?.();
      const late = clock.after(stopPatience, () => aborting.abort(new Error('stopping')));
      await scanning.idle();
      await Promise.all([...sources, ...targets].map(lane => lane.stop()));
      late();
      aborting.abort(new Error('stopping'));
    },
  };
}
