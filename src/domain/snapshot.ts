import type { AudienceId } from './audience.ts';
import type { Members } from './members.ts';
import type { Problem } from './problem.ts';

/** What policy answered at one moment, with keyed hashes in the place of names, for a plan where it cannot be asked. */
export interface Snapshot {
  readonly instance: string;
  /** ms since the epoch. */
  readonly takenAt: number;
  /** Of the key: hashes of another cannot be compared with these. */
  readonly keyId: string;
  readonly sources: readonly {
    readonly id: string;
    readonly revision: string | undefined;
    readonly dataUpdate: string | undefined;
  }[];
  readonly audiences: readonly SnapshotAudience[];
}

export type SnapshotAudience = {
  readonly id: AudienceId;
  readonly source: string;
  /** `app.rbac.us_users` */
  readonly rule: string;
  readonly contextKind: string;
} /** `members` are hashes. */ & (
  | { readonly state: 'defined'; readonly members: Members }
  | { readonly state: 'undefined' }
  | { readonly state: 'failed'; readonly problem: Problem }
);
