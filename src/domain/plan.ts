import type { AudienceId, Audience, Evidence, Provenance, Who } from './audience.ts';
import type { JsonObject } from './json.ts';
import type { Members } from './members.ts';
import type { Override, Overrides } from './override.ts';
import type { Problem } from './problem.ts';
import type { AppliedListing, Capabilities, DesiredListing, Live, PlacementId, Refusal, WayIn } from './listing.ts';

/** The order inside one target. `replace` = grants and revocations in one atomic write. */
export type Phase = 'off' | 'revoke' | 'replace' | 'prepare' | 'grant' | 'tidy';
export const phases: readonly Phase[] = ['off', 'revoke', 'replace', 'prepare', 'grant', 'tidy'];

/** `operator`: somebody said so, against git and policy (`optoggles off`, `deny`), or the time to be held is over. */
export type Cause = 'definition' | 'policy' | 'data' | 'source' | 'drift' | 'operator';

export type Change = {
  /** Unique in the plan, the same for the same input: `create us-feature local`, `placement us-feature local production`. */
  readonly id: string;
  readonly phase: Phase;
  /** Ids of changes that must have been done before. */
  readonly needs: readonly string[];
  readonly causes: readonly Cause[];
  readonly toggle: string;
  readonly target: string;
  /** In the target. */
  readonly key: string;
  readonly contextKind: string;
} & (ListingChange | PlacementChange);

/** Makes, renames, adopts or retires the object. `create` makes it closed in all of `environments`. */
export interface ListingChange {
  readonly kind: 'create' | 'update' | 'adopt' | 'restore' | 'archive' | 'retire';
  readonly environments: readonly string[];
  readonly before?: JsonObject;
  readonly metadata: JsonObject;
  /** For `create`: the placements that are there from then on, closed and with nobody in, so that the state knows them. */
  readonly placements?: readonly CreatedPlacement[];
  /**
   * For what was archived: the environments in which its next write takes it from somebody. Where the platform can, the
   * listing comes back closed there, or those whom policy has put out would be let in between the two writes.
   */
  readonly closesIn?: readonly string[];
}

export interface CreatedPlacement {
  readonly id: PlacementId;
  readonly environment: string;
  readonly source: string;
  readonly audience: AudienceId;
}

/** Changes who has it in one environment. Carries the metadata too, for targets that write both together. */
export interface PlacementChange {
  readonly kind: 'placement';
  readonly placement: PlacementId;
  readonly environment: string;
  readonly source: string;
  readonly audience: AudienceId;
  readonly metadata: JsonObject;
  /** True where the metadata differ too and are written with it (`metadataAlone: false`). */
  readonly writesMetadata: boolean;
  /** What the target holds; `known: false`: nobody can tell, `who` is empty. */
  readonly before: {
    readonly known: boolean;
    readonly on: boolean;
    readonly who: Who;
    readonly version?: string;
    readonly group?: string;
  };
  /**
   * With a `group`, the members stand in the group of that name and the placement points to it. Changes of one batch with
   * the same group in the same environment have the same members: the group is written once for all of them.
   */
  readonly after: { readonly on: boolean; readonly who: Who; readonly group?: string };
  /** Against `before`, for known members; hand-added ones are in `revoked` too. */
  readonly granted: Members;
  readonly revoked: Members;
  /** Foreign ways in that this change closes. */
  readonly closes: readonly WayIn[];
  /** The toggle's file is gone: the placement is closed for good. */
  readonly removal: boolean;
  /**
   * Somebody switched it off in the target, and it stays so while users are revoked: `after.on` is false, but the state
   * keeps that policy has it on, or the next plan would open it again.
   */
  readonly offByHand?: boolean;
  /** There is more to do for this placement once this is done: plan again. */
  readonly unfinished?: true;
  /** The answer it stands on; undefined where no answer is needed (off, removal). */
  readonly from?: Provenance;
  /** Id of the approval (or `window of <source>`, `checksum`) without which the guard had blocked it. */
  readonly approval?: string;
  /** Whom of those revoked and granted that approval names: they alone count as approved from then on. */
  readonly approved?: { readonly granted: Members; readonly revoked: Members };
}

export interface PlacementRef {
  readonly toggle: string;
  readonly target: string;
  readonly environment: string;
}

export type BlockReason =
  | 'revocations'
  | 'becomes-empty'
  | 'grants'
  | 'max-users'
  | 'removals'
  | 'adoption'
  | 'unknown-contents'
  | 'suspect';

/** What the guard stopped: one per audience, source or removal. The id is a content hash and survives restarts. */
export interface Block {
  readonly id: string;
  readonly scope: 'audience' | 'source' | 'removal';
  readonly reason: BlockReason;
  readonly source: string | null;
  readonly audience: AudienceId | null;
  readonly placements: readonly PlacementRef[];
  /** Who would be revoked (granted), over all its placements: what an approval covers. */
  readonly revoked: Members;
  readonly granted: Members;
  /** How many members there were to judge against; for removals, toggles. */
  readonly of: number;
  /** The numbers, in a sentence. */
  readonly message: string;
  /** Toggle keys whose removal is blocked (scope `removal`). */
  readonly removals: readonly string[];
  /** For `suspect`: the instance whose answers wait to be accepted. */
  readonly instance: string | null;
  /** Of the policy whose answer it stops. */
  readonly revision?: string;
  /** What else changes at the same time by the word of the same source. */
  readonly also?: { readonly changes: number; readonly granted: number; readonly revoked: number };
}

export type HeldReason =
  | 'undefined'
  | 'failed'
  | 'waiting'
  | 'suspect'
  | 'unreadable'
  | 'in-flight'
  | 'switched-off-by-hand'
  | 'over-limit'
  | 'paused';

/** A placement whose users stay as they are for now. */
export interface Held extends PlacementRef {
  readonly reason: HeldReason;
  readonly problem: Problem;
}

export interface Plan {
  readonly version: 1;
  /** In the order in which they are to be done: by phase, then by target, toggle, environment. */
  readonly changes: readonly Change[];
  readonly blocked: readonly Block[];
  readonly held: readonly Held[];
  readonly refused: readonly Refusal[];
  /** Suspect sources whose answers differ so little that they are accepted: ids, with the instance. */
  readonly accepted: readonly { readonly source: string; readonly instance: string }[];
  /** SHA-256 (hex) over the definition-caused changes, without members: what `apply --checksum` compares. */
  readonly checksum: string;
  readonly warnings: readonly Problem[];
  /** Of the flags repository: where the definitions come from. */
  readonly commit?: string;
  /** What of it is neither git's nor policy's. */
  readonly overrides?: readonly ToldOverride[];
}

/** An override as it may be shown: no member's name. */
export interface ToldOverride {
  readonly id: string;
  readonly kind: Override['kind'];
  /** `beta is switched off in production` */
  readonly what: string;
  readonly by: string;
  readonly reason: string;
}

/** A change stands on an answer that is no older than this (ms); an older one is asked again. */
export const answerLife = 5_000;

/** The configured guard; a share is 0..1, `window` is ms. */
export interface GuardConfig {
  readonly maxRevokedShare: number;
  readonly alwaysAllowedRevocations: number;
  readonly maxGrantedShare: number;
  readonly alwaysAllowedGrants: number;
  readonly maxUsers: number | null;
  readonly window: number;
  readonly maxRemovedToggles: number;
}

export type TargetPolicy = 'sync' | 'upsert-only' | 'detect';
export type OnRemoved = 'disable' | 'archive' | 'keep';

/** Who was in at the start of the guard's window, and what of the changes since was approved. */
export interface Baseline {
  readonly members: Members;
  readonly approvedRevoked: Members;
  readonly approvedGranted: Members;
}

export interface Approval {
  readonly id: string;
  readonly scope: Block['scope'];
  readonly source: string | null;
  readonly audience: AudienceId | null;
  readonly revoked: Members;
  readonly granted: Members;
  readonly removals: readonly string[];
  readonly instance: string | null;
  readonly reason: BlockReason | null;
  /** ms since the epoch. */
  readonly until: number;
  readonly by: string;
}

/** Opened beforehand: until then the guard lets everything of that source through. */
export interface ApprovalWindow {
  readonly source: string;
  readonly until: number;
  readonly reason: string;
  readonly by: string;
}

/** How a source stands, as the plan needs it. */
export interface SourceStanding {
  readonly state: 'waiting' | 'suspect' | 'ready' | 'failing';
  readonly by: Evidence;
  readonly instanceId: string | null;
}

/** Everything the plan of one target depends on, besides what all targets share. */
export interface TargetView {
  readonly name: string;
  readonly can: Capabilities;
  readonly policy: TargetPolicy;
  readonly onRemoved: OnRemoved;
  readonly reopen: boolean;
  /** Environments of the target, ours. */
  readonly environments: readonly string[];
  readonly desired: readonly DesiredListing[];
  readonly refused: readonly Refusal[];
  /** Toggles whose file is there but does not validate and that have no last good definition: left as they are. */
  readonly invalid?: ReadonlySet<string>;
  readonly live: Live;
  /** What the state remembers of this target, by remote key. */
  readonly applied: ReadonlyMap<string, AppliedListing>;
  /** Placements with a write under way: held until it is answered. */
  readonly inFlight: ReadonlySet<PlacementId>;
  /** Of those, the group that the write puts it in. */
  readonly entering?: ReadonlyMap<PlacementId, string>;
  /** The change with this id was tried last without success. */
  readonly isFailing?: (change: string) => boolean;
}

export interface PlanInput {
  readonly now: number;
  readonly targets: readonly TargetView[];
  readonly audiences: ReadonlyMap<AudienceId, Audience>;
  readonly sources: ReadonlyMap<string, SourceStanding>;
  readonly guard: GuardConfig;
  /** Undefined: the placement did not change in the window, who is in now was in at its start. */
  readonly baseline: (placement: PlacementId) => Baseline | undefined;
  /**
   * Placements that changed in the window other than by their first fill; undefined: any of those with a baseline.
   * Thousands that were only just filled then cost nothing.
   */
  readonly moved?: ReadonlySet<PlacementId>;
  readonly approvals: readonly Approval[];
  readonly windows: readonly ApprovalWindow[];
  readonly removals: RemovalView;
  /** Only these toggles are planned, and no removals (`--only`). */
  readonly only?: ReadonlySet<string>;
  /** With `only`: all other toggles are as they should be, and are not looked at. */
  readonly settled?: boolean;
  /** What operators said; none where it is missing. */
  readonly overrides?: Overrides;
  /** Who had a placement when an operator's word closed it: they come back without being counted as let in. */
  readonly setAside?: (placement: PlacementId) => Members | undefined;
  /** `apply --checksum`: the caller compared the checksum of the plan over all targets; what the commit causes is approved. */
  readonly definitionsReviewed?: boolean;
}

/** What is known of files that went. */
export interface RemovalView {
  /** Keys of all toggles whose file is there, valid or not. */
  readonly present: ReadonlySet<string>;
  /** Two equal scans 500 ms apart have shown the files that are there. Not so: no removal is planned. */
  readonly confirmed: boolean;
  /**
   * The toggles last known in targets that remove at all, with how they stood; those not present are the removals. Those
   * removed within the guard's window are among them.
   */
  readonly known: readonly { readonly toggle: string; readonly appliedOff: boolean }[];
}
