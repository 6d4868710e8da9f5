import type { Members } from './members.ts';
import type { Plan } from './plan.ts';
import type { Problem } from './problem.ts';
import type { Toggle } from './toggle.ts';

/** What a change of the flag files, of policy or of its data does: base and head compared. */
export interface Review {
  readonly instance: string;
  /** By toggle. */
  readonly definitions: readonly DefinitionChange[];
  /** Toggles that are over, and that the change touches all the same: their files, or who has them. */
  readonly expired: readonly Toggle[];
  /** Sentences: what protects less with this change. */
  readonly weaker: readonly string[];
  /** The configuration is changed too; everything here is by that of the base. */
  readonly configChanged: boolean;
  /** The files of policy and data that sources of this repository read are changed. */
  readonly policyChanged: boolean;
  /** Undefined: nothing could be asked, so that only the definitions are known. */
  readonly planned: Planned | undefined;
  /** Why an audience or a target is not known; none: all are. */
  readonly unknown: readonly Problem[];
  /** Of the head. */
  readonly toggles: readonly Toggle[];
  /** Undefined: no rules were asked. */
  readonly verdict?: Verdict;
  /** What the change does wrong: files, policy, the configuration's addresses. */
  readonly problems: readonly Problem[];
}

/** What the rules of the base branch say of a plan. Their words. */
export interface Verdict {
  /** Where they are, from the root. */
  readonly rules: string;
  readonly denied: readonly string[];
  readonly warned: readonly string[];
}

/** What an apply of the head would do now. */
export interface Planned {
  readonly plan: Plan;
  readonly placements: readonly PlacementReview[];
}

export interface DefinitionChange {
  readonly toggle: string;
  readonly kind: 'created' | 'changed' | 'removed';
  readonly fields: readonly FieldChange[];
}

/** One field, as text; undefined: it is not there. */
export interface FieldChange {
  /** `environments.production.state` */
  readonly field: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface PlacementReview {
  readonly toggle: string;
  readonly target: string;
  readonly environment: string;
  /** It is not there yet. */
  readonly created: boolean;
  /** Undefined: nobody can tell. */
  readonly before: number | undefined;
  readonly after: number;
  readonly granted: Shares;
  readonly revoked: Shares;
  /** It is switched off, or closed because its file goes. */
  readonly closes: 'off' | 'removed' | undefined;
}

/** The same members once, by why: the parts are disjoint and add up. */
export interface Shares {
  readonly all: Members;
  readonly definition: Members;
  readonly policy: Members;
  /** Would happen without this change too. */
  readonly pending: Members;
}
