/**
 * Which placements point to a group, and when a group is written.
 *
 * Toggles that follow the same audience in the same environment share a group, so that a change of users is one write.
 * Whoever must not follow it (blocked, held, capped, switched off, of another audience by now) leaves the group first.
 * Works on changes that are planned already: it says in which form they are written, and adds those of form alone.
 */
import { compareCodePoints } from '../domain/code-points.ts';
import { canonicalJson } from '../domain/json.ts';
import { intersection, sameMembers } from '../domain/members.ts';
import { type Change, type Phase, phases } from '../domain/plan.ts';
import type { LivePlacement } from '../domain/listing.ts';
import { membersIn } from './contents.ts';
import { type Draft, isFree, type Site } from './draft.ts';
import { wouldPass } from './guard.ts';
import {
  inForm,
  isLarge,
  ownForm,
  type Placed,
  type Room,
  roomOf,
  type Seat,
  type Table,
  tablesOf,
} from './group-seats.ts';
import { unanimous } from './group-unanimous.ts';
import type { Context } from './lookup.ts';
import type { Outcome } from './outcome.ts';
import { type Effect, effectOf, phaseOf } from './phases.ts';
import { idOf, placementChange } from './placement-change.ts';

/**
 * Gives the placement changes of targets with groups their form; all others stay as they are. `planned`: the id of a
 * draft's change.
 */
export function arrangeGroups(
  context: Context,
  sites: readonly Site[],
  planned: ReadonlyMap<Draft, string>,
  changes: readonly Change[],
): readonly Change[] {
  const lookups = context.lookups.filter(({ view }) => view.can.groups !== null);
  if (lookups.length === 0) return changes;
  const byId = new Map(changes.map(change => [change.id, change]));
  const seats: Seat[] = [];
  for (const lookup of lookups) {
    const room = roomOf(context, lookup, sites, changes, draft => byId.get(planned.get(draft) ?? ''));
    for (const { seat, name } of unanimous(room.seats, (environment, name) => room.outside(environment, name)))
      seat.change = seat.change && inForm(seat.change, name);
    for (const table of tablesOf(room.seats)) serve(room, table);
    seats.push(...room.seats);
  }
  const before = new Set(seats.flatMap(({ draft }) => planned.get(draft) ?? []));
  const arranged = seats.flatMap(({ change }) => change ?? []);
  const after = new Set(arranged.map(({ id }) => id));
  return [...changes.filter(({ id }) => !before.has(id)), ...arranged].map(change => {
    const needs = change.needs.filter(id => !before.has(id) || after.has(id));
    return needs.length === change.needs.length ? change : { ...change, needs };
  });
}

function serve(room: Room, table: Table): void {
  const { name, followers } = table;
  const moving = followers.filter(({ now, change }) => now === name && change !== undefined);
  const entrants = followers.filter(({ now, isLarge }) => now !== name && isLarge);
  if (moving.length + entrants.length > 0) gather(room, table, moving, entrants);
  for (const seat of followers) {
    const { change, now, isLarge } = seat;
    if (change === undefined && now !== undefined && !isLarge) seat.change = formAlone(room, seat, undefined);
  }
}

/** The group is written: whoever must not have what it will hold leaves before. */
function gather(room: Room, table: Table, moving: readonly Seat[], entrants: readonly Seat[]): void {
  const { name, environment, target, followers } = table;
  const isOther = ({ who }: LivePlacement) => {
    const members = membersIn(who);
    return members === undefined || !sameMembers(members, target);
  };
  // Who only changes the form writes by no answer: nobody gets anything by that.
  const isByAnswer = moving.length > 0 || entrants.some(({ change }) => change !== undefined);
  const dissenters = room.seats.filter(seat => isIn(seat, table) && !mayStay(room, seat, table, isByAnswer));
  const leadsOthers = room.outside(environment, name).some(isOther) || room.mayHold(environment, name);
  if (leadsOthers || !dissenters.every(seat => isOpen(room, seat))) {
    return apart(room, [...moving, ...entrants]);
  }
  // For a newcomer nobody is made to leave.
  if (moving.length === 0 && dissenters.some(({ change }) => change === undefined || change.after.group === name)) {
    return apart(room, entrants);
  }
  const loses = moving.some(({ change }) => change !== undefined && change.revoked.size > 0);
  if (loses && dissenters.length > 0 && dissenters.every(seat => onlyLoses(room, seat, table))) {
    for (const seat of moving) onlyRevoke(room, seat, name);
    return apart(room, entrants);
  }
  // Nobody waits for one to leave that cannot just now.
  if (dissenters.some(isKept)) return apart(room, [...moving, ...entrants]);
  // Who may stay loses nobody but by the group itself.
  for (const seat of room.seats) {
    const stays = seat.now === name && isIn(seat, table);
    if (stays && !followers.includes(seat) && !dissenters.includes(seat)) seat.change = undefined;
  }
  const effect = together(moving);
  const phase = moving.length > 0 ? phaseOf(effect) : 'grant';
  const leaving = dissenters.map(seat => leave(room, seat, table, phase));
  const needs = leaving.map(({ id }) => id).sort(compareCodePoints);
  for (const seat of moving) {
    const change = join(seat.change as Placed, name, needs);
    const own = seat.draft.site.first === undefined ? phase : change.phase;
    seat.change = { ...change, phase: own, ...(!seat.isLarge && { unfinished: true }) };
  }
  // Who only changes the form must not write for others what they get by an answer that may be too old by then.
  const moves = [...moving, ...entrants].flatMap(({ change }) => change?.id ?? []).sort(compareCodePoints);
  for (const seat of entrants) {
    const change = seat.change ?? formAlone(room, seat, name);
    if (change === undefined) continue;
    if (seat.change === undefined) seat.change = join(change, name, [...needs, ...moves]);
    else if (needs.length === 0 || mayWait(seat, change, phase)) seat.change = join(change, name, needs);
    else {
      apart(room, [seat]);
      // It enters once they have left.
      if (seat.change === undefined) for (const one of dissenters) one.change &&= { ...one.change, unfinished: true };
    }
  }
}

/** Only who takes from nobody, and is not waited for elsewhere, waits for others to leave. */
function mayWait({ now }: Seat, change: Placed, until: Phase): boolean {
  return now === undefined && change.revoked.size === 0 && isBefore(until, change.phase);
}

/** True for the same phase too: within one, needs are kept. */
function isBefore(one: Phase, other: Phase): boolean {
  return phases.indexOf(one) <= phases.indexOf(other);
}

function isIn({ now, perhaps, draft }: Seat, { name, environment }: Table): boolean {
  return (now === name || perhaps.includes(name)) && draft.ref.environment === environment;
}

/** A write of it is under way, or failed lately: nobody knows when it will have left. */
function isKept({ perhaps, draft: { stuck, site, ref } }: Seat): boolean {
  return stuck || perhaps.length > 0 || site.view.isFailing?.(idOf(site, 'placement', ref.environment)) === true;
}

/** True when a seat of the group may have what its followers have: it has that already. */
function mayStay(room: Room, seat: Seat, table: Table, isByAnswer: boolean): boolean {
  const { draft, who, change } = seat;
  const { followers, target } = table;
  if (followers.includes(seat)) return true;
  if (isUnseen(draft)) return isByAnswer && wouldFollow(room, seat, table);
  // An earlier key of a toggle, on its way out, may have what the next one has.
  const isPassedOn =
    isByAnswer && draft.role === 'leave' && followers.some(one => one.draft.audience === draft.audience);
  if (isPassedOn) return change === undefined || change.closes.length === 0;
  return change === undefined && sameMembers(who, target);
}

/** It could not be read: who has it is not known. */
function isUnseen({ live, stuck, contents }: Draft): boolean {
  return !contents.known || (live === undefined && stuck);
}

/** What cannot be read may have what the same answer gives to others under the same limits, if the guard lets it. */
function wouldFollow({ context }: Room, { draft }: Seat, { followers, target }: Table): boolean {
  const { role, audience, guard, capped } = draft;
  if (role !== 'follow' || capped || !isFree({ ...draft, stuck: false })) return false;
  const limits = canonicalJson({ ...guard });
  const isSame = (one: Draft) => one.audience === audience && canonicalJson({ ...one.guard }) === limits;
  return followers.some(one => isSame(one.draft)) && wouldPass(context, draft, target);
}

function onlyLoses({ context }: Room, { who, draft, perhaps }: Seat, { name, target }: Table): boolean {
  const { differences } = context;
  // By a write under way the group may hold others by now.
  if (isUnseen(draft) || perhaps.includes(name)) return false;
  return differences.without(who, draft.contents.any).size === 0 && differences.without(who, target).size === 0;
}

/** Nobody may be led by the group: everybody who moves does so alone. */
function apart(room: Room, seats: readonly Seat[]): void {
  for (const seat of seats) {
    const own = ownForm(seat);
    // Without a change of users there is no haste to leave the group it is in.
    const change = seat.change ?? (seat.now === undefined ? formAlone(room, seat, own) : undefined);
    // It may join the others once they agree.
    if (change !== undefined) seat.change = { ...inForm(change, own), ...(own !== undefined && { unfinished: true }) };
  }
}

/** Revocations do not wait for those who have to leave before somebody is let in; the rest is planned again. */
function onlyRevoke({ context }: Room, seat: Seat, name: string): void {
  const { draft, change } = seat;
  if (change === undefined) return;
  const who = intersection(draft.contents.any, seat.who);
  const outcome = { on: draft.contents.on, who, closes: change.closes, offByHand: false, isFull: true };
  const made = placementChange(context, draft, outcome, change.writesMetadata);
  const isIdle = made.revoked.size === 0 && made.closes.length === 0;
  const revoking: Placed = { ...made, needs: change.needs, phase: phaseOf(effectOf(made)), unfinished: true };
  seat.change = isIdle ? undefined : inForm(revoking, name);
}

/** The change with which it leaves the group in time: what is planned for it, or as it is. */
function leave({ context }: Room, seat: Seat, { name }: Table, phase: Phase): Placed {
  const { draft, change } = seat;
  if (change !== undefined && change.after.group !== name && isBefore(change.phase, phase)) return change;
  const made = { ...placementChange(context, draft, asItIs(draft), false), phase, needs: [] };
  const own = ownForm({ ...seat, isLarge: isLarge(draft, draft.contents.any.size) });
  const leaving: Placed = { ...inForm(made, own), ...(change !== undefined && { unfinished: true }) };
  seat.change = leaving;
  return leaving;
}

function asItIs({ contents, offByHand }: Draft): Outcome {
  return { on: contents.on, who: contents.any, closes: [], offByHand, isFull: false };
}

/** What those who share a group do to people is one write. */
function together(seats: readonly Seat[]): Effect {
  const effects = seats.flatMap(({ change }) => (change === undefined ? [] : [effectOf(change)]));
  return {
    turnsOff: effects.some(({ turnsOff }) => turnsOff),
    revokes: effects.some(({ revokes }) => revokes),
    grants: effects.some(({ grants }) => grants),
  };
}

function join(change: Placed, name: string, needs: readonly string[]): Placed {
  return { ...inForm(change, name), needs: [...change.needs, ...needs] };
}

/** Nobody comes or goes: only the form does not fit. */
function formAlone(room: Room, seat: Seat, group: string | undefined): Placed | undefined {
  const { stuck, contents, site } = seat.draft;
  const isSure = contents.settled && contents.known && !stuck;
  if (group === seat.now || !isSure || !isOpen(room, seat) || site.paused) return undefined;
  const made = placementChange(room.context, seat.draft, asItIs(seat.draft), false);
  return inForm({ ...made, phase: 'tidy', needs: room.steps.get(site.key) ?? [] }, group);
}

/** What is archived, or not ours yet, can be written only where this plan brings it back or takes it over. */
function isOpen({ steps }: Room, { draft }: Seat): boolean {
  const { first, key } = draft.site;
  return (first !== 'adopt' && first !== 'restore') || steps.has(key);
}
