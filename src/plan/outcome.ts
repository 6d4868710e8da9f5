import { intersection, type Members, noMembers, sameMembers } from '../domain/members.ts';
import type { WayIn } from '../domain/listing.ts';
import { isClosed } from './contents.ts';
import { type Draft, isFree, type Site } from './draft.ts';

/** What one write makes of a placement. */
export interface Outcome {
  readonly on: boolean;
  readonly who: Members;
  readonly closes: readonly WayIn[];
  /** It is left off because somebody switched it off in the target. */
  readonly offByHand: boolean;
  /** As far as the placement is concerned the metadata may be written along. */
  readonly isFull: boolean;
}

/** What is written to a placement after the guard; undefined: nothing. `leave` has its own rule: see `leavingOutcome`. */
export function outcomeOf(draft: Draft, writesMetadata: boolean): Outcome | undefined {
  if (draft.stuck) return undefined;
  const outcome = wantedOutcome(draft);
  if (outcome === undefined || !isNeeded(draft, outcome, writesMetadata)) return undefined;
  return outcome;
}

function wantedOutcome(draft: Draft): Outcome | undefined {
  const { role, answer, contents, capped, live } = draft;
  const closes = live?.waysIn ?? [];
  if (role === 'off') return offOutcome(draft, closes);
  if (!isFree(draft)) return role === 'follow' ? closesOnly(draft) : undefined;
  if (role !== 'follow' || answer === undefined) return closed(closes);
  if (!capped) return { on: true, who: answer.members, closes, offByHand: false, isFull: true };
  // Of unknown contents nobody can be kept while others go.
  if (!contents.known) return undefined;
  return {
    on: contents.on,
    who: intersection(contents.any, answer.members),
    closes,
    offByHand: draft.held?.reason === 'switched-off-by-hand',
    isFull: true,
  };
}

function closed(closes: readonly WayIn[]): Outcome {
  return { on: false, who: noMembers, closes, offByHand: false, isFull: true };
}

/** Off at once, whatever the audience; once off, whoever is still listed follows the revocations, and nobody comes in. */
function offOutcome({ contents, answer, applied, site }: Draft, closes: readonly WayIn[]): Outcome {
  const isSettled = isClosed(contents, site.view.can) && contents.settled && applied?.on !== true;
  if (!isSettled || closes.length > 0) return closed(closes);
  const who = answer === undefined ? contents.any : intersection(contents.any, answer.members);
  return { on: false, who, closes, offByHand: false, isFull: true };
}

/** Held and blocked placements keep their users; ways in that are not ours are closed all the same. */
function closesOnly({ contents, live, site, held }: Draft): Outcome | undefined {
  const closes = live?.waysIn ?? [];
  if (closes.length === 0 || !contents.known || site.first !== undefined) return undefined;
  const offByHand = held?.reason === 'switched-off-by-hand';
  return { on: contents.on, who: contents.any, closes, offByHand, isFull: false };
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
export function leavingOutcome(draft: Draft): Leaving {
  const { contents, successor, site } = draft;
  const nothing = { now: undefined, later: undefined };
  if (draft.stuck || successor === undefined || isClosed(contents, site.view.can)) return nothing;
  const { answer } = successor;
  if (!isFree(successor) || answer === undefined) return { now: closesOnly(draft), later: undefined };
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
