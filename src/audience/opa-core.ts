import type { Ask, Audience, SeenSource, Unchanged } from '../domain/audience.ts';
import { type Problem, ProblemError, toProblem } from '../domain/problem.ts';
import { type Clock, steadyNow } from '../lib/clock.ts';
import { HttpError } from '../lib/http-error.ts';
import { type Judgement, judge, standingOf } from './judge.ts';
import { OpaAnswers, type Standing } from './opa-answers.ts';
import type { OpaClient } from './opa-client.ts';
import type { SystemOpal } from './system-opal.ts';

/** ms; where `system.opal` was not there it is not looked for again before. */
const opalMissing = 60_000;
/** ms; answers wait no longer than this for the revision they came from. */
const standingPatience = 100;

/** What every source that asks an OPA has in common: looking at it, and asking it. Not how to find it. */
export class OpaCore {
  readonly #clock: Clock;
  readonly #sentinels: readonly (readonly string[])[];
  readonly #reloads: boolean;
  readonly #answers: OpaAnswers;
  /** As it was last read. */
  #opal: SystemOpal | null | undefined;
  #noOpalUntil = Number.NEGATIVE_INFINITY;
  /** The answers since the last look held all sentinels, and they held. */
  #shown = false;
  /** Ids of data transactions read since the last look. */
  readonly #read = new Set<string>();

  constructor(options: {
    readonly id: string;
    readonly clock: Clock;
    readonly sentinels: readonly (readonly string[])[];
    readonly packages: readonly (readonly string[])[] | undefined;
    readonly reloads: boolean;
  }) {
    this.#clock = options.clock;
    this.#sentinels = options.sentinels;
    this.#reloads = options.reloads;
    this.#answers = new OpaAnswers(options.id, options.packages, options.clock);
  }

  /** Looks and judges, in as few requests as the judgement needs. Throws a ProblemError when OPA cannot be reached. */
  async look(client: OpaClient, seen: SeenSource | undefined, signal: AbortSignal): Promise<Judgement> {
    const read = [...this.#read];
    const shown = this.#shown;
    this.#shown = false;
    const mayNeedOpal = this.#sentinels.length === 0 && (seen === undefined || seen.readyUnder === null);
    const [instanceId, looked, isOpalRead] = await reached(
      Promise.all([
        client.instanceId(signal),
        shown ? [] : this.#lookForSentinels(client, signal),
        mayNeedOpal ? this.#readOpal(client, signal) : false,
      ]),
    );
    // Another instance: what the one before showed is void, and its own first look counts.
    const isOther = instanceId !== (seen?.instances[0]?.id ?? null);
    if (isOther && !isOpalRead) await reached(this.#readOpal(client, signal));
    const sentinels = isOther && shown ? await reached(this.#lookForSentinels(client, signal)) : looked;
    this.#read.clear();
    const failing = sentinels.filter(sentinel => sentinel !== 'held');
    return judge(
      {
        instanceId,
        sentinels: this.#sentinels.length === 0 ? 'none' : failing.length === 0 ? 'held' : 'not',
        failing,
        systemOpal: this.#opal,
        read,
        reloads: this.#reloads,
        now: this.#clock.now(),
      },
      seen,
    );
  }

  /** As `Source.resolve`. */
  async *resolve(
    client: OpaClient,
    asks: readonly Ask[],
    signal: AbortSignal,
    look?: () => Promise<void>,
  ): AsyncGenerator<Audience | Unchanged> {
    if (asks.length === 0) return;
    const proof = look && this.#sentinels.length > 0 ? { sentinels: this.#sentinels, look } : undefined;
    this.#shown = false;
    try {
      this.#shown = yield* this.#answers.resolve(client, asks, this.#standing(client, signal), signal, proof);
    } catch (error) {
      throw asProblem(error);
    }
  }

  #lookForSentinels(client: OpaClient, signal: AbortSignal): Promise<('held' | Problem)[]> {
    return Promise.all(this.#sentinels.map(segments => client.sentinel(segments, signal)));
  }

  async #readOpal(client: OpaClient, signal: AbortSignal): Promise<true> {
    try {
      this.#opal = await client.systemOpal(signal);
    } catch (error) {
      // Where sentinels decide it is of interest only.
      const isAnswer = error instanceof HttpError && error.status !== undefined;
      if (!isAnswer || this.#sentinels.length === 0) throw error;
      this.#opal = undefined;
    }
    const id = this.#opal?.data?.id;
    if (id !== undefined) this.#read.add(id);
    this.#noOpalUntil = !this.#opal ? steadyNow(this.#clock) + opalMissing : Number.NEGATIVE_INFINITY;
    return true;
  }

  #readOpalSoon(client: OpaClient, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#clock.after(standingPatience, resolve);
      const read = this.#readOpal(client, signal).catch(() => {});
      void read.finally(() => {
        cancel();
        resolve();
      });
    });
  }

  /** Reads revision and data update beside the answers, which do not wait long for it, nor fail with it. */
  #standing(client: OpaClient, signal: AbortSignal): () => Promise<Standing> {
    const read = steadyNow(this.#clock) >= this.#noOpalUntil ? this.#readOpalSoon(client, signal) : undefined;
    return async () => {
      await read;
      return standingOf(this.#opal);
    };
  }
}

async function reached<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw asProblem(error);
  }
}

/** The errors of lib as those of the house; an abort stays what it is. */
export function asProblem(error: unknown): unknown {
  return error instanceof HttpError ? new ProblemError(toProblem(error)) : error;
}
