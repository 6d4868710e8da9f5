import type { Provenance } from './audience.ts';
import type { Members } from './members.ts';
import type { PlacementRef } from './plan.ts';
import type { Problem } from './problem.ts';

/**
 * `agrees`: the platform answered what policy says about everybody who was asked about. `differs`: not about everybody.
 * `unknown`: policy or the platform has no answer to compare. `failed`: the toggle cannot be looked at until somebody
 * did something.
 */
export type Verdict = 'agrees' | 'differs' | 'unknown' | 'failed';

/** People about whom the platform answers otherwise than policy, for one reason. */
export interface Mismatch {
  /** `not-served`: the platform serves nothing, so applications get their own default. */
  readonly kind: 'let-in' | 'kept-out' | 'not-served';
  /** Which rule, default or list it is, for people; holds no member. */
  readonly cause: string;
  readonly members: Members;
}

/** One toggle in one environment of one target, and what its platform says about everybody asked about. */
export interface VerifiedPlacement extends PlacementRef {
  /** In the target. */
  readonly key: string;
  readonly verdict: Verdict;
  /** Who has to be served it: those of policy, or nobody (switched off, removed). Undefined: nobody knows. */
  readonly expected: 'members' | 'nobody' | undefined;
  /** How many policy lets in; undefined where it was not asked or has no answer. */
  readonly members: number | undefined;
  /** About how many people the platform was asked. */
  readonly asked: number;
  readonly mismatches: readonly Mismatch[];
  /** Why there is no verdict; for `differs`, what is known of it already and what to do. */
  readonly problems: readonly Problem[];
  /** The answer of policy that it was compared with. */
  readonly from?: Provenance;
}

/** What `verify` found. */
export interface Verification {
  readonly seed: number;
  /** How many strangers were asked about per placement. */
  readonly strangers: number;
  /** By target, toggle, environment. */
  readonly placements: readonly VerifiedPlacement[];
  /** What could not be reached, read or loaded: exit 1. */
  readonly failed: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** One toggle and one member, in one environment of one target. */
export interface ExplainedPlacement extends PlacementRef {
  readonly key: string;
  readonly contextKind: string;
  readonly policy: {
    readonly source: string;
    readonly rule: string;
    readonly state: 'defined' | 'undefined' | 'not-ready' | 'failed' | 'not-asked';
    /** Undefined where there is no answer. */
    readonly member?: boolean;
    /** How many it lets in. */
    readonly size?: number;
    readonly from?: Provenance;
    readonly problem?: Problem;
  };
  /** As the flag file says. */
  readonly state: 'on' | 'off';
  /** What operators said that decides it, a sentence each. */
  readonly operator?: readonly string[];
  /** What follows from policy, file and operators; undefined where policy has no answer. */
  readonly expected?: boolean;
  /** What the target holds; undefined: it could not be looked at, or the flag is not there (`there: false`). */
  readonly holds?: {
    readonly there: boolean;
    readonly seen: 'read' | 'remembered' | 'unknown';
    readonly on: boolean;
    /** The member is on its list; undefined: nobody can tell. */
    readonly listed?: boolean;
    readonly waysIn: readonly string[];
    /** A write is on its way, or waits for an approval there. */
    readonly pending: boolean;
  };
  /** What the platform's own evaluation answers. */
  readonly served?: { readonly answer: boolean | 'not-served'; readonly why?: string };
  /** Why the platform has no answer. */
  readonly unserved?: Problem;
  /** Since when the member is (not) in, as far as the state knows. */
  readonly since?: Since;
  /** What stands in the way of agreement, and what to do. */
  readonly problems: readonly Problem[];
}

/** Since when somebody is in a placement, or out of it, by what was written. */
export interface Since {
  readonly in: boolean;
  /** ms since the epoch; undefined: never in, as far as the state goes back. */
  readonly at?: number;
  /** `at` is when it was written; else it is so at the latest since then. */
  readonly exact: boolean;
  /** Of the policy that the write stood on. */
  readonly revision?: string;
}

/** What `explain` found about one toggle and one member. */
export interface Explanation {
  readonly toggle: string;
  readonly member: string;
  readonly file: string;
  readonly placements: readonly ExplainedPlacement[];
  readonly failed: readonly Problem[];
  readonly warnings: readonly Problem[];
}
