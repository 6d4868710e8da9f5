import { intersection, type Members, noMembers, sameMembers } from '../domain/members.ts';
import { answerLife } from '../domain/plan.ts';
import type { WayIn } from '../domain/listing.ts';
import { isClosed } from './contents.ts';
import { type DefinedAnswer, type Draft, isFree, type Site } from './draft.ts';
import type { Context } from './lookup.ts';
import { hasDenied, overridesOf } from './overrides.ts';

/** What one write makes of a placement. */
export interface Outcome {
  readonly on: boolean;
  readonly who: Members;
  readonly closes: readonly WayIn[];
  /** It is left off because somebody switched it off in the target. */
  readonly offByHand: boolean;
  /** As far as the placement is concerned the metadata may be written along. */
  readonly isFull: boolean;
  /** It takes from people only because an operator denied them: it stands on no answer. */
  readonly isDenial?: true;
}

/** What is written to a placement after the guard; undefined: nothing. `leave` has its own rule: see `leavingOutcome`. */
export function outcomeOf(context: Context, draft: Draft, writesMetadata: boolean): Outcome | undefined {
  if (draft.stuck) return undefined;
  const outcome = wantedOutcome(context, draft);
  if (outcome === undefined || !isNeeded(draft, outcome, writesMetadata)) return undefined;
  return outcome;
}

function wantedOutcome(context: Context, draft: Draft): Outcome | undefined {
  const { role, answer, contents, capped, live } = draft;
  const closes = live?.waysIn ?? [];
  if (role === 'off') return offOutcome(context, draft, closes);
  if (!isFree(draft)) return restricted(context, draft);
  if (role !== 'follow' || answer === undefined) return closed(closes);
  const denial = denialFirst(context, draft, answer);
  if (denial !== undefined) return denial;
  if (!capped) return { on: true, who: answer.members, closes, offByHand: false, isFull: true };
  // Of unknown contents nobody can be kept while others go.
  if (!contents.known) return undefined;
  return {
    on: contents.on,
    who: intersection(contents.any, answer.members),
    closes,
    offByHand: draft.offByHand,
    isFull: true,
  };
}

function closed(closes: readonly WayIn[]): Outcome {
  return { on: false, who: noMembers, closes, offByHand: false, isFull: true };
}

/** Off at once, whatever the audience; once off, whoever is still listed follows the revocations, and nobody comes in. */
function offOutcome(context: Context, draft: Draft, closes: readonly WayIn[]): Outcome | undefined {
  const { contents, answer, applied, site } = draft;
  // What is not ours yet is not taken over while nothing may be written.
  if (site.paused && site.first !== undefined) return undefined;
  const isSettled = isClosed(contents, site.view.can) && contents.settled && applied?.on !== true;
  if (!isSettled || closes.length > 0) return closed(closes);
  const left = context.differences.without(contents.any, overridesOf(context.input).denied);
  const who = answer === undefined ? left : intersection(left, answer.members);
  return { on: false, who, closes, offByHand: false, isFull: true };
}

/**
 * Held, blocked and paused placements keep their users, but for those who are denied; ways in that are not ours are
 * closed all the same, unless it is paused.
 */
function restricted(context: Context, draft: Draft): Outcome | undefined {
  const { contents, live, site, role, offByHand } = draft;
  if (!contents.known || site.first !== undefined) return undefined;
  const closes = site.paused || (role !== 'follow' && role !== 'leave') ? [] : (live?.waysIn ?? []);
  const isDenial = hasDenied(contents.any, overridesOf(context.input));
  if (closes.length === 0 && !isDenial) return undefined;
  const { on, who } = keptBut(context, draft);
  return {
    on,
    who,
    closes,
    offByHand,
    isFull: false,
    ...(isDenial && closes.length === 0 && { isDenial }),
  };
}

/** Whoever is denied loses it now: a new answer, where the old one is too old to be written with, may take its time. */
function denialFirst(context: Context, draft: Draft, answer: DefinedAnswer): Outcome | undefined {
  const { contents, site, offByHand } = draft;
  if (!contents.known || site.first !== undefined || !hasDenied(contents.any, overridesOf(context.input))) {
    return undefined;
  }
  if (context.input.now - answer.from.answeredAt <= answerLife) return undefined;
  const { on, who } = keptBut(context, draft);
  return { on, who, closes: [], offByHand, isFull: false, isDenial: true };
}

/**
 * What stays as it is, but for those who are denied. After writes that were not answered that is what the last of them
 * said: who was just revoked does not come back for a denial of somebody else.
 */
function keptBut({ input, differences }: Context, { contents, applied }: Draft): Pick<Outcome, 'on' | 'who'> {
  const last = contents.settled ? undefined : applied?.intent?.last;
  const { on, who } = last ?? { on: contents.on, who: contents.any };
  return { on, who: differences.without(who, overridesOf(input).denied) };
}

function isNeeded(draft: Draft, outcome: Outcome, writesMetadata: boolean): boolean {
  const { contents, site, role, ref, applied } = draft;
  const { can } = site.view;
  if (outcome.closes.length > 0 || (writesMetadata && outcome.isFull) || site.first === 'adopt') return true;
  if (!contents.known || (!contents.settled && outcome.isFull)) return true;
  if (!sameMembers(contents.any, outcome.who))
    return role !== 'close' && role !== 'remove' ? true : !isClosed(contents, can);
  if (role === 'off' && can.onOff && applied?.on === true) return true;
  // Just created: what follows says who has it, even when that is nobody.
  if (outcome.on && (site.first === 'create' || site.missing.includes(ref.environment))) return true;
  return can.onOff && contents.on !== outcome.on;
}

/** The two writes of a placement whose toggle has another key: who is out goes now, the rest when the new one has them. */
export interface Leaving {
  readonly now: Outcome | undefined;
  readonly later: Outcome | undefined;
}

/** A placement that closes once its successor has everybody; until then it only loses people. */
export function leavingOutcome(context: Context, draft: Draft): Leaving {
  const { contents, successor, site } = draft;
  const nothing = { now: undefined, later: undefined };
  if (draft.stuck || successor === undefined || isClosed(contents, site.view.can)) return nothing;
  const { answer } = successor;
  if (!isFree(successor) || answer === undefined) return { now: restricted(context, draft), later: undefined };
  const denial = denialFirst(context, draft, answer);
  if (denial !== undefined) return { now: denial, later: undefined };
  const closes = draft.live?.waysIn ?? [];
  const who = intersection(contents.any, answer.members);
  const isNow = contents.known && (closes.length > 0 || who.size < contents.any.size);
  return {
    now: isNow ? { on: contents.on, who, closes, offByHand: false, isFull: true } : undefined,
    later: successor.capped ? undefined : closed(isNow ? [] : closes),
  };
}

/** True when the listing may be taken over, or back: when nothing of it would let somebody in without an answer. */
export function mayTake(site: Site): boolean {
  const { can } = site.view;
  return site.drafts.every(
    draft => isFree(draft) || (site.first === 'restore' && !draft.stuck && isClosed(draft.contents, can)),
  );
}
