import type { BlockReason, PlacementRef } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';

/** What `/api/status` answers and the status page shows: behaviour.md §4. Counts, never names. Times are ISO strings. */
export interface Status {
  readonly version: string;
  readonly instance: string;
  readonly started: string;
  /** Of the flags repository; null for a plain folder. */
  readonly commit: string | null;
  /** The configuration changed on disk: it is read at the next start. */
  readonly restartNeeded: boolean;
  readonly problems: readonly Problem[];
  readonly sources: readonly SourceStatus[];
  readonly targets: readonly TargetStatus[];
  readonly toggles: readonly ToggleStatus[];
  readonly blocked: readonly BlockStatus[];
  /** What operators said against git and policy, oldest first. */
  readonly overrides: readonly OverrideStatus[];
}

export interface OverrideStatus {
  readonly id: string;
  readonly kind: 'off' | 'deny' | 'pause';
  /** In words; a member only as a keyed hash. */
  readonly what: string;
  readonly since: string;
  /** null: until it is taken back. */
  readonly until: string | null;
  readonly by: string;
  readonly reason: string;
  /** The exact command that takes it back. */
  readonly resume: string;
}

export interface SourceStatus {
  readonly id: string;
  readonly type: string;
  readonly state: 'waiting' | 'suspect' | 'ready' | 'failing';
  readonly revision: string | null;
  readonly dataUpdate: string | null;
  readonly lastAnswerAt: string | null;
  /** When somebody last called back for it; null: nobody since the start. */
  readonly lastCallbackAt?: string | null;
  readonly error: string | null;
  /** Failed updates behind the source, several OPAs behind one address, changes nobody announced. */
  readonly warnings: readonly string[];
}

export interface TargetStatus {
  readonly name: string;
  readonly type: string;
  readonly state: 'ok' | 'failing';
  readonly error: string | null;
}

export interface ToggleStatus {
  readonly key: string;
  readonly target: string;
  readonly environment: string;
  readonly state: 'in-sync' | 'pending' | 'held' | 'blocked' | 'off' | 'failed' | 'removed';
  /** How many have it now, as far as known. */
  readonly users: number | null;
  readonly lastAppliedAt: string | null;
  readonly reason: string | null;
  /** Where its audience comes from. */
  readonly source: string | null;
  readonly rule: string | null;
  readonly revision: string | null;
}

export interface BlockStatus {
  readonly id: string;
  readonly scope: 'audience' | 'source' | 'removal';
  readonly source: string | null;
  readonly toggle: string | null;
  readonly target: string | null;
  readonly environment: string | null;
  readonly placements: readonly PlacementRef[];
  readonly revoked: number;
  readonly granted: number;
  readonly of: number;
  /** Of the policy whose answer it stops. */
  readonly revision: string | null;
  /** What else changed at the same time by the word of the same source; null: nobody knows. */
  readonly also: { readonly changes: number; readonly granted: number; readonly revoked: number } | null;
  readonly reason: string;
  readonly since: string;
  /** The exact command. */
  readonly approve: string;
}

/** `GET /health`: counts only. `phase` decides the status: starting 503, ok 200, failing 500. */
export interface Health {
  readonly phase: 'starting' | 'ok' | 'failing';
  readonly sources: Readonly<Record<SourceStatus['state'], number>>;
  readonly targets: Readonly<Record<TargetStatus['state'], number>>;
  readonly toggles: Readonly<Record<ToggleStatus['state'], number>>;
  readonly blocked: number;
  /** Of operators, in force. */
  readonly overrides: number;
  /** `held`: the flags cannot be taken as they are; `failing`: their repository cannot be asked. The last good ones stay. */
  readonly flags?: 'ok' | 'held' | 'failing';
}

/** What the engine tells while it works, for metrics. Seconds; counts; never a user. */
export interface Observer {
  /** One pass of a target's lane. */
  pass(target: string, result: 'success' | 'partial' | 'failed', seconds: number): void;
  /** One ask of a source's lane. */
  asked(source: string, result: 'success' | 'failed', seconds: number): void;
  /** Writes to a target, by outcome. */
  wrote(target: string, result: string, count: number): void;
  blocked(reason: BlockReason): void;
}

/** What metrics need beyond `Status`; computed on scrape. */
export interface Gauges {
  /** By target, in seconds since the epoch. */
  readonly lastSync: Readonly<Record<string, number>>;
  /** Seconds a placement has been held (blocked) so far, longest first one each. */
  readonly held: readonly {
    readonly toggle: string;
    readonly target: string;
    readonly environment: string;
    readonly seconds: number;
  }[];
  readonly blocked: readonly { readonly id: string; readonly reason: BlockReason; readonly seconds: number }[];
  /** Revocations planned but not yet written, by target, and the age of the oldest in seconds. */
  readonly outstanding: Readonly<Record<string, { readonly count: number; readonly oldest: number }>>;
  readonly drift: number;
  /** Toggles past their `expires`. */
  readonly stale: number;
}

/** The long-running line, as the server sees it. */
export interface Engine {
  status(): Status;
  health(): Health;
  gauges(): Gauges;
  /** A callback with this bearer came in. False: no source has that bearer. Returns at once. */
  callback(bearer: string): boolean;
  /** An operator asks for a pass over everything. Returns at once. */
  sync(by: string): void;
  /**
   * A push to the flags repository was reported. False: not to the ref that counts. Returns at once. Undefined: the
   * flags come from no repository.
   */
  pushed?(ref: string, defaultBranch: string | undefined): boolean;
  /** Undefined: no block has that id. `until` is ISO. */
  approve(id: string, by: string): { readonly id: string; readonly until: string } | undefined;
}
