import type {
  Ask,
  Audience,
  AudienceId,
  Hint,
  Readiness,
  SeenSource,
  Source,
  Unchanged,
} from '../../domain/audience.ts';
import { ruleName } from '../../domain/identity.ts';
import { answerOf } from '../answer.ts';
import { watchPaths } from '../../lib/watch-paths.ts';
import { neverSeen } from '../judge.ts';
import type { SourceContext } from '../kind.ts';
import { type Lists, readLists } from './file.ts';

/** Lists of members in a file. What is not in it is undefined. */
export class StaticSource implements Source {
  readonly type = 'static';
  readonly announces = false;
  readonly id: string;
  readonly #file: { readonly path: string; readonly name: string };
  readonly #context: SourceContext;
  #lists: Lists | undefined;
  /** The revision under which an audience was last yielded as defined. */
  readonly #yielded = new Map<AudienceId, string>();

  constructor(file: { readonly path: string; readonly name: string }, context: SourceContext) {
    this.id = context.id;
    this.#file = file;
    this.#context = context;
  }

  /** Ready when the file was read. Throws a ProblemError with the place when it cannot be. */
  async readiness(seen: SeenSource | undefined): Promise<{ readiness: Readiness; seen: SeenSource }> {
    const { revision } = await this.#read();
    const readiness: Readiness = { instanceId: null, state: 'ready', by: 'loaded', revision, problems: [] };
    return { readiness, seen: seen ?? neverSeen };
  }

  async *resolve(asks: readonly Ask[]): AsyncGenerator<Audience | Unchanged> {
    const { rules, revision } = await this.#read();
    for (const { id, contextKind, policy } of asks) {
      const from = { source: this.id, rule: ruleName(policy), revision, answeredAt: this.#context.clock.now() };
      if (this.#yielded.get(id) === revision) {
        yield { id, unchanged: true, from };
        continue;
      }
      const value = rules.get(JSON.stringify([...policy.package, policy.rule]));
      const answer = answerOf(Array.isArray(value) ? [...value] : value, `${ruleName(policy)} of source ${this.id}`);
      if (answer.state === 'defined') this.#yielded.set(id, revision);
      else this.#yielded.delete(id);
      yield answer.state === 'defined'
        ? { id, contextKind, from, state: 'defined', who: { kind: 'members', members: answer.members } }
        : { id, contextKind, from, ...answer };
    }
  }

  hints(push: (hint: Hint) => void, signal: AbortSignal): Promise<void> {
    return watchPaths([this.#file.path], () => push({ kind: 'changed' }), this.#context.clock, signal);
  }

  async close(): Promise<void> {}

  async #read(): Promise<Lists> {
    this.#lists = await readLists(this.#context.folder, this.#file, this.#lists);
    return this.#lists;
  }
}
