import type { Ask, Audience, Hint, Readiness, SeenSource, Source, Unchanged } from '../../domain/audience.ts';
import type { CallbackTrial, Check } from '../../domain/checkup.ts';
import { ProblemError, toProblem } from '../../domain/problem.ts';
import type { TlsFiles } from '../../lib/http-connections.ts';
import { createHttpClient, type HttpClient } from '../../lib/http.ts';
import { every } from '../every.ts';
import type { SourceContext } from '../kind.ts';
import { createOpaClient, type OpaAddress, type OpaClient, type OpaLimits } from '../opa-client.ts';
import { asProblem, OpaCore } from '../opa-core.ts';
import { checkOpal } from './doctor.ts';
import { createOpalApi, type OpalApi, type Registration } from './api.ts';
import { keepRegistered } from './callback.ts';
import { opaAddressOf } from './discovery.ts';
import { createReload, type Reload } from './reload.ts';

export interface OpalSettings {
  readonly url: string;
  readonly token: string | undefined;
  /** What is configured; without `url` OPAL is asked. */
  readonly opa: { readonly url?: string | undefined; readonly token?: string | undefined };
  readonly sentinels: readonly (readonly string[])[];
  readonly packages: readonly (readonly string[])[] | undefined;
  /** ms. */
  readonly resync: number;
  readonly watch: number;
  readonly reload: 'auto' | 'never';
  readonly limits: OpaLimits;
  readonly tls: TlsFiles | undefined;
  /** Undefined: no callback is wanted. */
  readonly registration: Registration | undefined;
}

/** For requests to OPAL: behaviour.md §8. */
const opalTime = 60_000;
const opalBytes = 64_000_000;
/** What a trial registered is taken back within this time (ms). */
const trialEnd = 5_000;

/** An OPAL client with its OPA: OPAL tells of changes, OPA answers. Throws an HttpError for an unusable address. */
export class OpalSource implements Source {
  readonly type = 'opal';
  readonly looksItself = true;
  readonly id: string;
  readonly announces: boolean;
  readonly #settings: OpalSettings;
  readonly #context: SourceContext;
  readonly #http: HttpClient;
  readonly #api: OpalApi;
  readonly #core: OpaCore;
  #opa: OpaClient | undefined;
  /** Where OPA was before it could not be reached. */
  #lastAddress: OpaAddress | undefined;
  readonly #reload: Reload | undefined;
  readonly #closing = new AbortController();
  #mayBeRegistered = false;

  constructor(settings: OpalSettings, context: SourceContext) {
    const { id, clock } = context;
    this.id = id;
    this.announces = settings.registration !== undefined;
    this.#settings = settings;
    this.#context = context;
    this.#http = createHttpClient({
      name: `OPAL of source ${id}`,
      baseUrl: settings.url,
      headers: settings.token ? { authorization: `Bearer ${settings.token}` } : {},
      timeout: opalTime,
      maxBytes: opalBytes,
      tls: settings.tls,
      secrets: this.#secrets(),
      clock,
      network: context.network,
    });
    this.#api = createOpalApi(this.#http);
    this.#core = new OpaCore({
      id,
      clock,
      sentinels: settings.sentinels,
      packages: settings.packages,
      reloads: settings.reload === 'auto',
    });
    if (settings.reload === 'auto') {
      this.#reload = createReload({
        id,
        api: this.#api,
        clock,
        log: context.log,
        signal: this.#closing.signal,
        systemOpal: async closing => (await this.#findOpa(closing)).systemOpal(closing),
      });
    }
    if (settings.opa.url !== undefined)
      this.#opa = this.#clientFor({ url: settings.opa.url, token: settings.opa.token });
  }

  async readiness(
    seen: SeenSource | undefined,
    signal: AbortSignal,
  ): Promise<{ readiness: Readiness; seen: SeenSource }> {
    const judgement = await this.#withOpa(signal, opa => this.#core.look(opa, seen, signal));
    this.#reload?.ifSuspect(judgement.readiness, judgement.seen);
    return judgement;
  }

  async *resolve(
    asks: readonly Ask[],
    signal: AbortSignal,
    look?: () => Promise<void>,
  ): AsyncGenerator<Audience | Unchanged> {
    const opa = await this.#findOpa(signal);
    try {
      yield* this.#core.resolve(opa, asks, signal, look);
    } catch (error) {
      this.#forgetIfUnreachable(error);
      throw error;
    }
  }

  async hints(push: (hint: Hint) => void, signal: AbortSignal): Promise<void> {
    const { registration, resync, watch } = this.#settings;
    const { clock, random } = this.#context;
    const watching = registration && keepRegistered(this.#api, registration, push, { clock, random, watch, signal });
    this.#mayBeRegistered = registration !== undefined;
    await Promise.all([watching, every(resync, () => push({ kind: 'resync' }), clock, signal)]);
  }

  async *doctor(signal: AbortSignal): AsyncGenerator<Check> {
    yield* checkOpal(this.#api, this.#settings, this.#context.clock, signal);
  }

  async callbackTrial(own: boolean, signal: AbortSignal): Promise<CallbackTrial> {
    const { registration } = this.#settings;
    if (registration === undefined) throw new Error('no callback is configured');
    const trial = { ...registration, key: `${registration.key}-doctor` };
    if (own) await this.#api.register(trial, signal);
    return {
      bearer: registration.bearer,
      trigger: async () => {
        await this.#api.reloadPolicy(signal);
        await this.#api.reloadData(signal);
      },
      end: async () => {
        if (own) await this.#api.remove(trial.key, AbortSignal.timeout(trialEnd));
      },
    };
  }

  async close(signal: AbortSignal): Promise<void> {
    const { registration } = this.#settings;
    this.#closing.abort();
    if (registration !== undefined && this.#mayBeRegistered) {
      try {
        await this.#api.remove(registration.key, signal);
      } catch (error) {
        // Whoever starts next replaces it, and until then OPAL finds nobody there.
        this.#context.log.warn(
          { source: this.id },
          `the callback could not be taken back: ${toProblem(error).message}`,
        );
      }
    }
    await Promise.all([this.#http.close(), this.#opa?.close()]);
    await this.#reload?.done();
  }

  async #withOpa<Result>(signal: AbortSignal, work: (opa: OpaClient) => Promise<Result>): Promise<Result> {
    const opa = await this.#findOpa(signal);
    try {
      return await work(opa);
    } catch (error) {
      this.#forgetIfUnreachable(error);
      throw error;
    }
  }

  async #findOpa(signal: AbortSignal): Promise<OpaClient> {
    this.#opa ??= this.#clientFor(await this.#discover(signal));
    return this.#opa;
  }

  async #discover(signal: AbortSignal): Promise<OpaAddress> {
    const { url, opa } = this.#settings;
    try {
      this.#lastAddress = opaAddressOf(await this.#api.policyStore(signal), url, this.id, opa.token);
    } catch (error) {
      // OPAL may be down for longer than OPA.
      if (signal.aborted || this.#lastAddress === undefined || error instanceof ProblemError) throw asProblem(error);
    }
    return this.#lastAddress;
  }

  #clientFor(address: OpaAddress): OpaClient {
    const { limits, tls } = this.#settings;
    return createOpaClient({
      name: `OPA of source ${this.id}`,
      tokenSetting: `opa.token of source ${this.id} (without it, the token that OPAL names)`,
      address,
      limits,
      tls,
      secrets: this.#secrets(),
      clock: this.#context.clock,
      network: this.#context.network,
    });
  }

  /** A discovered address may have changed: OPAL is asked again. */
  #forgetIfUnreachable(error: unknown): void {
    if (this.#settings.opa.url !== undefined || !(error instanceof ProblemError)) return;
    if (!['unreachable', 'timeout', 'tls'].includes(error.problem.code)) return;
    const opa = this.#opa;
    this.#opa = undefined;
    void opa?.close();
  }

  #secrets(): readonly string[] {
    const { token, opa, registration } = this.#settings;
    return [token, opa.token, registration?.bearer].filter(secret => typeof secret === 'string');
  }
}
