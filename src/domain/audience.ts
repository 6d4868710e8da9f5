import type { CallbackTrial, Check } from './checkup.ts';
import type { Members } from './members.ts';
import type { Problem } from './problem.ts';
import type { UsersPolicy } from './toggle.ts';

/** hash(source, package, rule, input, contextKind): one policy is one audience, however many toggles use it. */
export type AudienceId = string;

export interface Ask {
  readonly id: AudienceId;
  readonly policy: UsersPolicy;
  readonly contextKind: string;
}

/** Where an answer comes from. Times are ms since the epoch, by the injected clock. */
export interface Provenance {
  readonly source: string;
  /** `app.rbac.us_users` */
  readonly rule: string;
  /** Of the policy: a git hash, a bundle's revision. */
  readonly revision?: string;
  /** The id of the last data update the policy engine reports. */
  readonly dataUpdate?: string;
  /** When the whole answer had arrived. */
  readonly answeredAt: number;
}

/** Who has a toggle. Only `members` today; the others are the shape that later kinds of targeting take. */
export type Who =
  | { readonly kind: 'members'; readonly members: Members }
  | { readonly kind: 'condition'; readonly condition: unknown; readonly hash: string }
  | { readonly kind: 'everyone' };

/** The answer to a usersPolicy at one moment. Undefined is not empty, failed is not empty. */
export type Audience = {
  readonly id: AudienceId;
  readonly contextKind: string;
  readonly from: Provenance;
} & (
  | { readonly state: 'defined'; readonly who: Who }
  | { readonly state: 'undefined' }
  /** The source is waiting or suspect. `candidate` is what a suspect source answered, to be compared, never applied. */
  | { readonly state: 'not-ready'; readonly candidate?: Who }
  /** `refused`: we may not ask. Where it is so of every audience, the source as a whole cannot be asked. */
  | { readonly state: 'failed'; readonly error: Problem; readonly refused?: boolean }
);

/** The answer's bytes are those of the answer before: nothing was parsed. */
export interface Unchanged {
  readonly id: AudienceId;
  readonly unchanged: true;
  readonly from: Provenance;
}

/** What lets a source leave `suspect`. `nothing`: only a comparison with what was last applied, or an approval, can. */
export type Evidence = 'loaded' | 'sentinels' | 'system.opal' | 'nothing';

/** One look at a source, without its answers. */
export interface Readiness {
  /** `labels.id` of OPA; null where there is none to be read. */
  readonly instanceId: string | null;
  readonly state: 'ready' | 'suspect';
  readonly by: Evidence;
  readonly revision?: string;
  readonly dataUpdate?: string;
  /** Why it is suspect, or what an operator should hear (failed updates, several OPAs behind one address). */
  readonly problems: readonly Problem[];
}

/** What the state remembers of a source between looks and restarts; the audience room alone knows what is in it. */
export interface SeenSource {
  readonly version: 1;
  /** The instance ids seen last, newest first. */
  readonly instances: readonly { readonly id: string; readonly firstSeenAt: number }[];
  /** The instance under which the source was last ready, if it was. */
  readonly readyUnder: string | null;
  /** Ids of the data transactions seen under earlier instances, newest first. */
  readonly transactions: readonly string[];
  /** Ids of the data transactions seen under the newest instance, newest first. */
  readonly shown?: readonly string[];
  /** What `system.opal` showed at the first look under the newest instance. `untold`: that look was refused it. */
  readonly firstLook: {
    readonly instance: string;
    readonly dataTransaction: string | null;
    readonly untold?: true;
  } | null;
  /** An operator or a comparison accepted the answers under this instance. */
  readonly acceptedUnder: string | null;
  /** ms since the epoch; since then no look could tell which instance answers. */
  readonly unknownSince?: number;
}

/**
 * Why a source wants to be asked. `poll` and `resync` are without a sign of change; `changed` and `registered` follow one.
 * `registration` tells how the callback stands; undefined problem = registered.
 */
export type Hint =
  | { readonly kind: 'poll' | 'resync' | 'changed' | 'registered' }
  | { readonly kind: 'registration'; readonly problem?: Problem };

/** Where authorization is asked. One object per configured source; stateless but for caches. */
export interface Source {
  readonly id: string;
  readonly type: string;
  /** True where somebody else tells us of changes, so that a change found by `resync` deserves a warning. */
  readonly announces: boolean;
  /**
   * Looks at the source and judges it against what was seen before. Called before and after the answers; `seen` is
   * stored by the caller. Throws a ProblemError when the source cannot be reached.
   */
  readiness(seen: SeenSource | undefined, signal: AbortSignal): Promise<{ readiness: Readiness; seen: SeenSource }>;
  /**
   * Asks each policy once, in as few requests as are cheap. Yields one item per ask, in any order: `defined`,
   * `undefined`, `failed`, or `unchanged` since the last item yielded for that id. Throws a ProblemError when the
   * source as a whole cannot be asked. `look` is given only to a source that `looksItself`.
   */
  resolve(asks: readonly Ask[], signal: AbortSignal, look?: () => Promise<void>): AsyncIterable<Audience | Unchanged>;
  /**
   * True: where the source was ready when it was looked at last, `resolve` calls `look` and waits for it before it asks
   * anything whose answer does not itself show that the source still is. So no look has to come before.
   */
  readonly looksItself?: boolean;
  /** Runs until aborted: registers and watches callbacks, polls, watches files. Never throws for what may recover. */
  hints(push: (hint: Hint) => void, signal: AbortSignal): Promise<void>;
  /** What only this kind can tell of itself, for `doctor`: its token, its registration. Changes nothing. */
  doctor?(signal: AbortSignal): AsyncIterable<Check>;
  /**
   * Gets ready to see a callback: `own` registers one beside the running instance's, under the same address. Absent where
   * nobody calls back. Throws a ProblemError.
   */
  callbackTrial?(own: boolean, signal: AbortSignal): Promise<CallbackTrial>;
  /** Takes back what `hints` left behind (a callback's registration), ends workers and sockets. */
  close(signal: AbortSignal): Promise<void>;
}
