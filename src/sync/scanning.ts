import { formatProblem, type Problem } from '../domain/problem.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { type Definitions, type Loaded, secondScan } from './definitions.ts';

export interface ScanningOptions {
  readonly definitions: Definitions;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted: the line stops. */
  readonly signal: AbortSignal;
  /** After every scan: what the files say now, and what they said before. */
  use(loaded: Loaded, before: Loaded | undefined): void;
  /** The files say something else than before, or for the first time. */
  news(isFirst: boolean): void;
  /** They say the same, and now it is sure that a missing file is gone. */
  sure(): void;
}

/** One scan of the flags after the other. */
export interface Scanning {
  /** Scans now, or once more when the scan that runs is over. */
  rescan(): void;
  readonly busy: boolean;
  /** A second scan, which makes sure that what is missing is gone, will follow by itself. */
  readonly soonAgain: boolean;
  /** Resolves when no scan runs. */
  idle(): Promise<void>;
  /** The scan that runs goes on; none follows by itself. */
  stop(): void;
}

/** Scans the flags when told to; a scan that may have seen half a checkout is followed by another. */
export function createScanning({ definitions, clock, log, signal, ...then }: ScanningOptions): Scanning {
  let running: Promise<void> | undefined;
  let again = false;
  let cancelSecond: (() => void) | undefined;

  async function scan(): Promise<void> {
    const { current: before, confirmed: wasConfirmed } = definitions;
    const loaded = await definitions.scan();
    report(before, loaded);
    then.use(loaded, before);
    if (!definitions.confirmed && !loaded.unreadable) scanOnceMore();
    if (before === undefined || before.fingerprint !== loaded.fingerprint || !definitions.confirmed) {
      then.news(before === undefined);
    } else if (!wasConfirmed) then.sure();
  }

  function report(before: Loaded | undefined, loaded: Loaded): void {
    const known = new Set([...(before?.problems ?? []), ...(before?.warnings ?? [])].map(formatProblem));
    const fresh = (problem: Problem) => !known.has(formatProblem(problem));
    const { unreadable } = loaded;
    if (unreadable && before?.unreadable?.message !== unreadable.message) {
      log.error({ code: unreadable.code }, formatProblem(unreadable));
    }
    for (const one of loaded.problems.filter(fresh)) log.error({ code: one.code, at: one.at }, formatProblem(one));
    for (const one of loaded.warnings.filter(fresh)) log.warn({ code: one.code, at: one.at }, formatProblem(one));
  }

  function rescan(): void {
    if (running) {
      again = true;
      return;
    }
    running = scan()
      .catch(error => {
        if (!signal.aborted) log.error({ error: String(error) }, 'scanning the flags failed');
      })
      .finally(() => {
        running = undefined;
        if (again && !signal.aborted) {
          again = false;
          rescan();
        }
      });
  }

  function scanOnceMore(): void {
    cancelSecond?.();
    cancelSecond = clock.after(secondScan, () => {
      cancelSecond = undefined;
      rescan();
    });
  }

  return {
    rescan,
    get busy() {
      return running !== undefined;
    },
    get soonAgain() {
      return cancelSecond !== undefined;
    },
    async idle() {
      await running;
    },
    stop() {
      cancelSecond?.();
    },
  };
}
