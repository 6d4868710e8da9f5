import type { Check } from './checkup.ts';
import type { Account } from './found.ts';
import type { JsonObject } from './json.ts';
import type { Capabilities, DesiredListing, ListingRef, Live, Refusal } from './listing.ts';
import type { Change } from './plan.ts';
import type { Problem } from './problem.ts';

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
  /** Nobody knows whether it was written. `retryAfter` (ms) is the platform's word for the whole target. */
  | { readonly result: 'unanswered'; readonly problem: Problem; readonly retryAfter?: number }
  /** Trying again is of no use until a person did something. */
  | { readonly result: 'refused'; readonly problem: Problem }
  /** The platform waits for its own approval. */
  | { readonly result: 'pending'; readonly link: string }
);

/** The platform's own evaluation, for `verify`, `explain` and the tests. */
export interface Evaluator {
  /**
   * What an application is served. Throws a ProblemError where nothing can be told of this key; its code ends with
   * `-not-served` where the platform serves nothing, so that applications get their own default.
   */
  evaluate(key: string, contextKind: string, member: string): Promise<boolean>;
  /** What let the member in, or kept it out, in the platform's own words: `rule 2`, `fallthrough`. Holds no member. */
  why?(key: string, contextKind: string, member: string): Promise<string>;
  /**
   * The next questions are about these, until the next call: where whole lists are slow to ask, it gets ready for them.
   * No answer changes by it. Anybody else may still be asked.
   */
  about?(members: readonly string[]): void;
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
   * Names what a write to that environment of ours changes, where two addresses may be the same thing: the real path of
   * a file. Absent: another address is another place.
   */
  place?(environment: string): string;
  /** What names a toggle's flag here where its key alone does not: with its project. Absent: the key. */
  remoteKey?(key: string, spec: JsonObject): string;
  /**
   * Reads listings: those wanted and everything with our mark. Absent: the caller fills in from the state.
   * Throws a ProblemError when the target as a whole cannot be read, with `retryAfter` where the platform names a time;
   * a single key goes to `unreadable`. `onlyThese`: everything was read before and these alone are in doubt, so nothing
   * else has to be looked for.
   */
  read?(want: readonly ListingRef[], signal: AbortSignal, onlyThese?: boolean): Promise<Live>;
  /** Pure. Gives the toggle its native metadata (or refuses it); called once per change of the definitions. */
  shape(draft: ListingDraft): { readonly listing: DesiredListing } | { readonly refused: Refusal };
  /**
   * Writes one phase, joined as the platform likes; yields an outcome per change, as soon as it is known. Asks
   * `mayStart` right before each write: false = the outcome is `late` and nothing is sent.
   */
  apply(batch: readonly Change[], signal: AbortSignal, mayStart: (change: Change) => boolean): AsyncIterable<Outcome>;
  /** Undefined where the platform has none, or its package is not installed (then it throws what to install). */
  evaluator?(environment: string, signal: AbortSignal): Promise<Evaluator>;
  /** What only this kind can tell of itself, for `doctor`: whose token it is, whether it may write. Changes nothing. */
  doctor?(signal: AbortSignal): AsyncIterable<Check>;
  /** What is there already, whoever made it, for `import`. Absent: nothing can be imported from such a target. */
  readonly account?: Account;
  /** Puts flags back as they were before they were taken over. Absent: this target cannot. */
  readonly former?: Former;
  close(): Promise<void>;
}

/** `definition` is what a read gave as `LiveListing.definition`. Both throw a ProblemError. */
export interface Former {
  /** What would change, a sentence each, without members' names; none: it is so already. Writes nothing. */
  compare(key: string, definition: unknown, signal: AbortSignal): Promise<readonly string[]>;
  /** Makes it so, our mark taken off: from then on it is not ours. */
  putBack(key: string, definition: unknown, signal: AbortSignal): Promise<void>;
}

/** What `shape` gets: everything a toggle says, before the target's own terms. */
export interface ListingDraft extends Omit<DesiredListing, 'metadata'> {
  readonly name?: string;
  readonly description?: string;
  readonly owner?: string;
  readonly type?: string;
  readonly spec: JsonObject;
}
