import type { Ask, Audience, AudienceId, Readiness, SeenSource, Source } from '../domain/audience.ts';
import { formatProblem, type Problem, ProblemError } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import type { Log } from '../lib/log.ts';
import { asAudience } from './standing.ts';

export interface LookingOptions {
  readonly source: Source;
  readonly store: Pick<StateStore, 'source' | 'saveSource'>;
  readonly log: Log;
  /** A preview leaves no trace in the state. */
  readonly remember: boolean;
  /** Ends what is asked right now. */
  readonly signal: AbortSignal;
  /** What targets need of this source now. */
  asks(): readonly Ask[];
}

/** Answers that one engine gave from the first to the last, and how it stood then. */
export interface Seen {
  readonly items: Audience[];
  readonly standing: Readiness;
}

/** Asks one source so that what comes back is of one engine. */
export interface Looking {
  /**
   * Asks, with a look at the engine before and one after. Undefined: it changed or became ready under the answers,
   * which are thrown away. Throws a ProblemError where nothing can be asked.
   */
  look(asks: readonly Ask[]): Promise<Seen | undefined>;
  /** Asks without a look at the engine, for what belongs to the look before. */
  ask(asks: readonly Ask[]): Promise<Audience[]>;
  /** The engine as it was seen last; undefined: it has to be looked at anew. */
  readonly last: Readiness | undefined;
  /** What was known of the engine does not hold any more. */
  forget(): void;
  /** The answers under this instance were taken for good. */
  accept(instance: string): void;
}

export function createLooking(options: LookingOptions): Looking {
  const { source, store, log, signal } = options;
  /** Each item as it came, what `unchanged` refers to. */
  const yielded = new Map<AudienceId, Audience>();
  let seen: SeenSource | undefined;
  let last: Readiness | undefined;
  /** What the state has, as text. */
  let saved: string | undefined;

  function kept(): SeenSource | undefined {
    const found = store.source(source.id);
    saved = JSON.stringify(found);
    return found;
  }

  /** Throws where it cannot be saved; then the next one is, whether or not it is other than this. */
  function keep(now: SeenSource): void {
    seen = now;
    const text = JSON.stringify(now);
    if (!options.remember || text === saved) return;
    store.saveSource(source.id, now);
    saved = text;
  }

  async function readiness(): Promise<Readiness> {
    const { readiness: now, seen: after } = await source.readiness(seen ?? kept(), signal);
    keep(after);
    for (const found of now.problems) {
      if (last?.problems.some(known => known.message === found.message)) continue;
      const level = isError(found) ? 'error' : 'warn';
      log[level]({ source: source.id, code: found.code }, `${source.id}: ${formatProblem(found)}`);
    }
    if (last?.state !== now.state) log.info({ source: source.id, by: now.by }, `${source.id} is ${now.state}`);
    last = now;
    return now;
  }

  async function ask(asks: readonly Ask[], lookAgain?: () => Promise<void>): Promise<Audience[]> {
    const items: Audience[] = [];
    if (asks.length === 0) return items;
    for await (const item of source.resolve(asks, signal, lookAgain)) {
      const audience = asAudience(item, yielded.get(item.id));
      yielded.set(item.id, audience);
      items.push(audience);
    }
    const refusal = refusedEverywhere();
    if (refusal) throw new ProblemError(refusal);
    return items;
  }

  /** A source that lets nothing be asked cannot be asked; one that refuses a rule here and there can. */
  function refusedEverywhere(): Problem | undefined {
    let first: Problem | undefined;
    for (const { id } of options.asks()) {
      const answer = yielded.get(id);
      if (answer?.state !== 'failed' || !answer.refused) return undefined;
      first ??= answer.error;
    }
    return first;
  }

  return {
    async look(asks) {
      // An instance id seen after the last answers cannot come back after a restart: it serves as the look before these.
      const known = last?.state === 'ready' && (last.by !== 'sentinels' || source.looksItself) ? last : undefined;
      let before = known ?? (await readiness());
      // What held then may not hold any more, so sentinels have to be seen again, if only in the answers.
      const lookAgain = async () => {
        before = await readiness();
      };
      const items = await ask(asks, known?.by === 'sentinels' ? lookAgain : undefined);
      const after = await readiness();
      if (before.instanceId !== after.instanceId) {
        log.warn({ source: source.id }, `${source.id}: the policy engine restarted, its answers are thrown away`);
        return undefined;
      }
      if (before.state === 'suspect' && after.state === 'ready') return undefined;
      return { items, standing: after };
    },
    ask: asks => ask(asks),
    get last() {
      return last;
    },
    forget() {
      last = undefined;
    },
    accept(instance) {
      if (!seen) return;
      keep({ ...seen, acceptedUnder: instance });
      last = undefined;
    },
  };
}

/** Nothing that it answers can be used until somebody corrects the address. */
export function isError({ code }: Problem): boolean {
  return code === 'several-opas';
}
