import type { AudienceId, Provenance } from '../domain/audience.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Members } from '../domain/members.ts';
import type { HeldReason, PlacementRef, TargetView } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';
import type {
  AppliedListing,
  AppliedPlacement,
  DesiredListing,
  LiveListing,
  LivePlacement,
  PlacementId,
} from '../domain/listing.ts';
import type { GuardOverride } from '../domain/toggle.ts';
import type { Contents } from './contents.ts';

/** What a plan says of an audience: a list to follow, a reason to wait, or a suspect answer that waits for a decision. */
export type Answer =
  | { readonly state: 'defined'; readonly members: Members; readonly from: Provenance; readonly accepted: boolean }
  | { readonly state: 'held'; readonly reason: HeldReason; readonly problem: Problem }
  | { readonly state: 'frozen' };

export type DefinedAnswer = Extract<Answer, { state: 'defined' }>;

/**
 * What is to become of a placement: `follow` its audience; be `off` because its file says so; `close` because its file no
 * longer names it; `leave` because its toggle has another key now; `remove` because the file is gone.
 */
export type Role = 'follow' | 'off' | 'close' | 'leave' | 'remove';

/** One placement as found: what the target holds and what was last applied. */
export interface Holding {
  readonly id: PlacementId;
  readonly live: LivePlacement | undefined;
  readonly applied: AppliedPlacement | undefined;
  readonly contents: Contents;
}

/** One listing that something may have to be done about. */
export interface Site {
  readonly view: TargetView;
  readonly toggle: string;
  readonly key: string;
  readonly contextKind: string;
  readonly metadata: JsonObject;
  /** Undefined: nobody wants it any more. */
  readonly desired: DesiredListing | undefined;
  readonly live: LiveListing | undefined;
  readonly applied: AppliedListing | undefined;
  /** What has to be done to the listing before its placements are touched. */
  readonly first: 'create' | 'adopt' | 'restore' | undefined;
  /** Environments where it is not there yet. */
  readonly missing: readonly string[];
  /** Why its metadata have to be written, if they do. */
  readonly metadataCause: 'definition' | 'drift' | undefined;
  /** The listing itself goes: after its placements were closed it is marked as removed. */
  readonly retires: boolean;
  /** Nothing is written but what operators said: they paused it, or nobody may touch it. */
  readonly paused: boolean;
  readonly drafts: Draft[];
}

/** The block that a decision about a placement waits for. */
export interface BlockedBy {
  readonly id: string;
  readonly scope: 'audience' | 'source' | 'removal';
  readonly source: string | null;
  readonly audience: AudienceId | null;
}

/** One placement that something may have to be done about; the guard adds its verdict. */
export interface Draft extends Holding {
  readonly site: Site;
  readonly ref: PlacementRef;
  readonly role: Role;
  readonly source: string;
  readonly audience: AudienceId;
  readonly guard: GuardOverride;
  /** Of a defined answer; undefined where none is needed or there is none. */
  readonly answer: DefinedAnswer | undefined;
  /** A suspect answer waits for a decision. */
  readonly suspect: boolean;
  readonly held: { readonly reason: HeldReason; readonly problem: Problem } | undefined;
  /** Nothing at all may be written: unreadable, or a write is under way. */
  readonly stuck: boolean;
  /** `off` by the word of an operator, not by its file. */
  readonly overridden: boolean;
  /** Somebody switched it off in the target. */
  readonly offByHand: boolean;
  /** The commit is what moves it: new, another audience, another state, closed. */
  readonly definitional: boolean;
  /** Placements of an earlier key of the toggle, in the same environment: a move is judged as one. */
  readonly olds: readonly Holding[];
  /** `leave`: the placement that takes over; undefined when that one cannot be had. */
  readonly successor: Draft | undefined;
  /** Only revocations go out: over a limit, switched off by hand. */
  capped: boolean;
  blockedBy: BlockedBy | undefined;
  approval: { readonly id: string; readonly granted: Members; readonly revoked: Members } | undefined;
}

/** True while nothing stands in the way of writing the placement as its answer says. */
export function isFree(draft: Draft): boolean {
  if (draft.stuck || draft.blockedBy !== undefined || draft.suspect || draft.site.paused) return false;
  return draft.role !== 'follow' || draft.answer !== undefined;
}
