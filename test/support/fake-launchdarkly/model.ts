import type { Json } from '../../../src/domain/json.ts';

// What the fake holds. Everything is immutable: a write makes a new flag or segment or none, which is how a semantic
// patch is all or nothing.

export interface Variation {
  readonly _id: string;
  readonly value: Json;
  readonly name?: string;
  readonly description?: string;
}

/** Individual targets of one context kind; `variation` is an index. At most one per kind and variation. */
export interface Target {
  readonly contextKind: string;
  readonly variation: number;
  readonly values: readonly string[];
}

export interface Clause {
  readonly _id: string;
  readonly contextKind: string;
  readonly attribute: string;
  readonly op: string;
  readonly negate: boolean;
  readonly values: readonly Json[];
}

/** Weights in thousandths of a percent, 100,000 together. */
export interface Rollout {
  readonly variations: readonly { readonly variation: number; readonly weight: number }[];
  readonly bucketBy: string;
  readonly contextKind: string;
}

export type Serve =
  | { readonly variation: number; readonly rollout?: never }
  | { readonly variation?: never; readonly rollout: Rollout };

export interface Rule {
  readonly _id: string;
  readonly ref: string;
  readonly description: string;
  readonly clauses: readonly Clause[];
  readonly trackEvents: boolean;
  /** Kept, but not served to the SDK. */
  readonly disabled: boolean;
  readonly serve: Serve;
}

export interface Prerequisite {
  readonly key: string;
  readonly variation: number;
}

/** A flag in one environment. */
export interface FlagConfig {
  readonly on: boolean;
  readonly version: number;
  readonly lastModified: number;
  readonly salt: string;
  readonly targets: readonly Target[];
  readonly rules: readonly Rule[];
  readonly fallthrough: Serve;
  /** None: while off, applications get their own default. */
  readonly offVariation: number | undefined;
  readonly prerequisites: readonly Prerequisite[];
  readonly trackEvents: boolean;
}

export interface Flag {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  readonly version: number;
  readonly creationDate: number;
  readonly variations: readonly Variation[];
  readonly defaults: { readonly onVariation: number; readonly offVariation: number };
  readonly temporary: boolean;
  readonly tags: readonly string[];
  /** A member or a team, never both. */
  readonly maintainerId: string | undefined;
  readonly maintainerTeamKey: string | undefined;
  readonly clientSideAvailability: { readonly usingMobileKey: boolean; readonly usingEnvironmentId: boolean };
  readonly archivedDate: number | undefined;
  readonly deprecatedDate: number | undefined;
  readonly environments: ReadonlyMap<string, FlagConfig>;
}

export interface SegmentKeys {
  readonly contextKind: string;
  readonly values: readonly string[];
}

export interface SegmentRule {
  readonly _id: string;
  readonly description: string;
  readonly clauses: readonly Clause[];
  /** Thousandths of a percent; without it everyone whom the clauses match. */
  readonly weight: number | undefined;
  readonly bucketBy: string;
  readonly rolloutContextKind: string;
}

export interface Segment {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly creationDate: number;
  readonly lastModifiedDate: number;
  readonly version: number;
  readonly included: readonly SegmentKeys[];
  readonly excluded: readonly SegmentKeys[];
  readonly rules: readonly SegmentRule[];
  readonly salt: string;
  readonly unbounded: boolean;
}

export interface Environment {
  readonly key: string;
  readonly name: string;
  readonly id: string;
  readonly sdkKey: string;
  readonly mobileKey: string;
  /** Which flags need approval here: all, those with one of these tags, none. */
  approval: 'all' | readonly string[] | 'none';
  requireComments: boolean;
  readonly segments: Map<string, Segment>;
}

export interface Project {
  readonly key: string;
  readonly name: string;
  readonly id: string;
  readonly flags: Map<string, Flag>;
  readonly environments: Map<string, Environment>;
}

export interface Member {
  readonly _id: string;
  readonly email: string;
  readonly role: string;
  readonly firstName?: string;
  readonly lastName?: string;
}

export interface Token {
  readonly token: string;
  readonly name: string;
  /** Actions that it may not do, `*` = no write at all; names as in custom roles. */
  readonly deny: readonly string[];
  readonly memberId: string | undefined;
}

export type Instruction = Readonly<Record<string, unknown>>;

export interface ApprovalRequest {
  readonly id: string;
  readonly project: string;
  readonly flag: string;
  readonly environment: string;
  readonly creationDate: number;
  readonly description: string;
  readonly instructions: readonly Instruction[];
  readonly requestorId: string | undefined;
  readonly notifyMemberIds: readonly string[];
  version: number;
  reviewStatus: 'approved' | 'declined' | 'pending';
  status: 'pending' | 'completed' | 'failed' | 'scheduled';
  appliedDate: number | undefined;
}

export interface ScheduledChange {
  readonly id: string;
  readonly project: string;
  readonly flag: string;
  readonly environment: string;
  readonly creationDate: number;
  readonly executionDate: number;
  readonly instructions: readonly Instruction[];
}

/** What changed; the stream of each environment hears of it. */
export interface Changed {
  readonly project: string;
  readonly kind: 'flag' | 'segment';
  readonly key: string;
  /** Of a segment. */
  readonly environment?: string;
}

export interface Account {
  readonly projects: Map<string, Project>;
  readonly members: Member[];
  /** Keys. */
  readonly teams: readonly string[];
  readonly tokens: Token[];
  readonly approvals: Map<string, ApprovalRequest>;
  readonly scheduled: Map<string, ScheduledChange>;
  /** The greatest version that each object ever had, also after it was deleted: the SDK keeps tombstones. */
  readonly versions: Map<string, number>;
  /** How many writes took effect. */
  writes: number;
  readonly now: () => number;
  /** Like a UUID, in order. */
  readonly newId: () => string;
  readonly announce: (changed: Changed) => void;
}
