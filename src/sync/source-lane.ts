import type { Ask, Audience, AudienceId, Hint, Readiness, Source } from '../domain/audience.ts';
import { ruleName } from '../domain/identity.ts';
import type { GuardConfig, SourceStanding } from '../domain/plan.ts';
import { formatProblem, type Problem, toProblem } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import { backoffDelay } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { confirmed } from './confirm.ts';
import { createLane } from './lane.ts';
import { createLooking, isError } from './looking.ts';
import type { AskReason } from './reasons.ts';
import { isChange, standingOf, underStanding } from './standing.ts';
import { isStorm, stormOver } from './storm.ts';
import type { Observer } from './view.ts';

export interface SourceLaneOptions {
  readonly source: Source;
  readonly store: Pick<StateStore, 'source' | 'saveSource'>;
  readonly guard: GuardConfig;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly observer: Observer;
  /** One-shot commands: what is undefined stays so, and nothing is asked without a reason. */
  readonly once: boolean;
  /** A preview leaves no trace in the state. */
  readonly remember: boolean;
  /** Ends what is asked right now. */
  readonly signal: AbortSignal;
  /** Ends the hints, and with them the watching. */
  readonly closing: AbortSignal;
  /** What targets need of this source now. */
  asks(): readonly Ask[];
  /**
   * New answers, or a new standing. `changed` are the ids whose audience is not what it was; `announced`: somebody
   * said that something changed, so nobody has to wait any longer before the next try.
   */
  publish(audiences: readonly Audience[], changed: ReadonlySet<AudienceId>, announced: boolean): void;
}

/** How a source stands, for status, health and metrics. */
export interface SourceView {
  readonly standing: SourceStanding;
  readonly readiness: Readiness | undefined;
  readonly lastAnswerAt: number | undefined;
  readonly lastCallbackAt: number | undefined;
  readonly problem: Problem | undefined;
  readonly warnings: readonly Problem[];
  /** Consecutive failures of the source as a whole. */
  readonly failures: number;
  /** Audiences that failed more than once in a row. */
  readonly failingAudiences: number;
  /** The callback is registered, or none is wanted. */
  readonly registered: boolean;
}

export interface SourceLane {
  readonly source: Source;
  /** Begins to listen for hints. */
  start(): void;
  wake(reason: AskReason): void;
  view(): SourceView;
  /** A comparison or an approval took the answers under this instance for good. */
  accept(instance: string): void;
  idle(): Promise<void>;
  /** It is asking, or about to. */
  readonly busy: boolean;
  /** True once everything asked was answered for good: nothing is waited for. */
  settled(): boolean;
  stop(): Promise<void>;
}

/** A large change nobody announced is asked again after this time (ms). */
const secondLook = 1_000;

/** The queue of reasons to ask one source, and the only place that asks it. */
export function createSourceLane(options: SourceLaneOptions): SourceLane {
  const { source, clock, log, signal } = options;
  const looking = createLooking(options);
  /** Each answer as it was believed, and as the targets know it. */
  const believed = new Map<AudienceId, Audience>();
  const published = new Map<AudienceId, Audience>();
  /** How often in a row an audience was undefined or failed. */
  const attempts = new Map<AudienceId, number>();
  let lastAnswerAt: number | undefined;
  let lastCallbackAt = 0;
  let problem: Problem | undefined;
  let unannounced: Problem | undefined;
  let registration: Problem | undefined;
  let registered = !source.announces || options.once;
  let failures = 0;
  /** Looks in a row whose answers were thrown away because the engine changed under them. */
  let discarded = 0;
  /** The instance whose answers were published last. */
  let answeredUnder: string | null | undefined;
  let cancelRetry: (() => void) | undefined;
  const lane = createLane<AskReason>(look);

  async function look(take: () => AskReason[]): Promise<void> {
    let reasons = take();
    if (isStorm(reasons)) {
      await stormOver({ clock, signal, lastAt: () => lastCallbackAt });
      reasons = [...reasons, ...take()];
    }
    // Somebody says that something changed: what was waited for may be there now.
    if (reasons.some(isAnnouncement)) {
      failures = 0;
      attempts.clear();
    }
    const started = clock.now();
    try {
      const stable = await lookOnce(reasons);
      problem = undefined;
      options.observer.asked(source.id, 'success', (clock.now() - started) / 1000);
      if (stable) retryWhatIsOpen();
      // An engine that restarted is asked again at once; one that never stays the same is several.
      else if (++discarded === 1) lane.wake({ kind: 'retry' });
      else retryAfter(backoffDelay(discarded - 1, options.random), { kind: 'retry' });
    } catch (error) {
      if (signal.aborted) return;
      fail(toProblem(error));
      options.observer.asked(source.id, 'failed', (clock.now() - started) / 1000);
    }
  }

  /** False: the engine changed or became ready under the answers, which are thrown away. */
  async function lookOnce(reasons: readonly AskReason[]): Promise<boolean> {
    const seen = await looking.look(scopeOf(reasons, options.asks()));
    if (!seen) return false;
    const { items, standing } = seen;
    discarded = 0;
    lastAnswerAt = clock.now();
    answeredUnder = standing.instanceId;
    const sure = standing.state === 'ready' ? await confirm(items, reasons) : items;
    for (const item of sure) {
      believed.set(item.id, item);
      if (item.state === 'defined') attempts.delete(item.id);
      else attempts.set(item.id, (attempts.get(item.id) ?? 0) + 1);
    }
    publish(
      sure.map(item => underStanding(item, standing)),
      reasons.some(isAnnouncement),
    );
    return true;
  }

  /** What changed much without being announced is asked again; only what both answers say stands. */
  async function confirm(items: readonly Audience[], reasons: readonly AskReason[]): Promise<readonly Audience[]> {
    if (!reasons.every(reason => reason.kind === 'poll' || reason.kind === 'resync')) return items;
    const isNews = (item: Audience) => believed.has(item.id) && isChange(believed.get(item.id), item);
    if (source.announces && items.some(isNews)) warnUnannounced();
    return confirmed(items, {
      believed,
      guard: options.guard,
      async again(ids) {
        await clock.sleep(secondLook, signal);
        return looking.ask(options.asks().filter(ask => ids.has(ask.id)));
      },
      // What only one of the two said is not left until the next interval.
      disagreed: () => lane.wake({ kind: 'resync' }),
    });
  }

  function warnUnannounced(): void {
    unannounced = {
      code: 'change-not-announced',
      message: `${source.id}: users changed and no callback said so.`,
      hint: 'Start the OPAL client with OPAL_SHOULD_REPORT_ON_DATA_UPDATES=true.',
    };
    log.warn({ source: source.id, code: unannounced.code }, `${unannounced.message} ${unannounced.hint}`);
  }

  function publish(audiences: readonly Audience[], announced = false): void {
    const changed = new Set<AudienceId>();
    for (const audience of audiences) {
      if (isChange(published.get(audience.id), audience)) changed.add(audience.id);
      published.set(audience.id, audience);
    }
    options.publish(audiences, changed, announced);
  }

  function fail(found: Problem): void {
    failures++;
    if (problem?.message !== found.message) {
      log.warn({ source: source.id, code: found.code }, `${source.id}: ${formatProblem(found)}`);
    }
    problem = found;
    looking.forget();
    const now = clock.now();
    publish(
      options.asks().map(({ id, contextKind, policy }) => ({
        id,
        contextKind,
        from: { source: source.id, rule: ruleName(policy), answeredAt: now },
        ...(lastAnswerAt === undefined ? { state: 'not-ready' } : { state: 'failed', error: found }),
      })),
    );
    retryAfter(backoffDelay(failures, options.random), { kind: 'retry' });
  }

  /** Undefined, failed and suspect are asked again for ever; of the first two only those concerned. */
  function retryWhatIsOpen(): void {
    const { last } = looking;
    if (last?.state === 'suspect') {
      // One shot: where only a comparison or an approval helps, asking again does not.
      if (options.once && last.by === 'nothing') return;
      failures++;
      retryAfter(backoffDelay(failures, options.random), { kind: 'retry' });
      return;
    }
    failures = 0;
    const wanted = new Set(options.asks().map(ask => ask.id));
    for (const id of attempts.keys()) if (!wanted.has(id)) attempts.delete(id);
    const again = [...attempts.keys()].filter(id => !options.once || believed.get(id)?.state === 'failed');
    if (again.length === 0) return;
    const least = Math.min(...again.map(id => attempts.get(id) ?? 1));
    retryAfter(backoffDelay(least, options.random), { kind: 'retry', audiences: new Set(again) });
  }

  function retryAfter(delay: number, reason: AskReason): void {
    cancelRetry?.();
    cancelRetry = clock.after(delay, () => {
      cancelRetry = undefined;
      lane.wake(reason);
    });
  }

  let hinting: Promise<void> | undefined;

  function heed(hint: Hint): void {
    if (hint.kind !== 'registration') {
      lane.wake({ kind: hint.kind });
      return;
    }
    registration = hint.problem;
    registered = hint.problem === undefined;
    if (hint.problem) {
      log.warn({ source: source.id, code: hint.problem.code }, `${source.id}: ${formatProblem(hint.problem)}`);
    } else log.info({ source: source.id }, `${source.id}: callback registered`);
    options.publish([], new Set(), false);
  }

  return {
    source,
    start() {
      hinting ??= source.hints(heed, options.closing);
    },
    wake(reason) {
      if (reason.kind === 'callback') {
        lastCallbackAt = clock.now();
        unannounced = undefined;
      }
      lane.wake(reason);
    },
    view() {
      const { last } = looking;
      const problems = last?.problems ?? [];
      return {
        standing: standingOf(last, problem, lastAnswerAt !== undefined),
        readiness: last,
        lastAnswerAt,
        lastCallbackAt: lastCallbackAt === 0 ? undefined : lastCallbackAt,
        problem: problem ?? problems.find(isError) ?? registration,
        warnings: [...problems.filter(found => !isError(found)), ...(unannounced ? [unannounced] : [])],
        failures: problem || problems.some(isError) ? failures + discarded : 0,
        failingAudiences: [...attempts].filter(([id, count]) => count > 1 && believed.get(id)?.state === 'failed')
          .length,
        registered,
      };
    },
    accept(instance) {
      // What was compared are the answers of the instance before: they say nothing of this one.
      if (instance !== answeredUnder) return;
      looking.accept(instance);
      lane.wake({ kind: 'approval' });
    },
    idle: () => lane.idle(),
    get busy() {
      return lane.busy;
    },
    settled: () => !lane.busy && cancelRetry === undefined,
    async stop() {
      cancelRetry?.();
      await lane.stop();
      await hinting?.catch(() => {});
    },
  };
}

function isAnnouncement(reason: AskReason): boolean {
  return reason.kind === 'callback' || reason.kind === 'operator' || reason.kind === 'changed';
}

function scopeOf(reasons: readonly AskReason[], asks: readonly Ask[]): readonly Ask[] {
  if (reasons.some(reason => reason.audiences === undefined)) return asks;
  return asks.filter(ask => reasons.some(reason => reason.audiences?.has(ask.id)));
}
