import type { GuardConfig, OnRemoved, TargetPolicy } from './plan.ts';
import type { Toggle } from './toggle.ts';

/** The whole configuration after validation and substitution. Durations are ms; paths are absolute. */
export interface Config {
  /** The name of the file it came from, in `folder`. */
  readonly file: string;
  /** The folder of that file (absolute): every other path stays inside it. */
  readonly folder: string;
  readonly instance: string;
  /** An empty host: every interface. */
  readonly bind: { readonly host: string; readonly port: number };
  /** Undefined with OPToggles' old configuration, which lists its toggles itself. */
  readonly flags: FlagsPlace | undefined;
  /** OPToggles' old form: its toggles, adoption implied, flags reopened. */
  readonly legacy: { readonly toggles: readonly Toggle[] } | undefined;
  readonly stateDir: string;
  readonly sources: readonly SourceEntry[];
  readonly targets: readonly TargetEntry[];
  readonly onRemoved: OnRemoved;
  readonly drift: { readonly interval: number; readonly reopen: boolean };
  readonly guard: GuardConfig;
  /** How long users may stay as they are for want of an answer (ms); undefined: for ever. */
  readonly maxHold?: number;
  /** Undefined: a random one kept in the state. */
  readonly callbackSecret: string | undefined;
  readonly adminTokens: readonly NamedToken[];
  readonly readTokens: readonly NamedToken[];
  readonly publicStatus: boolean;
  /** Undefined: as it is by default. */
  readonly audit?: AuditConfig;
  /** Who is told when something is blocked, cannot be reached, or is well again. */
  readonly notify?: readonly Receiver[];
  /** Values that must never be shown, found when loading: `secretsOf` in load/ is how to ask for them. */
  readonly secrets?: readonly string[];
}

/** How long the audit log is kept, and whether it names members. */
export interface AuditConfig {
  /** ms */
  readonly keep: number;
  readonly maxRows: number;
  readonly users: boolean;
}

export type NotifyEvent = 'blocked' | 'degraded' | 'recovered';

/** One that is told. `url` is a secret: who knows it may write there. */
export interface Receiver {
  readonly type: 'webhook' | 'slack';
  readonly url: string;
  readonly events: readonly NotifyEvent[];
}

/** Where flag files are. */
export interface FlagsPlace {
  /** Absolute. With `git`: where the files of a commit are put, by whoever reads the repository. */
  readonly folder: string;
  /** The files come from there, and not from a folder of the user's. */
  readonly git?: GitFlags;
}

/** A repository of flag files. */
export interface GitFlags {
  /** Without user and password. */
  readonly url: string;
  readonly user: string | undefined;
  /** Undefined: the default branch. */
  readonly ref: string | undefined;
  /** The folder in it, with `/`; `''` for all of it. */
  readonly path: string;
  readonly token: string | undefined;
  /** ms */
  readonly poll: number;
  readonly driver: 'isomorphic' | 'cli';
  /** Undefined: no webhook is taken. */
  readonly webhookSecret: string | undefined;
}

export interface NamedToken {
  readonly name: string;
  readonly token: string;
}

/** One entry of `sources`; `settings` are of that kind, checked by its own schema, secrets substituted. */
export interface SourceEntry {
  readonly id: string;
  readonly type: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** One entry of `targets`. `settings` are the whole entry without `name`, `type` and `policy`. */
export interface TargetEntry {
  readonly name: string;
  readonly type: string;
  readonly policy: TargetPolicy;
  /** Ours, in order; undefined: the target names none. */
  readonly environments: readonly string[] | undefined;
  readonly settings: Readonly<Record<string, unknown>>;
}
