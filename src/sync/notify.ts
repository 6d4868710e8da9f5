import type { NotifyEvent, Receiver } from '../domain/config.ts';
import { formatProblem, retryAfterOf, toProblem } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Trouble } from './troubles.ts';
import type { BlockStatus } from './view.ts';

/** One piece of news: blocks that are new, or things that went wrong or are over. */
export interface News {
  readonly event: NotifyEvent;
  readonly blocked: readonly BlockStatus[];
  readonly things: readonly Pick<Trouble, 'what' | 'message'>[];
}

export interface NotifierOptions {
  readonly receivers: readonly Receiver[];
  readonly store: Pick<StateStore, 'told' | 'saveTold' | 'audit' | 'memberTag'>;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  blocks(): readonly BlockStatus[];
  troubles(): readonly Trouble[];
  /** Hands one over, to the receiver of that index; rejects where it was not taken. */
  send(receiver: number, news: News, signal: AbortSignal): Promise<void>;
}

export interface Notifier {
  /** What is not handed over now is by the next process. */
  stop(): Promise<void>;
}

const lookEvery = 1_000;
/** So long (ms) something has to be wrong, or well again, before anybody is told: a restart is no news. */
const patience = 30_000;
/** Between tries (ms): doubling, the upper half of it random. */
const pause = { first: 1_000, longest: 5 * 60_000 };
/** The audit log is told like a receiver. */
const auditLog = 'audit';

/**
 * Tells receivers what changed since they were last told, each at its own pace; nothing else waits for them. What a
 * receiver was told is in the state, so nothing is told twice, and nothing is lost by a restart: what changed back before
 * it could be told is no news any more. (Only a process that dies between the two may tell once more.)
 */
export function createNotifier(options: NotifierOptions): Notifier {
  const { clock, store } = options;
  const closing = new AbortController();
  const steady = createSteady(store.told(auditLog), clock);
  const queues = options.receivers.map(createQueue);
  let cancel = () => {};

  function look(): void {
    try {
      const troubles = new Map(options.troubles().map(one => [one.what, one]));
      const lasting = steady.look(troubles);
      tellAudit(lasting, troubles);
      const blocks = new Map(options.blocks().map(block => [nameOf(block), block]));
      for (const queue of queues) queue.look(blocks, lasting);
    } catch (error) {
      options.log.warn(
        { code: toProblem(error).code },
        `nobody is told of news for now: ${formatProblem(toProblem(error))}`,
      );
    }
    cancel = clock.after(lookEvery, look);
  }

  function tellAudit(lasting: ReadonlyMap<string, string>, troubles: ReadonlyMap<string, Trouble>): void {
    const told = store.told(auditLog);
    const { begun, over } = changes(told, lasting);
    if (begun.length + over.length === 0) return;
    const at = clock.now();
    for (const [what, message] of begun) store.audit({ at, what: 'degraded', ...aboutOf(what, troubles), message });
    for (const [what, message] of over) store.audit({ at, what: 'recovered', ...aboutOf(what, troubles), message });
    store.saveTold(auditLog, lasting);
  }

  function createQueue(receiver: Receiver, index: number) {
    const id = store.memberTag(`${receiver.type} ${receiver.url}`);
    let told = store.told(id);
    let failures = 0;
    let notBefore = 0;
    let sending: Promise<void> | undefined;

    function look(blocks: ReadonlyMap<string, BlockStatus>, lasting: ReadonlyMap<string, string>): void {
      if (sending || clock.now() < notBefore) return;
      const now = new Map([...[...blocks].map(([name, block]) => [name, block.reason] as const), ...lasting]);
      const { begun, over } = changes(told, now);
      const news: News[] = [
        { event: 'blocked', blocked: begun.flatMap(([name]) => blocks.get(name) ?? []), things: [] },
        { event: 'degraded', blocked: [], things: begun.filter(([name]) => !blocks.has(name)).map(asThing) },
        { event: 'recovered', blocked: [], things: over.map(asThing) },
      ];
      const wanted = news.filter(isSome);
      if (wanted.length === 0) return;
      sending = hand(wanted, now).finally(() => {
        sending = undefined;
      });
    }

    async function hand(wanted: readonly News[], now: ReadonlyMap<string, string>): Promise<void> {
      try {
        for (const one of wanted) {
          if (receiver.events.includes(one.event)) await options.send(index, one, closing.signal);
          told = after(told, one, now);
          store.saveTold(id, told);
        }
        failures = 0;
      } catch (error) {
        if (closing.signal.aborted) return;
        const problem = toProblem(error);
        if (failures === 0) {
          options.log.warn(
            { code: problem.code },
            `notify ${index + 1} was not told, it is tried again: ${formatProblem(problem)}`,
          );
        }
        failures++;
        notBefore = clock.now() + (retryAfterOf(error) ?? delay(failures, options.random));
      }
    }

    return { look, settled: async () => sending };
  }

  cancel = clock.after(lookEvery, look);
  return {
    async stop() {
      cancel();
      closing.abort(new Error('stopping'));
      await Promise.all(queues.map(queue => queue.settled()));
    },
  };
}

/** Which troubles last, and which that did are over: either has to hold for a while. */
function createSteady(before: ReadonlyMap<string, string>, clock: Clock) {
  let steady = before;
  const since = new Map<string, number>();
  return {
    look(troubles: ReadonlyMap<string, Trouble>): ReadonlyMap<string, string> {
      const now = clock.now();
      const next = new Map(steady);
      for (const name of new Set([...troubles.keys(), ...steady.keys(), ...since.keys()])) {
        const trouble = troubles.get(name);
        if ((trouble !== undefined) === steady.has(name)) {
          since.delete(name);
          continue;
        }
        const began = since.get(name) ?? now;
        since.set(name, began);
        if (now - began < patience) continue;
        since.delete(name);
        if (trouble) next.set(name, trouble.message);
        else next.delete(name);
      }
      steady = next;
      return steady;
    },
  };
}

type Thing = readonly [string, string];

function changes(
  told: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): { begun: Thing[]; over: Thing[] } {
  return {
    begun: [...now].filter(([name]) => !told.has(name)),
    over: [...told].filter(([name]) => !now.has(name)),
  };
}

/** What a receiver knows once it has that piece of news. */
function after(
  told: ReadonlyMap<string, string>,
  { blocked, things, event }: News,
  now: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const next = new Map(told);
  for (const name of [...blocked.map(nameOf), ...things.map(({ what }) => what)]) {
    if (event === 'recovered') next.delete(name);
    else next.set(name, now.get(name) ?? '');
  }
  return next;
}

function asThing([what, message]: Thing): Pick<Trouble, 'what' | 'message'> {
  return { what, message };
}

function isSome({ blocked, things }: News): boolean {
  return blocked.length + things.length > 0;
}

/** Without its id: as its answer goes on changing, it is the same news. */
function nameOf({ scope, source, toggle, target, environment }: BlockStatus): string {
  return ['block of', scope, source, toggle, target, environment].filter(Boolean).join(' ');
}

function aboutOf(what: string, troubles: ReadonlyMap<string, Trouble>): { source?: string; target?: string } {
  const { source, target } = troubles.get(what) ?? named(what);
  return { ...(source !== undefined && { source }), ...(target !== undefined && { target }) };
}

/** What is over is known by its name alone. */
function named(what: string): { source?: string; target?: string } {
  const [kind, name] = what.split(' ', 2);
  return name !== undefined && (kind === 'source' || kind === 'target') ? { [kind]: name } : {};
}

function delay(failures: number, random: () => number): number {
  const full = Math.min(pause.longest, pause.first * 2 ** Math.min(failures - 1, 10));
  return Math.round(full / 2 + (full / 2) * random());
}
