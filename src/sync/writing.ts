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
  /** What was not waited for any longer has landed. */
  afterwards(): void;
}

/** Sends the changes of a plan, one phase after the other. */
export interface Writing {
  /** Stops where `isCurrent` does not hold any more: what is left is planned anew, with its revocations in front. */
  write(changes: readonly Change[], isCurrent: () => boolean): Promise<void>;
}

/** The next phase does not wait longer for the one before (ms). */
const phasePatience = 2_000;
/** Ends a wait. Without a reason of its own each abort would make an error, with its stack. */
const inTime = new Error('in time');

/** How one target's changes are sent. */
export function createWriting(options: WritingOptions): Writing {
  const { flights, clock, retries } = options;

  async function write(changes: readonly Change[], isCurrent: () => boolean): Promise<void> {
    const planned = new Set(changes.map(change => change.id));
    const mayStart = (change: Change) => isCurrent() && options.isYoung(change);
    for (const phase of phases) {
      const tried = new Set<string>();
      for (;;) {
        if (!isCurrent()) return;
        const batch = changes.filter(
          change => change.phase === phase && !tried.has(change.id) && isReady(change, planned),
        );
        if (batch.length === 0) break;
        for (const { id } of batch) tried.add(id);
        for (const change of batch) if (change.kind === 'adopt') options.backUp(change);
        await patiently(flights.start(batch, mayStart));
      }
    }
  }

  /** It may be sent now; what has to wait for a new answer has that asked for. */
  function isReady(change: Change, planned: ReadonlySet<string>): boolean {
    if (flights.has(change) || change.needs.some(id => planned.has(id) && !options.isDone(id))) return false;
    const mayTry = retries.mayTry(change.id);
    if (mayTry && options.isYoung(change)) return true;
    if (change.kind === 'placement') options.awaitAnswer(change.audience, mayTry);
    return false;
  }

  async function patiently(flight: Promise<void>): Promise<void> {
    const patience = new AbortController();
    let landedInTime = false;
    await Promise.race([
      flight.then(() => {
        landedInTime = true;
      }),
      clock.sleep(phasePatience, patience.signal).catch(() => {}),
    ]);
    patience.abort(inTime);
    if (!landedInTime) void flight.then(() => options.afterwards());
  }

  return { write };
}
