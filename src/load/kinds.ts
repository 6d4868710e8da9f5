import type { TObject } from 'typebox';
import type { Finding, SettingsPlace } from '../domain/settings-check.ts';

/** What a kind finds wrong with settings that passed its schema. */
type SettingsCheck = (settings: Readonly<Record<string, unknown>>, where: SettingsPlace) => readonly Finding[];

/** What loading has to know of a kind of source. `SourceKind` fits. */
export interface SourceSchemas {
  /** Schema of an entry of `sources` without `id` and `type`. */
  readonly settings: TObject;
  readonly check?: SettingsCheck;
}

/** What loading has to know of a kind of target. `TargetKind` fits. */
export interface TargetSchemas {
  /** Schema of an entry of `targets` without `name`, `type` and `policy`. */
  readonly settings: TObject;
  /** Schema of what a flag file says to such a target, without `key`. */
  readonly spec: TObject;
  readonly check?: SettingsCheck;
  /** The names of our environments in such an entry, in order; undefined where it names none. */
  environments(entry: Readonly<Record<string, unknown>>): readonly string[] | undefined;
}

/** The kinds that exist, by their `type`; handed in from outside, so that loading depends on none of them. */
export interface KindSchemas {
  readonly sources: Readonly<Record<string, SourceSchemas>>;
  readonly targets: Readonly<Record<string, TargetSchemas>>;
}
