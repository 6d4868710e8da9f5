import type { JsonObject, Json } from './json.ts';

export type ToggleType = 'release' | 'experiment' | 'operational' | 'kill-switch' | 'permission';
export type ToggleState = 'on' | 'off';

/** Which rule of which source yields a toggle's users. */
export interface UsersPolicy {
  readonly source: string;
  /** One entry per segment, so that a segment may hold a dot. */
  readonly package: readonly string[];
  readonly rule: string;
  readonly input?: Json;
}

/** What a file may say of the guard: tighter than configured, or `allowEmpty`. */
export interface GuardOverride {
  readonly maxRevokedShare?: number;
  readonly alwaysAllowedRevocations?: number;
  readonly maxGrantedShare?: number;
  readonly alwaysAllowedGrants?: number;
  readonly maxUsers?: number;
  readonly allowEmpty?: boolean;
}

export interface ToggleEnvironment {
  readonly usersPolicy?: UsersPolicy;
  readonly state?: ToggleState;
}

/** A feature flag that this project manages. From a file it has everything; from OPToggles' old config only a key, a policy and a spec. */
export interface Toggle {
  readonly key: string;
  readonly name?: string;
  readonly description?: string;
  readonly owner?: string;
  readonly type?: ToggleType;
  /** ISO dates, `2026-11-01`. */
  readonly created?: string;
  readonly expires?: string;
  readonly state: ToggleState;
  readonly contextKind: string;
  /** May take over a flag that exists in the target without our mark. */
  readonly adopt: boolean;
  readonly usersPolicy: UsersPolicy;
  /** Undefined: every environment of each of its targets. */
  readonly environments?: Readonly<Record<string, ToggleEnvironment>>;
  /** Undefined: every target. The value is what the file says to that target, without `key`. */
  readonly targets?: Readonly<Record<string, ToggleTarget>>;
  readonly guard: GuardOverride;
  /** The file that defines it, relative to the configuration's folder. */
  readonly file: string;
}

export interface ToggleTarget {
  /** The key in the target, where it is not the toggle's. */
  readonly key?: string;
  readonly spec: JsonObject;
}
