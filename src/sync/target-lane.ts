import type { Audience, AudienceId } from '../domain/audience.ts';
import type { TargetEntry } from '../domain/config.ts';
import type { Change, OnRemoved, Plan, TargetView } from '../domain/plan.ts';
import { formatProblem, type Problem, retryAfterOf, toProblem } from '../domain/problem.ts';
import type { AppliedListing, Live } from '../domain/listing.ts';
import type { Outcome, Target } from '../domain/target.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Desired } from './desired.ts';
import { createFlights } from './flights.ts';
import { createHoldings } from './holdings.ts';
import { createLane } from './lane.ts';
import type { Moves } from './moves.ts';
import { createOutcomes, type Done } from './outcomes.ts';
import type { WriteReason } from './reasons.ts';
import { createRetries, rereading, type Retries } from './retries.ts';
import { createVerdicts } from './verdicts.ts';
import type { Observer } from './view.ts';
import { createWriting } from './writing.ts';

export interface TargetLaneOptions {
  /** The target, with what lies at its former addresses. */
  readonly moves: Moves;
  readonly entry: Pick<TargetEntry, 'policy'>;
  readonly onRemoved: OnRemoved;
  readonly reopen: boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly observer: Observer;
  readonly signal: AbortSignal;
  /**
   * The plan of this lane's target as things stand now; undefined: it cannot be judged yet. `toggles`: all others are
   * as they should be and nothing about them changed since.
   */
  plan(toggles: ReadonlySet<string> | undefined): Plan | undefined;
  /** Answers that are too old to write with are asked again. */
  askAgain(audiences: ReadonlySet<AudienceId>): void;
  /** Something that status shows may have changed; `wrote` with each change that landed. */
  changed(): void;
  wrote(change: Change, outcome: Outcome): void;
}

export interface TargetLane {
  readonly target: Target;
  setDesired(desired: Desired): void;
  readonly desired: Desired;
  /** What the state remembers of the target, by remote key. */
  applied(): ReadonlyMap<string, AppliedListing>;
  /** Reads what the target holds (or recalls it); throws a ProblemError when it cannot be read. */
  refresh(): Promise<void>;
  /** Undefined before the first refresh. */
  view(): TargetView | undefined;
  /** For comparisons before the first refresh: nothing can be read, only what was last applied is known. */
  unreadView(): TargetView;
  wake(reason: WriteReason): void;
  /** New answers came in for this lane's placements. */
  answered(audiences: readonly Audience[], changed: ReadonlySet<AudienceId>, announced: boolean): void;
  /** The last plan, and what became of it so far. */
  readonly plan: Plan | undefined;
  readonly retries: Retries;
  /** What became of changes so far, of each its last try; from then on nothing is collected any more. */
  takeOutcomes(): readonly Done[];
  /** Every listing was created, updated or refused at least once. */
  readonly started: boolean;
  /** ms since the epoch. */
  readonly lastSyncAt: number | undefined;
  /** The change of the last plan was carried out. */
  isDone(change: Change): boolean;
  /** Where the platform's own approval of a change is waited for. */
  waitsFor(change: Change): string | undefined;
  idle(): Promise<void>;
  /** It is reading or writing, or about to. */
  readonly busy: boolean;
  /** Nothing runs and nothing waits to be tried again. */
  settled(): boolean;
  stop(): Promise<void>;
}

/** An answer older than this starts no write (ms). */
const youngEnough = 5_000;
/** ms */
const dueAgain = 500;
const unread: Problem = { code: 'unanswered', message: 'it was not read yet.' };

/** The queue of work to write into one target, and the only place that writes it. */
export function createTargetLane(options: TargetLaneOptions): TargetLane {
  const { clock, log, signal } = options;
  const { target, store } = options.moves;
  const retries = createRetries(clock, options.random);
  /** Until somebody takes them: they hold whole audiences. */
  const outcomes = createOutcomes();
  /** Audiences under changes that wait: an answer to them is news even if it is the old one. */
  const awaited = new Set<AudienceId>();
  let desired: Desired = { listings: [], refused: [], asks: new Map(), invalid: new Set() };
  /** Toggles by the audience that they use. */
  let users: ReadonlyMap<AudienceId, ReadonlySet<string>> = new Map();
  /** Since everything was as it should be: toggles whose audience changed. Undefined: it is not. */
  let touched: Set<string> | undefined;
  let plan: Plan | undefined;
  let started = false;
  let lastSyncAt: number | undefined;
  let cancelTimer: (() => void) | undefined;
  /** Counts the reasons from outside; the pass that runs knows those until `plannedAt`. */
  let epoch = 0;
  let plannedAt = 0;
  let stopped = false;
  const lane = createLane<WriteReason>(pass);
  const flights = createFlights({ target, store, clock, signal, landed });
  const holdings = createHoldings({
    target,
    store,
    clock,
    signal,
    desired: () => desired.listings,
    inFlight: placement => flights.placements.has(placement),
  });

  const verdicts = createVerdicts({
    retries,
    isYoung,
    awaitAnswer: audience => awaited.add(audience),
    askAgain: audience => options.askAgain(new Set([audience])),
    doubt: key => holdings.doubt(key),
    again: kind => lane.wake({ kind }),
  });

  const writing = createWriting({
    flights,
    clock,
    retries,
    isDone: id => verdicts.isDone(id),
    isYoung,
    awaitAnswer(audience, ask) {
      if (ask && !awaited.has(audience)) options.askAgain(new Set([audience]));
      awaited.add(audience);
    },
    backUp({ key }) {
      const found = holdings.live()?.byKey?.get(key)?.definition;
      if (found !== undefined) store.saveBackup(target.address, key, found, clock.now());
    },
    afterwards: () => lane.wake({ kind: 'landed' }),
  });

  options.moves.onSame((former, key) => holdings.same(former, key));

  function isYoung(change: Change): boolean {
    if (change.kind !== 'placement' || change.from === undefined) return true;
    // Switching off for everybody stands on no answer, however old the one beside it is.
    if (change.phase === 'off') return true;
    // An answer of the future is of before the clock was set back: nobody knows how old it is.
    const age = clock.now() - change.from.answeredAt;
    return age >= 0 && age <= youngEnough;
  }

  function hasNews(): boolean {
    return epoch !== plannedAt;
  }

  function view(): TargetView | undefined {
    const live = holdings.live();
    return live && viewOf(live);
  }

  function viewOf(live: Live): TargetView {
    return {
      name: target.name,
      can: target.can,
      policy: options.entry.policy,
      onRemoved: options.onRemoved,
      reopen: options.reopen,
      environments: target.environments,
      desired: desired.listings,
      refused: desired.refused,
      invalid: desired.invalid,
      live,
      applied: holdings.applied(),
      inFlight: flights.placements,
      entering: flights.entering,
      isFailing: id => retries.entry(id) !== undefined,
    };
  }

  async function pass(take: () => WriteReason[]): Promise<void> {
    const reasons = take();
    const begin = clock.now();
    plannedAt = epoch;
    if (reasons.some(reason => reason.read)) holdings.doubtAll();
    if (reasons.some(reason => reason.kind === 'definitions' || reason.kind === 'operator')) retries.renew();
    // Somebody is waiting: only the platform's own word keeps us.
    if (reasons.some(reason => reason.kind === 'operator')) retries.forgive(() => true);
    else if (reasons.some(reason => reason.kind === 'drift')) retries.askRefusedAgain();
    try {
      if (retries.isHeld()) return;
      if (retries.mayTry(rereading)) doubtUnreadable();
      if (holdings.inDoubt) {
        // A look at what is on its way may not show it.
        await writing.tried(holdings.doubts);
        await look();
      }
      const scope = reasons.every(reason => reason.kind === 'answers') ? touched : undefined;
      touched = undefined;
      plan = options.plan(scope);
      if (!plan) return;
      verdicts.renew();
      retries.keep(plan.changes, id => flights.hasId(id));
      awaited.clear();
      const since = plannedAt;
      // Once there is news, what is unsent is planned anew; a batch may outlive its pass.
      const isCurrent = () => epoch === since && !stopped;
      if (options.entry.policy !== 'detect') await writing.write(plan.changes, isCurrent);
      const open = plan.changes.filter(change => retries.entry(change.id));
      if (isSettled(plan)) touched = new Set();
      started ||=
        isReached() && !hasNews() && plan.changes.every(change => change.kind === 'placement' || isTried(change));
      const agrees = open.length === 0 && !holdings.live()?.unreadable.length;
      if (agrees) lastSyncAt = clock.now();
      options.observer.pass(target.name, agrees ? 'success' : 'partial', (clock.now() - begin) / 1000);
    } catch (error) {
      if (signal.aborted) return;
      const problem = toProblem(error);
      if (retries.held?.problem.message !== problem.message) {
        log.warn({ target: target.name, code: problem.code }, `${target.name}: ${formatProblem(problem)}`);
      }
      if (problem.code === 'internal')
        log.error({ target: target.name, stack: (error as Error).stack }, problem.message);
      retries.hold(problem, retryAfterOf(error));
      options.observer.pass(target.name, 'failed', (clock.now() - begin) / 1000);
    } finally {
      schedule();
      options.changed();
    }
  }

  /** What could not be read is not written; it is read again, as a write that failed is tried again. */
  async function look(): Promise<void> {
    await holdings.refresh();
    const [first] = holdings.live()?.unreadable ?? [];
    if (first === undefined) retries.done(rereading);
    else if (retries.mayTry(rereading)) retries.failed(rereading, first.problem);
  }

  /** Where nothing of what is wanted could be read, nobody has been there yet; one toggle that cannot be is held alone. */
  function isReached(): boolean {
    const unread = new Set(holdings.live()?.unreadable.map(({ key }) => key));
    return desired.listings.length === 0 || desired.listings.some(({ key }) => !unread.has(key));
  }

  function doubtUnreadable(): void {
    for (const { key } of holdings.live()?.unreadable ?? []) holdings.doubt(key);
  }

  /** Nothing of the plan is left: the next one is about what is touched from here on. */
  function isSettled({ changes, blocked, held, refused, warnings }: Plan): boolean {
    const rest = blocked.length + held.length + refused.length + warnings.length;
    return rest === 0 && !hasNews() && !holdings.inDoubt && changes.every(change => verdicts.isDone(change.id));
  }

  /** Done, or refused for good; in `detect` nothing ever is, and nothing is waited for. */
  function isTried(change: Change): boolean {
    return options.entry.policy === 'detect' || verdicts.isTried(change);
  }

  function landed(change: Change, outcome: Outcome): void {
    holdings.landed(change, outcome);
    outcomes.add({ change, outcome });
    verdicts.judge(change, outcome);
    options.observer.wrote(target.name, outcome.result, 1);
    options.wrote(change, outcome);
  }

  function schedule(): void {
    cancelTimer?.();
    cancelTimer = undefined;
    const next = retries.next();
    if (next === undefined || stopped) return;
    const wait = next - retries.now();
    // What is due and was not tried just now waits for an answer, which wakes the lane by itself.
    cancelTimer = clock.after(wait > 0 ? wait : dueAgain, () => {
      cancelTimer = undefined;
      lane.wake({ kind: 'retry' });
    });
  }

  return {
    target,
    setDesired(next) {
      desired = next;
      users = usersOf(next);
      touched = undefined;
    },
    get desired() {
      return desired;
    },
    applied: () => holdings.applied(),
    refresh: () => holdings.refresh(),
    view,
    unreadView: () =>
      viewOf({ listings: [], unreadable: desired.listings.map(({ key }) => ({ key, problem: unread })) }),
    wake(reason) {
      epoch++;
      lane.wake(reason);
      writing.interrupt();
    },
    answered(audiences, changed, announced) {
      const ours = audiences.filter(audience => desired.asks.has(audience.id)).map(audience => audience.id);
      const news = ours.filter(id => changed.has(id) || awaited.has(id));
      if (news.length === 0) return;
      if (touched) for (const id of news) for (const toggle of users.get(id) ?? []) touched.add(toggle);
      if (announced) {
        const ids = new Set(news);
        const concerned = plan?.changes.filter(change => change.kind === 'placement' && ids.has(change.audience)) ?? [];
        const names = new Set(concerned.flatMap(change => [change.id, ...change.needs]));
        retries.forgive(id => names.has(id));
      }
      this.wake({ kind: 'answers' });
    },
    get plan() {
      return plan;
    },
    retries,
    takeOutcomes: () => outcomes.take(),
    get started() {
      return started;
    },
    get lastSyncAt() {
      return lastSyncAt;
    },
    isDone: change => verdicts.isDone(change.id),
    waitsFor: change => verdicts.waitsFor(change.id),
    async idle() {
      await lane.idle();
      await flights.settled();
    },
    get busy() {
      return lane.busy || flights.size > 0;
    },
    settled: () => !lane.busy && flights.size === 0 && cancelTimer === undefined,
    async stop() {
      stopped = true;
      cancelTimer?.();
      writing.interrupt();
      await lane.stop();
      await flights.settled();
    },
  };
}

function usersOf({ listings }: Desired): ReadonlyMap<AudienceId, ReadonlySet<string>> {
  const users = new Map<AudienceId, Set<string>>();
  for (const { toggle, placements } of listings) {
    for (const { audience } of placements) {
      const set = users.get(audience);
      if (set) set.add(toggle);
      else users.set(audience, new Set([toggle]));
    }
  }
  return users;
}
