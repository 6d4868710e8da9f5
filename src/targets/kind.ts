import type { TObject } from 'typebox';
import type { Finding, SettingsPlace } from '../domain/settings-check.ts';
import type { Target } from '../domain/target.ts';
import type { Clock } from '../lib/clock.ts';
import type { Network } from '../lib/http-connections.ts';
import type { Log } from '../lib/log.ts';

/** What every target gets besides its own settings. */
export interface TargetContext {
  readonly name: string;
  /** `optoggles:<instance>` */
  readonly mark: string;
  readonly instance: string;
  readonly folder: string;
  /** Ours, in order; undefined: the entry names none. */
  readonly environments: readonly string[] | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Carries its requests; default: connections of its own. */
  readonly network?: Network | undefined;
}

/** One kind of target: a folder under `targets/` and a line in `kinds.ts`. */
export interface TargetKind {
  readonly type: string;
  /** Schema of an entry of `targets` without `name`, `type`, `policy` and `environments`. */
  readonly settings: TObject;
  /** The names of our environments in such an entry, in order; undefined where it names none. */
  environments(entry: Readonly<Record<string, unknown>>): readonly string[] | undefined;
  /** Schema of what a flag file says to such a target, without `key`. */
  readonly spec: TObject;
  /** What is wrong with settings that passed the schema, as far as it can be told without secrets and network. */
  check?(settings: Readonly<Record<string, unknown>>, where: SettingsPlace): readonly Finding[];
  create(settings: Readonly<Record<string, unknown>>, context: TargetContext): Target;
  /**
   * The target as it was at `address`, a `Target.address` from before a change of its entry, with the settings of today
   * (its token, its headers): what lies there is closed once the new address has everybody. `context.environments` are
   * those of today's that were applied there. Undefined: that cannot be, or would send a secret to a host that the entry
   * does not name any more; then it is left alone, with a warning.
   */
  at?(address: string, settings: Readonly<Record<string, unknown>>, context: TargetContext): Target | undefined;
}
