import type { TObject } from 'typebox';
import type { Source } from '../domain/audience.ts';
import type { Finding, SettingsPlace } from '../domain/settings-check.ts';
import type { Clock } from '../lib/clock.ts';
import type { Network } from '../lib/http-connections.ts';
import type { Log } from '../lib/log.ts';

/** What every source gets besides its own settings. */
export interface SourceContext {
  readonly id: string;
  readonly instance: string;
  /** The configuration's folder, absolute: paths in settings are relative to it and stay inside. */
  readonly folder: string;
  readonly clock: Clock;
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number;
  readonly log: Log;
  /** Undefined in one-shot commands: no callback is registered. `bearer` is what a callback has to carry. */
  readonly callback: { readonly bearer: string; readonly port: number } | undefined;
  /** Carries its requests; default: connections of its own. */
  readonly network?: Network | undefined;
}

/** One kind of source: a folder under `audience/` and a line in `kinds.ts`. */
export interface SourceKind {
  readonly type: string;
  /** Schema of an entry of `sources` without `id` and `type`; descriptions become the reference. */
  readonly settings: TObject;
  /** What is wrong with settings that passed the schema, as far as it can be told without secrets and network. */
  check?(settings: Readonly<Record<string, unknown>>, where: SettingsPlace): readonly Finding[];
  /** `settings` have passed the schema. Throws a ProblemError for what a schema cannot say. */
  create(settings: Readonly<Record<string, unknown>>, context: SourceContext): Source;
}
