import type { JsonObject } from './json.ts';
import type { LiveListing } from './listing.ts';
import type { Members } from './members.ts';
import type { Problem } from './problem.ts';

/** A flag of an account in use, as far as a flag file could say the same. Whoever made it. */
export interface FoundFlag {
  /** Its own key, without a project. */
  readonly key: string;
  readonly owner: LiveListing['owner'];
  readonly name: string;
  /** Empty: none. */
  readonly description: string;
  /** ms since the epoch. */
  readonly created: number | undefined;
  /** Who answers for it: the key of a team, or an address; undefined: the target does not say. */
  readonly maintainer: string | undefined;
  readonly contextKind: string;
  /** What its file has to say to the target, so that nothing there is written over. */
  readonly spec: JsonObject;
  /** In the order of the target's environments. */
  readonly placements: readonly FoundPlacement[];
  /** Why no file can say the same; empty: one can. */
  readonly obstacles: readonly Obstacle[];
}

/** Who has a found flag in one environment, by lists alone. */
export interface FoundPlacement {
  /** Ours. */
  readonly environment: string;
  readonly on: boolean;
  readonly members: Members;
}

/** Something about a flag that no flag file can say. */
export interface Obstacle {
  /** Stable, kebab-case. */
  readonly code: string;
  /** Undefined: about the flag as a whole. */
  readonly environment?: string;
  /** For people, without members' names: `rule 2 serves true to 20 %`. */
  readonly what: string;
}

/** What an account in use holds. */
export interface Account {
  /** Their names of the environments of a project, sorted. */
  environments(project: string | undefined, signal: AbortSignal): Promise<readonly string[]>;
  /** Its flags in the target's environments, sorted by key. Throws a ProblemError where it cannot be read as a whole. */
  flags(project: string | undefined, signal: AbortSignal): Promise<readonly FoundFlag[]>;
}

/** A flag that got a file. */
export interface ImportedFlag {
  /** The key of the toggle; `remote` the key in the target. */
  readonly key: string;
  readonly remote: string;
  readonly file: string;
  readonly owner: string;
  readonly placements: readonly {
    readonly environment: string;
    readonly state: 'on' | 'off';
    readonly users: number;
    /** The rule of the static source that holds them. */
    readonly rule: string;
  }[];
}

/** What an import did. Counts, never names of members. */
export interface ImportResult {
  readonly project: string | undefined;
  readonly target: string;
  readonly environments: readonly string[];
  readonly imported: readonly ImportedFlag[];
  /** Left as they are, by key. */
  readonly left: readonly { readonly key: string; readonly obstacles: readonly Obstacle[] }[];
  /** Written, relative to where they were written to; none where nothing could be imported. */
  readonly files: readonly string[];
  /** How many carry our mark now. Undefined: nobody asked for it. */
  readonly taken: number | undefined;
  readonly failed: readonly Problem[];
  readonly warnings: readonly Problem[];
}
