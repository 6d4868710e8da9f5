import type { AppliedPlacement, LivePlacement } from '../domain/listing.ts';
import { intersection, type Members, noMembers, union } from '../domain/members.ts';
import { isClosed } from './contents.ts';
import type { Draft, Holding } from './draft.ts';
import type { Context } from './lookup.ts';
import { overridesOf } from './overrides.ts';

/**
 * What the guard judges of one placement: the window's changes together with the plan's, among those whom policy granted.
 * Members that were added by hand are in none of these sets.
 */
export interface Stakes {
  /** Who was in at the window's start. */
  readonly base: Members;
  /** Nobody of these counts as granted. */
  readonly known: Members;
  /** Whoever was in at some time that counts: all of them have to be approved before the placement becomes empty. */
  readonly everyone: Members;
  /** Who is in now, by policy. */
  readonly current: Members;
  readonly revoked: Members;
  readonly granted: Members;
  /** Approved and written within the window. */
  readonly approvedRevoked: Members;
  readonly approvedGranted: Members;
  /** This plan itself takes it from (gives it to) somebody. */
  readonly revokesNow: boolean;
  readonly grantsNow: boolean;
  /** Nobody was ever let in, and its file is new. */
  readonly isFirstFill: boolean;
}

interface Base {
  readonly base: Members;
  readonly known: Members;
  /** Who is in now, by policy. */
  readonly current: Members;
  readonly byHand: Members;
  /** When it was first filled, where that is within the window. */
  readonly filledAt: number;
  readonly approvedRevoked: Members;
  readonly approvedGranted: Members;
}

/** `after` is who would have the placement if nothing stood in the way. */
export function stakesOf(context: Context, draft: Draft, after: Members): Stakes {
  const { differences } = context;
  const bases = withoutHeirs([draft, ...draft.olds].map(holding => baseOf(context, holding)));
  // Whoever is denied is no question for the guard: nobody asks it before they lose it.
  const { denied } = overridesOf(context.input);
  const gather = (of: (base: Base) => Members): Members => differences.without(union(...bases.map(of)), denied);
  const base = gather(({ base }) => base);
  const known = gather(({ known }) => known);
  const current = gather(({ current }) => current);
  // What opens again within the window without some who were in before takes it from them: off and on is no way round.
  const leaves = isClosed(draft.contents, draft.site.view.can) && current.size < base.size;
  const granted = draft.capped ? noMembers : differences.between(known, after).added;
  return {
    base,
    known,
    everyone: union(base, current),
    current,
    revoked: draft.capped ? revokedIfCapped(context, base, current, after) : differences.between(base, after).removed,
    granted,
    approvedRevoked: gather(({ approvedRevoked }) => approvedRevoked),
    approvedGranted: gather(({ approvedGranted }) => approvedGranted),
    revokesNow: differences.between(leaves ? base : current, after).removed.size > 0,
    grantsNow: !draft.capped && differences.between(draft.contents.sure, after).added.size > 0,
    isFirstFill: isFirstFill(draft, base, union(...bases.slice(1).map(({ base }) => base))),
  };
}

/** Where nobody comes in, those who left within the window do not come back either. */
export function revokedIfCapped(context: Context, base: Members, current: Members, after: Members): Members {
  return context.differences.without(base, intersection(current, after));
}

/** Of a toggle that moved within the window, what the next key was first filled with is no beginning: the first one was. */
function withoutHeirs(bases: readonly Base[]): readonly Base[] {
  const first = Math.min(...bases.flatMap(({ base, filledAt }) => (base.size > 0 ? [filledAt] : [])));
  return bases.map(one => (one.filledAt > first ? { ...one, base: noMembers, known: one.byHand } : one));
}

/** Of one placement. Without a change in the window, who is in now was in at its start. */
function baseOf(context: Context, holding: Holding): Base {
  const { contents, applied, live } = holding;
  const since = context.input.now - context.input.guard.window;
  const baseline = context.input.baseline(holding.id);
  const current = grantedByPolicy(holding);
  const back = contents.on ? undefined : context.input.setAside?.(holding.id);
  const byHand = contents.known ? context.differences.without(contents.any, current) : noMembers;
  if (baseline !== undefined) {
    const { members, approvedRevoked, approvedGranted } = baseline;
    const filledAt = applied?.firstFilledAt ?? -Infinity;
    const known = union(members, byHand, back ?? noMembers);
    return {
      base: members,
      known,
      current,
      byHand,
      filledAt: filledAt > since ? filledAt : -Infinity,
      approvedRevoked,
      approvedGranted,
    };
  }
  const isOpen = contents.known && !contents.settled;
  const seen = isOpen ? union(contents.sure, byHand) : contents.any;
  return {
    base:
      isOpen && applied !== undefined && cameLater(applied, live, since) ? intersection(current, applied.who) : current,
    known: union(seen, applied?.who ?? noMembers, back ?? noMembers),
    current,
    byHand,
    filledAt: -Infinity,
    approvedRevoked: noMembers,
    approvedGranted: noMembers,
  };
}

/**
 * Whoever an open write would have let in was not there at the window's start. An unanswered one may have been the first
 * fill, or of before the window; what waits for the platform's own approval let nobody in yet.
 */
function cameLater({ firstFilledAt }: AppliedPlacement, live: LivePlacement | undefined, since: number): boolean {
  const pending = live?.pending;
  if (pending?.link !== undefined) return true;
  return firstFilledAt !== undefined && pending !== undefined && pending.since > since;
}

/** Of those who are in, whom policy let in, as far as the state knows. Without a record everybody counts. */
function grantedByPolicy({ live, applied, contents }: Holding): Members {
  if (!contents.known) return applied?.who ?? noMembers;
  if (live?.seen !== 'read' || applied === undefined) return contents.any;
  const pending = live.pending?.who.kind === 'members' ? live.pending.who.members : noMembers;
  return intersection(contents.any, union(applied.who, applied.intent?.who ?? noMembers, pending));
}

function isFirstFill({ applied, site }: Draft, base: Members, elsewhere: Members): boolean {
  // Its file went and came back: new again, unless that was within the window.
  if (site.live?.removed || site.applied?.removed) return base.size === 0;
  // It had users under another key.
  if (elsewhere.size > 0) return false;
  if (applied !== undefined) return applied.firstFilledAt === undefined;
  // Ours, with users, and no record of it: the state was lost, the file is not new.
  return site.first === 'adopt' || base.size === 0;
}
