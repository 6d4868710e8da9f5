import type { AudienceId, Who } from './audience.ts';
import type { JsonObject } from './json.ts';
import type { Members } from './members.ts';
import type { Change } from './plan.ts';
import type { Problem } from './problem.ts';
import type { GuardOverride, ToggleState } from './toggle.ts';

/** Names one placement for good: hash(target's kind, address, project, environment, remote key). Not the target's name. */
export type PlacementId = string;

/** One toggle in one target, as git and the configuration want it. */
export interface DesiredListing {
  readonly toggle: string;
  readonly target: string;
  /** The key in the target. */
  readonly key: string;
  readonly contextKind: string;
  readonly adopt: boolean;
  /** What the target shows of it besides its users, in the target's own terms (made by `shape`). */
  readonly metadata: JsonObject;
  readonly placements: readonly DesiredPlacement[];
}

export interface DesiredPlacement {
  readonly id: PlacementId;
  readonly toggle: string;
  readonly target: string;
  readonly environment: string;
  readonly state: ToggleState;
  readonly source: string;
  readonly audience: AudienceId;
  readonly guard: GuardOverride;
}

/** A toggle that this target cannot take; it alone fails. */
export interface Refusal {
  readonly toggle: string;
  readonly target: string;
  readonly key: string;
  readonly problem: Problem;
}

/** A way into the feature that is not our list: a hand-made rule, an open default, another variation's targets. */
export interface WayIn {
  readonly kind: 'rule' | 'fallthrough' | 'off-variation' | 'targets' | 'prerequisite' | 'default';
  /** For people, without members' names: `rule 2 serves true to 20 %`. */
  readonly what: string;
  /** True where it lets in people that no list names. */
  readonly open: boolean;
}

/**
 * What a target holds for one placement. `read`: seen there. `remembered`: from the state, as last written.
 * `unknown`: it exists, but who has it cannot be known (`who` is then empty and means nothing).
 */
export interface LivePlacement {
  readonly id: PlacementId;
  readonly environment: string;
  readonly seen: 'read' | 'remembered' | 'unknown';
  readonly on: boolean;
  readonly who: Who;
  readonly waysIn: readonly WayIn[];
  /** The target's own version of it, for optimistic locking. */
  readonly version?: string;
  /** A write that was not answered, or waits for the platform's own approval: both old and new count as live. */
  readonly pending?: { readonly who: Who; readonly on: boolean; readonly since: number };
}

export interface LiveListing {
  readonly key: string;
  /** `ours`: carries our mark (or the target has no marks); `none`: no mark; else the foreign mark. */
  readonly owner: 'ours' | 'none' | { readonly mark: string };
  /** In the terms of `DesiredListing.metadata`; undefined where the target cannot tell. */
  readonly metadata?: JsonObject;
  readonly archived: boolean;
  /** We closed it because its file went; it is left alone until a file brings it back. */
  readonly removed: boolean;
  readonly placements: readonly LivePlacement[];
  /** It is there, but nothing can be done with it (not boolean, project missing). */
  readonly refused?: Problem;
  /** The complete definition as found, for the backup before adoption. */
  readonly definition?: unknown;
}

/** What was found in a target. `problems` are listings that could not be read: no write goes to those keys. */
export interface Live {
  readonly listings: readonly LiveListing[];
  readonly unreadable: readonly { readonly key: string; readonly problem: Problem }[];
  /** The same listings by key, where somebody has them so: it saves each plan making that map. */
  readonly byKey?: ReadonlyMap<string, LiveListing>;
}

export interface ListingRef {
  readonly key: string;
  readonly toggle: string;
  readonly environments: readonly string[];
}

export interface Capabilities {
  /** `one`: a toggle has a single placement here, whatever its environment is called. */
  readonly environments: 'many' | 'one';
  /** It can carry `optoggles:<instance>`; without marks everything under a wanted key counts as ours. */
  readonly marks: boolean;
  readonly groups: boolean;
  readonly conditions: boolean;
  readonly contextKinds: 'any' | 'none';
  /** Most members of one placement; null = no limit known. */
  readonly mostMembers: number | null;
  /** Metadata can be written without saying who has the toggle. */
  readonly metadataAlone: boolean;
  /** Off and on are told apart from having no users. */
  readonly onOff: boolean;
  readonly archive: boolean;
  /** What one write replaces as a whole. */
  readonly atomic: 'placement' | 'environment';
}

/** What became of one change of a batch. */
export type Outcome = { readonly change: string } & (
  | {
      readonly result: 'done';
      /** Where the target gave one. */
      readonly version?: string;
      /** What was to be created is there already, with unknown contents. */
      readonly existed?: boolean;
    }
  /** Not started: the answer it stands on is too old by now. */
  | { readonly result: 'late' }
  /** Nothing was written; it may be tried again. `retryAfter` (ms) is the platform's word, `scope` what it covers. */
  | {
      readonly result: 'failed';
      readonly problem: Problem;
      readonly retryAfter?: number;
      readonly scope: 'change' | 'target';
    }
  /** What we planned on is no longer so: read again, plan again. */
  | { readonly result: 'conflict'; readonly problem: Problem }
  /** Nobody knows whether it was written. */
  | { readonly result: 'unanswered'; readonly problem: Problem }
  /** Trying again is of no use until a person did something. */
  | { readonly result: 'refused'; readonly problem: Problem }
  /** The platform waits for its own approval. */
  | { readonly result: 'pending'; readonly link: string }
);

/** The platform's own evaluation, for `verify` and for the tests. */
export interface Evaluator {
  evaluate(key: string, contextKind: string, member: string): Promise<boolean>;
  close(): Promise<void>;
}

/** A flag platform that toggles are written to. Knows nothing of dry runs, guards or retries. */
export interface Target {
  readonly name: string;
  readonly type: string;
  /** Kind, address and project: where it really is. Part of each placement's identity; holds no secret. */
  readonly address: string;
  readonly can: Capabilities;
  /** Ours, in the order of the configuration. */
  readonly environments: readonly string[];
  /** The remote name of one of ours. */
  remoteEnvironment(environment: string): string;
  /**
   * Reads listings: those wanted and everything with our mark. Absent: the caller fills in from the state.
   * Throws a ProblemError when the target as a whole cannot be read; a single key goes to `unreadable`.
   */
  read?(want: readonly ListingRef[], signal: AbortSignal): Promise<Live>;
  /** Pure. Gives the toggle its native metadata (or refuses it); called once per change of the definitions. */
  shape(draft: ListingDraft): { readonly listing: DesiredListing } | { readonly refused: Refusal };
  /**
   * Writes one phase, joined as the platform likes; yields an outcome per change, as soon as it is known. Asks
   * `mayStart` right before each write: false = the outcome is `late` and nothing is sent.
   */
  apply(batch: readonly Change[], signal: AbortSignal, mayStart: (change: Change) => boolean): AsyncIterable<Outcome>;
  /** Undefined where the platform has none, or its package is not installed (then it throws what to install). */
  evaluator?(environment: string, signal: AbortSignal): Promise<Evaluator>;
  close(): Promise<void>;
}

/** What `shape` gets: everything a toggle says, before the target's own terms. */
export interface ListingDraft extends Omit<DesiredListing, 'metadata'> {
  readonly name?: string;
  readonly description?: string;
  readonly owner?: string;
  readonly type?: string;
  readonly spec: JsonObject;
}

/** What the state remembers of a listing: what was last written, and what was under way. */
export interface AppliedListing {
  readonly key: string;
  readonly toggle: string;
  readonly contextKind: string;
  /** As last written; undefined while its creation is only intended. */
  readonly metadata?: JsonObject;
  readonly removed: boolean;
  readonly placements: readonly AppliedPlacement[];
}

export interface AppliedPlacement {
  readonly id: PlacementId;
  readonly environment: string;
  readonly source: string;
  readonly audience: AudienceId;
  readonly on: boolean;
  readonly who: Members;
  /** Of the policy, when it was written. */
  readonly revision?: string;
  /** ms since the epoch; undefined: created, nobody was ever let in. */
  readonly firstFilledAt?: number;
  readonly appliedAt: number;
  /** A write whose result was never seen. */
  readonly intent?: { readonly on: boolean; readonly who: Members; readonly at: number };
}
