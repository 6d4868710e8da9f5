import type {
  Ask,
  Audience,
  AudienceId,
  Hint,
  Provenance,
  Readiness,
  SeenSource,
  Source,
  Unchanged,
} from '../../domain/audience.ts';
import { ruleName } from '../../domain/identity.ts';
import { membersOf } from '../../domain/members.ts';
import { type Problem, ProblemError, toProblem } from '../../domain/problem.ts';
import { neverSeen } from '../judge.ts';
import type { SourceContext } from '../kind.ts';
import { WorkerHost } from './host.ts';
import type { Look, WorkerSettings } from './protocol.ts';
import { watchPaths } from '../../lib/watch-paths.ts';

export interface BundleSettings {
  readonly worker: WorkerSettings;
  /** ms, for loading and for each evaluation. */
  readonly timeLimit: number;
  /** Each as a JSON list of its segments; undefined: every package. */
  readonly packages: ReadonlySet<string> | undefined;
}

/** Policy compiled to wasm, evaluated here. Ready when it loaded; there is nobody else to be suspicious of. */
export class BundleSource implements Source {
  readonly type = 'bundle';
  readonly announces = false;
  readonly id: string;
  readonly #settings: BundleSettings;
  readonly #context: SourceContext;
  readonly #worker: WorkerHost;
  /** The stamp under which an audience was last yielded. */
  readonly #yielded = new Map<AudienceId, string>();
  /** The entrypoints that were warned about, for the build that lacks them. */
  #warned = '';

  constructor(settings: BundleSettings, context: SourceContext) {
    this.id = context.id;
    this.#settings = settings;
    this.#context = context;
    this.#worker = new WorkerHost(settings.worker, settings.timeLimit, context.clock);
  }

  /** Throws a ProblemError when the bundle or its data cannot be loaded. */
  async readiness(
    seen: SeenSource | undefined,
    signal: AbortSignal,
  ): Promise<{ readiness: Readiness; seen: SeenSource }> {
    const { revision, dataUpdate } = await this.#look(signal);
    const readiness: Readiness = { instanceId: null, state: 'ready', by: 'loaded', revision, dataUpdate, problems: [] };
    return { readiness, seen: seen ?? neverSeen };
  }

  async *resolve(asks: readonly Ask[], signal: AbortSignal): AsyncGenerator<Audience | Unchanged> {
    const { stamp } = await this.#look(signal);
    const missing = new Set<string>();
    let look: Look | undefined;
    for (const ask of asks) {
      if (this.#yielded.get(ask.id) === stamp) {
        yield { id: ask.id, unchanged: true, from: this.#from(ask, await this.#look(signal)) };
        continue;
      }
      const { audience, entrypoint, by } = await this.#ask(ask, signal);
      look = by ?? look;
      if (!entrypoint) missing.add(ruleName(ask.policy));
      // A failure may pass (a time limit), so it is looked at anew each time.
      if (by === undefined || audience.state === 'failed') this.#yielded.delete(ask.id);
      else this.#yielded.set(ask.id, by.stamp);
      yield audience;
    }
    if (look !== undefined && missing.size > 0) this.#warnMissing(look, [...missing]);
  }

  async hints(push: (hint: Hint) => void, signal: AbortSignal): Promise<void> {
    const { bundle, data } = this.#settings.worker;
    const paths = data === undefined ? [bundle.path] : [bundle.path, data.path];
    await watchPaths(paths, () => push({ kind: 'changed' }), this.#context.clock, signal);
  }

  close(): Promise<void> {
    return this.#worker.close();
  }

  async #look(signal: AbortSignal): Promise<Look> {
    return (await this.#worker.ask({ kind: 'look' }, `The bundle ${this.#settings.worker.bundle.name}`, signal)).look;
  }

  async #ask(
    ask: Ask,
    signal: AbortSignal,
  ): Promise<{ audience: Audience; entrypoint: boolean; by: Look | undefined }> {
    const { policy, id, contextKind } = ask;
    const name = `${ruleName(policy)} of source ${this.id}`;
    const failed = (error: Problem, by: Look | undefined) => {
      const audience: Audience = { id, contextKind, from: this.#from(ask, by), state: 'failed', error };
      return { audience, entrypoint: true, by };
    };
    const isAllowed = this.#settings.packages?.has(JSON.stringify(policy.package)) !== false;
    if (!isAllowed) return failed(notAllowed(ruleName(policy), this.id), undefined);
    try {
      const request = { kind: 'ask', package: policy.package, rule: policy.rule, input: policy.input, name } as const;
      const response = await this.#worker.ask(request, name, signal);
      if (!('answer' in response)) throw new Error('the worker answered something else');
      const { look, answer } = response;
      const from = this.#from(ask, look);
      if (answer.state === 'failed') return failed(answer.error, look);
      if (answer.state === 'undefined') {
        return { audience: { id, contextKind, from, state: 'undefined' }, entrypoint: answer.entrypoint, by: look };
      }
      const who = { kind: 'members', members: membersOf(answer.members) } as const;
      return { audience: { id, contextKind, from, state: 'defined', who }, entrypoint: true, by: look };
    } catch (error) {
      if (signal.aborted || !(error instanceof ProblemError)) throw error;
      return failed(toProblem(error), undefined);
    }
  }

  #from(ask: Ask, look: Look | undefined): Provenance {
    const revision = look && { revision: look.revision, dataUpdate: look.dataUpdate };
    return { source: this.id, rule: ruleName(ask.policy), ...revision, answeredAt: this.#context.clock.now() };
  }

  /** OPA cannot tell a missing rule from an undefined one either, but here somebody built the bundle without it. */
  #warnMissing(look: Look, rules: readonly string[]): void {
    const warning = `${look.revision} ${rules.join(' ')}`;
    if (warning === this.#warned) return;
    this.#warned = warning;
    this.#context.log.warn(
      { source: this.id, rules, entrypoints: look.entrypoints },
      'The bundle has no entrypoint for some rules, so they are undefined. Build it with opa build -t wasm -e and their package.',
    );
  }
}

function notAllowed(rule: string, source: string): Problem {
  return {
    code: 'package-not-allowed',
    message: `${rule} is in a package that source ${source} may not be asked for.`,
    hint: "Add the package to packages of the source, or correct the toggle's usersPolicy.",
  };
}
