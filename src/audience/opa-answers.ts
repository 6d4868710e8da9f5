import type { Ask, Audience, AudienceId, Provenance, Unchanged } from '../domain/audience.ts';
import { ruleName } from '../domain/identity.ts';
import type { Members } from '../domain/members.ts';
import { bounded } from '../lib/bounded.ts';
import type { Clock } from '../lib/clock.ts';
import { type Answer, answerOf, failed } from './answer.ts';
import { CostBook } from './costs.ts';
import { jobsFor, type PackageJob, type RuleJob } from './jobs.ts';
import { keepList, type ListText, nextList } from './list-text.ts';
import type { OpaClient, Reply } from './opa-client.ts';
import { type Result, resultOf } from './opa-reply.ts';
import { dataPath, rulePath } from './ref.ts';
import { holdIn, type Proof, standIn } from './sentinels.ts';

/** What was last yielded for an id, always `defined`, and the hashes of the answers that said so. */
interface Yielded {
  readonly members: Members;
  readonly rule: string | undefined;
  readonly package: string | undefined;
  /** Of a long list: the bytes it came from, so that the next answer need not be parsed as a whole. */
  readonly list: ListText | undefined;
}

/** What to yield, and what to remember once it is: `unchanged` must mean what the caller got, not what was on its way. */
interface Item {
  readonly item: Audience | Unchanged;
  readonly yielded: Yielded | undefined;
}

/** Policy revision and data update, as far as they are known. */
export type Standing = Pick<Provenance, 'revision' | 'dataUpdate'>;

interface Finished {
  readonly items: readonly Item[];
  /** The rules of a package that had no answer as a whole; or a package that did not hold the sentinels. */
  readonly again: readonly (RuleJob | PackageJob)[];
}

/** One call of `resolve`. */
interface Round {
  readonly client: OpaClient;
  readonly standing: () => Promise<Standing>;
  readonly signal: AbortSignal;
  /** Nobody has looked: an answer counts only with its sentinels. */
  readonly proof: Proof | undefined;
}

/** Nobody waits any more. Without a reason of its own each abort would make an error, with its stack. */
const over = new Error('over');
const requestsAtOnce = 16;
const mostRequests = 48;
/** A request that takes longer (ms) lets others pass. */
const patience = 1000;

/** Asks an OPA for audiences in as few requests as are cheap, and parses only what changed. */
export class OpaAnswers {
  readonly #source: string;
  readonly #clock: Clock;
  /** As JSON of their segments; undefined: every package. */
  readonly #packages: ReadonlySet<string> | undefined;
  readonly #yielded = new Map<AudienceId, Yielded>();
  /** Hashes of documents that held the sentinels, by package. */
  readonly #proven = new Map<string, string>();
  readonly #costs = new CostBook();

  constructor(source: string, packages: readonly (readonly string[])[] | undefined, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
    this.#packages = packages && new Set(packages.map(segments => JSON.stringify(segments)));
  }

  /**
   * Yields one item per ask, as `Source.resolve` does; `standing` is waited for before the first. With `proof`, that looks
   * before the first question whose answer does not hold the sentinels itself; true is returned where all answers did.
   * Throws an HttpError when OPA cannot be reached.
   */
  async *resolve(
    client: OpaClient,
    asks: readonly Ask[],
    standing: () => Promise<Standing>,
    signal: AbortSignal,
    proof?: Proof,
  ): AsyncGenerator<Audience | Unchanged, boolean> {
    const allowed: Ask[] = [];
    for (const ask of asks) {
      if (this.#packages?.has(JSON.stringify(ask.policy.package)) !== false) allowed.push(ask);
      else yield this.#tell(this.#item(ask, refusal(ask, this.#source), this.#from(ask, {}), {}));
    }
    const stop = new AbortController();
    const bounds = { slots: requestsAtOnce, patience, most: mostRequests, clock: this.#clock };
    const work = (round: Round) => (job: RuleJob | PackageJob) =>
      job.kind === 'package' ? this.#askPackage(job, round) : this.#askRule(job, round);
    const looked = { client, standing, signal: AbortSignal.any([signal, stop.signal]), proof: undefined };
    const jobs = jobsFor(allowed, this.#costs);
    const isProving =
      proof !== undefined &&
      jobs.length > 0 &&
      jobs.every(job => job.kind === 'package' && standIn(job.segments, proof));
    try {
      if (proof && !isProving) await proof.look();
      const again: (RuleJob | PackageJob)[] = [];
      for await (const finished of bounded(jobs, work(isProving ? { ...looked, proof } : looked), bounds)) {
        again.push(...finished.again);
        for (const item of finished.items) yield this.#tell(item);
      }
      if (again.length === 0) return isProving;
      if (isProving) await proof.look();
      for (let left = again; left.length > 0; ) {
        const rest: (RuleJob | PackageJob)[] = [];
        for await (const finished of bounded(left, work(looked), bounds)) {
          rest.push(...finished.again);
          for (const item of finished.items) yield this.#tell(item);
        }
        left = rest;
      }
      return false;
    } finally {
      // What still runs after an error is of no use to anybody.
      stop.abort(over);
    }
  }

  #tell({ item, yielded }: Item): Audience | Unchanged {
    if (yielded === undefined) this.#yielded.delete(item.id);
    else this.#yielded.set(item.id, yielded);
    return item;
  }

  async #askRule(job: RuleJob, round: Round): Promise<Finished> {
    const { group } = job;
    if (group) group.startedAt ??= this.#clock.now();
    const reply = await round.client.data(rulePath(job.asks[0].policy), job.input, round.signal);
    const now = this.#clock.now();
    if (group && --group.left === 0) {
      this.#costs.record(group.name, 'rules', group.size, now - (group.startedAt ?? now));
    }
    const standing = await round.standing();
    // One parse, however many toggles ask the same.
    let read: Read | undefined;
    const items = job.asks.map(ask => {
      const from = this.#from(ask, standing, now);
      const before = this.#yielded.get(ask.id);
      if (reply.state === 'answered' && before?.rule === reply.hash) return unchanged(ask, from, before);
      read ??= ruleAnswer(reply, before?.list, this.#name(ask));
      return this.#item(
        ask,
        read.answer,
        from,
        reply.state === 'answered' ? { rule: reply.hash, list: read.list } : {},
      );
    });
    return { items, again: [] };
  }

  async #askPackage(job: PackageJob, round: Round): Promise<Finished> {
    const { proof } = round;
    const started = this.#clock.now();
    const reply = await round.client.data(dataPath(job.segments), undefined, round.signal, job.patience);
    const now = this.#clock.now();
    if (reply.state === 'failed') return this.#noPackage(job);
    const { hash } = reply;
    const asks = job.rules.flatMap(rule => rule.asks);
    const known = asks.flatMap(ask => {
      const before = this.#yielded.get(ask.id);
      return before?.package === hash ? [{ ask, before }] : [];
    });
    const isProven = proof === undefined || this.#proven.get(job.name) === hash;
    const result = known.length === asks.length && isProven ? undefined : resultOf(reply.response);
    if (result === null || !isDocument(result?.value)) return this.#noPackage(job);
    if (!isProven) {
      if (!holdIn(result?.value, job.segments, proof)) return { items: [], again: [job] };
      this.#proven.set(job.name, hash);
    }
    this.#costs.record(job.name, 'package', job.rules.length, now - started);
    const standing = await round.standing();
    if (result === undefined) {
      const items = known.map(({ ask, before }) => unchanged(ask, this.#from(ask, standing, now), before));
      return { items, again: [] };
    }
    const items = job.rules.flatMap(rule => this.#ruleOfPackage(rule, result, hash, standing, now));
    return { items, again: [] };
  }

  #noPackage(job: PackageJob): Finished {
    this.#costs.failed(job.name);
    return { items: [], again: job.rules };
  }

  #ruleOfPackage(job: RuleJob, result: Result, hash: string, standing: Standing, now: number): Item[] {
    const [first] = job.asks;
    const document = result.value as Readonly<Record<string, unknown>> | undefined;
    const { rule } = first.policy;
    const value = document !== undefined && Object.hasOwn(document, rule) ? document[rule] : undefined;
    const answer = answerOf(value, this.#name(first), result.printable);
    return job.asks.map(ask => {
      const from = this.#from(ask, standing, now);
      const before = this.#yielded.get(ask.id);
      if (before !== undefined && answer.state === 'defined' && areSame(before.members, answer.members)) {
        return unchanged(ask, from, { ...before, package: hash });
      }
      return this.#item(ask, answer, from, { package: hash });
    });
  }

  #item(
    ask: Ask,
    answer: Answer,
    from: Provenance,
    known: { rule?: string; package?: string; list?: ListText | undefined },
  ): Item {
    const { id, contextKind } = ask;
    if (answer.state !== 'defined') return { item: { id, contextKind, from, ...answer }, yielded: undefined };
    const { members } = answer;
    return {
      item: { id, contextKind, from, state: 'defined', who: { kind: 'members', members } },
      yielded: { members, rule: known.rule, package: known.package, list: known.list },
    };
  }

  #name(ask: Ask): string {
    return `${ruleName(ask.policy)} of source ${this.#source}`;
  }

  #from(ask: Ask, standing: Standing, answeredAt = this.#clock.now()): Provenance {
    return { source: this.#source, rule: ruleName(ask.policy), ...standing, answeredAt };
  }
}

/** An answer, and the list in it where the next one can be read from the difference. */
interface Read {
  readonly answer: Answer;
  readonly list?: ListText | undefined;
}

function ruleAnswer(reply: Reply, before: ListText | undefined, name: string): Read {
  if (reply.state === 'failed') return { answer: reply };
  const body = reply.response.bytes();
  const next = before && nextList(before, body);
  if (next) return { answer: { state: 'defined', members: next.members }, list: next };
  const result = resultOf(reply.response);
  if (result === null) {
    const message = `${name}: the answer is not what OPA's data API answers.`;
    return { answer: failed('bad-json', message, 'Look at the address: something else seems to answer there.') };
  }
  const answer = answerOf(result.value, name, result.printable);
  return { answer, ...(answer.state === 'defined' && { list: keepList(body, answer.members) }) };
}

function unchanged(ask: Ask, from: Provenance, yielded: Yielded): Item {
  return { item: { id: ask.id, unchanged: true, from }, yielded };
}

/** A package that is not there has no result, which says that all its rules are undefined. */
function isDocument(value: unknown): boolean {
  return value === undefined || (value !== null && typeof value === 'object' && !Array.isArray(value));
}

function areSame(one: Members, other: Members): boolean {
  if (one.size !== other.size) return false;
  const others = other.values()[Symbol.iterator]();
  for (const member of one.values()) if (others.next().value !== member) return false;
  return true;
}

function refusal(ask: Ask, source: string): Answer {
  return failed(
    'package-not-allowed',
    `${ruleName(ask.policy)} is in a package that source ${source} may not be asked for.`,
    "Add the package to packages of the source, or correct the toggle's usersPolicy.",
  );
}
