import type { AudienceId, Who } from './audience.ts';
import type { JsonObject } from './json.ts';
import type { Members } from './members.ts';
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
  /** An operator said `off`; the file does not. */
  readonly overridden?: true;
  readonly source: string;
  readonly audience: AudienceId;
  readonly guard: GuardOverride;
  /** Names that a group of these members would have in the target (set by `shape` where it can hold groups). */
  readonly groups?: GroupNames;
}

/** `shared`: of all placements with that audience in that environment; `own`: of this placement alone. */
export interface GroupNames {
  readonly shared: string;
  readonly own: string;
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
  /** The group through which `who` is held; undefined: a list of its own. */
  readonly group?: string;
  /**
   * A write that was not answered, or waits for the platform's own approval (then with its `link`): both old and new
   * count as live. `groups`: where it may stand since.
   */
  readonly pending?: {
    readonly who: Who;
    readonly on: boolean;
    readonly since: number;
    readonly link?: string;
    readonly groups?: readonly string[];
  };
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
  /** What an operator should hear of it, and what is left as it is: a prerequisite, a scheduled change. */
  readonly notes?: readonly Problem[];
  /** The complete definition as found, for the backup before adoption. */
  readonly definition?: unknown;
}

/** A listing that could not be read: no write goes to its key. `standing`: the groups it may stand in, as far as known. */
export interface Unread {
  readonly key: string;
  readonly problem: Problem;
  readonly standing?: readonly { readonly environment: string; readonly group: string }[];
}

/** What was found in a target. */
export interface Live {
  readonly listings: readonly LiveListing[];
  readonly unreadable: readonly Unread[];
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
  /**
   * Members can be kept as one object that many placements point to: above so many they are, at `back` and below they
   * are a list again. Null: it has no groups, or keeps them to itself.
   */
  readonly groups: { readonly above: number; readonly back: number } | null;
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

/** What the state remembers of a listing: what was last written, and what was under way. */
export interface AppliedListing {
  readonly key: string;
  readonly toggle: string;
  readonly contextKind: string;
  /** As last written; undefined while its creation is only intended. */
  readonly metadata?: JsonObject;
  readonly removed: boolean;
  readonly placements: readonly AppliedPlacement[];
  /** Of these nothing is known but that a write into them was not answered. */
  readonly unknown?: readonly PlacementId[];
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
  /**
   * Writes whose result was never seen: whoever one of them lets in, and since when (ms). `last`: the newest
   * alone; where that one failed for certain, those before it.
   */
  readonly intent?: {
    readonly on: boolean;
    readonly who: Members;
    readonly at: number;
    readonly last: { readonly on: boolean; readonly who: Members };
  };
}
