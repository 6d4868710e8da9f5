import type { AudienceId } from '../domain/audience.ts';
import { type Change, phases } from '../domain/plan.ts';
import type { Clock } from '../lib/clock.ts';
import type { Flights } from './flights.ts';
import type { Retries } from './retries.ts';

export interface WritingOptions {
  readonly flights: Flights;
  readonly clock: Clock;
  readonly retries: Pick<Retries, 'mayTry'>;
  /** The change with this id was carried out. */
  isDone(id: string): boolean;
  /** What it stands on is new enough to write with. */
  isYoung(change: Change): boolean;
  /** The next answer of this audience is news even if it is the old one; `ask`: it is to be asked for now. */
  awaitAnswer(audience: AudienceId, ask: boolean): void;
  /** What somebody else made is kept whole before it becomes ours. */
  backUp(change: Change): void;
  /** What was not waited for any longer has landed, or others that need it wait no longer either. */
  afterwards(): void;
}

/** Sends the changes of a plan, one phase after the other. */
export interface Writing {
  /** Stops where `isCurrent` does not hold any more: what is left is planned anew, with its revocations in front. */
  write(changes: readonly Change[], isCurrent: () => boolean): Promise<void>;
  /** There is news: what is waited for goes on by itself, and `isCurrent` is asked again. */
  interrupt(): void;
  /** Resolves when everything that was sent under these remote keys has landed, or nobody waits for it any longer. */
  tried(keys: ReadonlySet<string> | 'all'): Promise<void>;
}

/** A batch that was sent. */
interface Sent {
  /** Of its phase. */
  readonly rank: number;
  readonly batch: readonly Change[];
  /** Others of its plan wait for it. */
  readonly isNeeded: boolean;
  readonly landed: Promise<void>;
  /** Resolves when it has landed, or nobody waits for it any longer. */
  tried: Promise<void>;
  /** A plan went on without it. */
  left: boolean;
}

/** The next phase does not wait longer for the one before (ms). */
const phasePatience = 2_000;
/** Ends a wait. Without a reason of its own each abort would make an error, with its stack. */
const over = new Error('over');

/** How one target's changes are sent. */
export function createWriting(options: WritingOptions): Writing {
  const { flights, clock, retries } = options;

  /** Also of plans before this one: a hung revocation holds up no other one, but the grants of any plan. */
  const untried = new Set<Sent>();
  let wakeUp: (() => void) | undefined;

  async function write(changes: readonly Change[], isCurrent: () => boolean): Promise<void> {
    const planned = new Set(changes.map(change => change.id));
    const needed = new Set(changes.flatMap(({ needs }) => needs));
    const mayStart = (change: Change) => isCurrent() && options.isYoung(change);
    for (const [rank, phase] of phases.entries()) {
      const mine = changes.filter(change => change.phase === phase);
      if (mine.length > 0) await unlessWoken(before(rank), isCurrent);
      const tried = new Set<string>();
      for (;;) {
        if (!isCurrent()) return;
        const batch = mine.filter(change => !tried.has(change.id) && isReady(change, planned));
        if (batch.length === 0) break;
        for (const { id } of batch) tried.add(id);
        for (const change of batch) if (change.kind === 'adopt') options.backUp(change);
        const isNeeded = batch.some(({ id }) => needed.has(id));
        await unlessWoken([send({ rank, batch, isNeeded, landed: flights.start(batch, mayStart) })], isCurrent);
      }
    }
  }

  function send(fresh: Omit<Sent, 'tried' | 'left'>): Promise<void> {
    const sent: Sent = { ...fresh, tried: fresh.landed, left: false };
    sent.tried = patiently(sent).finally(() => untried.delete(sent));
    // Where nobody waits for it any longer, what cannot be recorded is planned anew.
    sent.tried.catch(() => {});
    untried.add(sent);
    return sent.tried;
  }

  async function patiently(sent: Sent): Promise<void> {
    const patience = new AbortController();
    let inTime = false;
    await Promise.race([
      sent.landed.then(() => {
        inTime = true;
      }),
      clock.sleep(phasePatience, patience.signal).catch(() => {}),
    ]);
    patience.abort(over);
    if (inTime) return;
    leave(sent);
    // What waits for it may go another way.
    if (sent.isNeeded) options.afterwards();
  }

  /** What it changes was under way when the next plan was made, so another one has to follow. */
  function leave(sent: Sent): void {
    if (sent.left) return;
    sent.left = true;
    void sent.landed.then(() => options.afterwards()).catch(() => {});
  }

  function before(rank: number): readonly Promise<void>[] {
    return [...untried].filter(sent => sent.rank < rank).map(({ tried }) => tried);
  }

  /** Resolves when all of it is there, or there is news. Rejects as the first of it does that rejects. */
  async function unlessWoken(all: readonly Promise<void>[], isCurrent: () => boolean): Promise<void> {
    if (all.length > 0 && isCurrent()) {
      const woken = Promise.withResolvers<void>();
      wakeUp = woken.resolve;
      await Promise.race([Promise.all(all), woken.promise]);
      wakeUp = undefined;
    }
    if (!isCurrent()) for (const sent of untried) leave(sent);
  }

  /** It may be sent now; what has to wait for a new answer has that asked for. */
  function isReady(change: Change, planned: ReadonlySet<string>): boolean {
    if (flights.has(change) || change.needs.some(id => planned.has(id) && !options.isDone(id))) return false;
    const mayTry = retries.mayTry(change.id);
    if (mayTry && options.isYoung(change)) return true;
    if (change.kind === 'placement') options.awaitAnswer(change.audience, mayTry);
    return false;
  }

  return {
    write,
    interrupt: () => wakeUp?.(),
    async tried(keys) {
      const concerned = [...untried].filter(sent => keys === 'all' || sent.batch.some(({ key }) => keys.has(key)));
      await Promise.allSettled(concerned.map(({ tried }) => tried));
    },
  };
}
