import type { SeenSource } from './audience.ts';
import type { Members } from './members.ts';
import type { Approval, ApprovalWindow, Baseline, Block, Change } from './plan.ts';
import type { AppliedListing, PlacementId } from './listing.ts';
import type { Override, OverrideFacts, OverrideSubject } from './override.ts';
import type { Outcome } from './target.ts';

/**
 * What a line of the audit log is about. `withdrawn`: a block ended because the answer came back; `unblocked`: because it
 * was approved. `commit`: from here on the flags are those of that commit. `degraded`, `recovered`: something could not be
 * reached, or can be again.
 */
export type AuditKind =
  | 'written'
  | 'failed'
  | 'blocked'
  | 'withdrawn'
  | 'unblocked'
  | 'approved'
  | 'off'
  | 'denied'
  | 'paused'
  | 'resumed'
  | 'adopted'
  | 'restored'
  | 'degraded'
  | 'recovered'
  | 'accepted'
  | 'commit'
  | 'started'
  | 'stopped';

/** One line of the audit log. Counts; a member only as a keyed hash. */
export interface AuditEntry {
  /** ms since the epoch. */
  readonly at: number;
  readonly what: AuditKind;
  readonly toggle?: string;
  /** Instead of `toggle`, where it is about several (a block of an audience that they share). */
  readonly toggles?: readonly string[];
  readonly target?: string;
  readonly environment?: string;
  readonly source?: string;
  readonly granted?: number;
  readonly revoked?: number;
  /** It was opened, or closed, by that. */
  readonly on?: boolean;
  readonly causes?: readonly string[];
  /** Of the flags repository. */
  readonly commit?: string;
  /** Of the policy. */
  readonly revision?: string;
  /** Id of the approval (or `window of <source>`, `checksum`). */
  readonly approval?: string;
  /** Who said so: the name of a token, or of a user of this machine. */
  readonly by?: string;
  /** ms since the epoch: how long it holds. */
  readonly until?: number;
  /**
   * Whom it is about (`denied`). Handed in as policy names the member; kept and read back as a keyed hash, unless the
   * configuration says `audit: { users: true }`.
   */
  readonly member?: string;
  /** In words, without members' names: the reason that somebody gave, what went wrong. */
  readonly message?: string;
}

/** Which lines; all of them where nothing is said. */
export interface AuditFilter {
  /** ms since the epoch: not before. */
  readonly since?: number;
  readonly toggle?: string;
  /** With `toggle`: lines about this member alone, whatever the toggle, too. */
  readonly member?: string;
}

/** A line as it is read, with those whom it is about: tags (`h:…`), or names where they are kept. */
export interface AuditLine {
  /** Counts up. */
  readonly id: number;
  readonly entry: AuditEntry;
  readonly granted: () => Iterable<string>;
  readonly revoked: () => Iterable<string>;
  /** What became of that member by it; undefined: nothing. */
  readonly touched: (member: string) => 'granted' | 'revoked' | undefined;
  /** `entry.member` is this one. */
  readonly isMember: (member: string) => boolean;
}

/** A block as the state keeps it, so that `approve` finds it from another process. */
export interface StoredBlock extends Block {
  readonly target: string;
  /** ms since the epoch, when it was first seen. */
  readonly since: number;
}

/** The last definition of a toggle that validated: the file's text, for when the file breaks. */
export interface GoodDefinition {
  readonly key: string;
  readonly file: string;
  readonly text: string;
}

/** A successful change as the state has to remember it. */
export interface Recorded {
  readonly change: Change;
  readonly outcome: Outcome;
  /** The approval that let it through, if one was needed. */
  readonly approval?: string;
}

/**
 * What was last applied, the last instance ids, baselines, approvals and the audit log. Every method is one
 * transaction: after a crash the state is that of before or after a call, never in between. Synchronous, because
 * node:sqlite is, and because a write must not start before its intent is on disk.
 * `address` is `Target.address`; times are ms since the epoch.
 */
export interface StateStore {
  /** `memory`: the folder cannot be written, everything is gone at exit. */
  readonly durability: 'disk' | 'memory';
  /** The last process did not close the state, on another boot: the newest rows may be lost, `remembered` is not certain. */
  readonly uncertain: boolean;

  applied(address: string): ReadonlyMap<string, AppliedListing>;
  /** One of them, by remote key: read again after a record. */
  appliedListing(address: string, key: string): AppliedListing | undefined;
  /** Addresses with anything applied, and the target's name then: to warn of targets dropped from the configuration. */
  addresses(): readonly { readonly address: string; readonly target: string }[];
  /**
   * Before the writes start: what they will make true. A change that is then not sent after all has to be recorded as
   * `failed`, or its members count as live until the placement is next written or read.
   */
  intend(address: string, changes: readonly Change[], at: number): void;
  /** After: what became of them, with the audit rows. */
  record(address: string, recorded: readonly Recorded[], at: number): void;
  /**
   * A live read. Where a write was not answered it settles what was left open: whoever was applied before and intended
   * stays, whoever was only one of both stays if seen, and nobody else comes in; the same for `on`. Then the intent is
   * gone. Without an intent nothing changes: what is seen differs by drift, and the state keeps what policy applied, so
   * that members added by hand never count as granted by policy and a flag switched off by hand is known as such.
   */
  observed(address: string, placement: PlacementId, seen: { on: boolean; who: Members }, at: number): void;
  /** The toggle went for good (or moved): its listing and placements are dropped, their history stays for the guard. */
  forget(address: string, key: string): void;
  /**
   * Two addresses turned out to be one place: what was recorded of these placements (old id → new id) of a listing is so
   * under the other address, with its history. It counts as a write that was not answered, and is made sure of.
   */
  samePlace(
    from: { readonly address: string; readonly key: string },
    to: string,
    placements: ReadonlyMap<PlacementId, PlacementId>,
    at: number,
  ): void;

  /** Undefined: no change of this placement since `since`. */
  baseline(placement: PlacementId, since: number): Baseline | undefined;
  /** Placements with a change after `since` that was not their first fill. */
  moved(since: number): ReadonlySet<PlacementId>;
  /** Drops history, audit rows (also the oldest of more than `auditRows`) and members that nothing needs any more. */
  prune(before: { readonly history: number; readonly audit: number; readonly auditRows?: number }): void;

  source(id: string): SeenSource | undefined;
  saveSource(id: string, seen: SeenSource): void;

  definitions(): readonly GoodDefinition[];
  /** Replaces the definitions given, drops the keys given: after a scan. */
  saveDefinitions(good: readonly GoodDefinition[], gone: readonly string[]): void;

  /** Replaces the blocks of one target; keeps `since` of those that were there. Returns what is new and what is gone. */
  saveBlocks(
    target: string,
    blocks: readonly Block[],
    at: number,
  ): { readonly fresh: readonly StoredBlock[]; readonly gone: readonly StoredBlock[] };
  blocks(): readonly StoredBlock[];

  approvals(now: number): readonly Approval[];
  windows(now: number): readonly ApprovalWindow[];
  /** Approves the stored blocks of that id until `until`. Undefined: there is no such block. */
  approve(id: string, by: string, until: number, at: number): Approval | undefined;
  /** Approves a block that was only just planned (`apply --approve`). */
  approveBlock(block: Block, by: string, until: number, at: number): Approval;
  openWindow(window: ApprovalWindow, at: number): void;
  /** In force at `now`: those without an end, and those whose end is not yet; oldest first. */
  overrides(now: number): readonly Override[];
  /** Puts one in force, with its audit line; of the same subject there is one, with the newest facts. */
  override(subject: OverrideSubject, facts: Omit<OverrideFacts, 'id' | 'since'>, at: number): Override;
  /** Takes those of these ids back. Returns those that were in force. */
  resume(ids: readonly string[], by: string, at: number): readonly Override[];
  /** Drops those whose time is over, each with its audit line. */
  expireOverrides(now: number): readonly Override[];
  /** Who had it when an operator's word closed it; undefined: it is open, or something else closed it. */
  setAside(placement: PlacementId): Members | undefined;
  /** Placements of that address that have no answer, all of them: since when. Those not named have one. */
  waiting(address: string, placements: Iterable<PlacementId>, at: number): ReadonlyMap<PlacementId, number>;
  /** What `waiting` was told last. */
  waitingSince(address: string): ReadonlyMap<PlacementId, number>;
  /** Changes whenever another process wrote into the state: cheap to poll. */
  dataVersion(): number;

  /** A backup of a foreign definition before adoption. */
  saveBackup(address: string, key: string, definition: unknown, at: number): void;
  /** The newest backup of a definition; undefined: it was never taken over. `at`: ms since the epoch. */
  backup(address: string, key: string): { readonly definition: unknown; readonly at: number } | undefined;
  /** Appends a line; inside of a transaction it is a part of that. */
  audit(entry: AuditEntry): void;
  /** What that receiver of news was told and is not over yet, by what it is about; empty: nothing. */
  told(receiver: string): ReadonlyMap<string, string>;
  saveTold(receiver: string, told: ReadonlyMap<string, string>): void;
  /** A member as logs, reports and the audit log may name it: `h:` and a hash with a key that never leaves the state. */
  memberTag(member: string): string;
  /** Oldest first. */
  auditLog(): Iterable<AuditEntry>;
  /** The same, with members. */
  auditLines(filter?: AuditFilter): Iterable<AuditLine>;
  /** Hashes the members of lines, about `most` names; true: there are more. To be called now and then, until false. */
  sealAudit(most: number): boolean;
  /** A secret of this state folder, made on first use (32 random bytes, base64url). */
  secret(name: string): string;
  close(): void;
}
