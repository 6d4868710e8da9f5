/**
 * Which placements point to a group, and when a group is written.
 *
 * Toggles that follow the same audience in the same environment share a group, so that a change of users is one write.
 * Whoever must not follow it (blocked, held, capped, switched off, of another audience by now) leaves the group first.
 * Works on changes that are planned already: it says in which form they are written, and adds those of form alone.
 */
import { compareCodePoints, intersection, type Members, sameMembers } from '../domain/members.ts';
import { type Change, type Phase, phases, type PlacementChange } from '../domain/plan.ts';
import type { GroupNames, LivePlacement } from '../domain/listing.ts';
import { membersIn } from './contents.ts';
import { type Draft, isFree, type Site } from './draft.ts';
import { unanimous } from './group-unanimous.ts';
import { isOurs, type Context, type Lookup } from './lookup.ts';
import type { Outcome } from './outcome.ts';
import { type Effect, effectOf, phaseOf } from './phases.ts';
import { placementChange } from './placement-change.ts';

type Placed = Change & PlacementChange;

/** A draft, and what is planned for it. */
interface Seat {
  readonly draft: Draft;
  readonly names: GroupNames | undefined;
  /** The group it is in now. */
  readonly now: string | undefined;
  change: Placed | undefined;
  /** Who it will have. */
  readonly who: Members;
  /** It will have exactly its audience, and be on. */
  readonly follows: boolean;
  /** It should stand in a group, as far as its size says. */
  readonly isLarge: boolean;
}

/** One shared group in one environment of a target. */
interface Table {
  readonly name: string;
  readonly environment: string;
  /** The audience's members. */
  readonly target: Members;
  /** Who follows that audience. */
  readonly followers: Seat[];
}

/** All of one target. */
interface Room {
  readonly context: Context;
  readonly seats: readonly Seat[];
  outside(environment: string, name: string): readonly LivePlacement[];
  /** Ids of what makes a listing ours or brings it back, by its key. */
  readonly steps: ReadonlyMap<string, readonly string[]>;
}

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
    const own = sites
      .filter(({ view }) => view === lookup.view)
      .flatMap(({ drafts }) => drafts.map(draft => seatOf(draft, byId.get(planned.get(draft) ?? ''))));
    for (const seat of own) keepForm(seat);
    const room: Room = { context, seats: own, outside: outsideOf(lookup, own), steps: stepsOf(lookup, changes) };
    for (const { seat, name } of unanimous(own, (environment, name) => room.outside(environment, name)))
      seat.change = seat.change && inForm(seat.change, name);
    for (const table of tablesOf(own)) serve(room, table);
    seats.push(...own);
  }
  const before = new Set(seats.flatMap(({ draft }) => planned.get(draft) ?? []));
  const arranged = seats.flatMap(({ change }) => change ?? []);
  const after = new Set(arranged.map(({ id }) => id));
  return [...changes.filter(({ id }) => !before.has(id)), ...arranged].map(change => {
    const needs = change.needs.filter(id => !before.has(id) || after.has(id));
    return needs.length === change.needs.length ? change : { ...change, needs };
  });
}

function stepsOf({ view }: Lookup, changes: readonly Change[]): Room['steps'] {
  const steps = new Map<string, string[]>();
  for (const { kind, target, key, id } of changes) {
    if (target === view.name && (kind === 'adopt' || kind === 'restore'))
      steps.set(key, [...(steps.get(key) ?? []), id]);
  }
  return steps;
}

function seatOf(draft: Draft, planned: Change | undefined): Seat {
  const change = planned?.kind === 'placement' ? planned : undefined;
  const { answer, role, contents, capped, live, site } = draft;
  const who = (change && membersIn(change.after.who)) ?? contents.any;
  const isOn = change?.after.on ?? contents.on;
  const isFollower = role === 'follow' && isFree(draft) && !capped && isOn;
  return {
    draft,
    names: site.desired?.placements.find(({ id }) => id === draft.id)?.groups,
    now: live?.group,
    change,
    who,
    follows: isFollower && answer !== undefined && sameMembers(who, answer.members),
    isLarge: isOn && isLarge(draft, who.size),
  };
}

function isLarge({ site, live }: Draft, size: number): boolean {
  const limits = site.view.can.groups;
  return limits !== null && size > (live?.group === undefined ? limits.above : limits.back);
}

/** What its audience's group does not decide is written by itself; a change that moves nobody leaves the form alone. */
function keepForm(seat: Seat): void {
  const { change, now, who, draft } = seat;
  if (change === undefined) return;
  const isSame = now !== undefined && change.after.on && sameMembers(who, draft.contents.any);
  seat.change = inForm(change, isSame ? now : ownForm(seat));
}

/** How it is held apart from all others: in a group of its own where it is too large for a list. */
function ownForm({ names, isLarge }: Seat): string | undefined {
  return isLarge ? names?.own : undefined;
}

function inForm(change: Placed, group: string | undefined): Placed {
  const { group: _, ...after } = change.after;
  return { ...change, after: { ...after, ...(group !== undefined && { group }) } };
}

/** Placements of ours about which this plan says nothing (`--only`), by the group they are in. */
function outsideOf(lookup: Lookup, seats: readonly Seat[]): Room['outside'] {
  let outside: Map<string, LivePlacement[]> | undefined;
  return (environment, name) => {
    outside ??= index(lookup, new Set(seats.map(({ draft }) => draft.id)));
    return outside.get(keyOf(environment, name)) ?? [];
  };
}

function index(lookup: Lookup, seated: ReadonlySet<string>): Map<string, LivePlacement[]> {
  const outside = new Map<string, LivePlacement[]>();
  for (const listing of lookup.live.values()) {
    for (const placement of listing.placements) {
      const { id, group, environment } = placement;
      if (group === undefined || seated.has(id) || !isOurs(lookup, listing)) continue;
      const key = keyOf(environment, group);
      outside.set(key, [...(outside.get(key) ?? []), placement]);
    }
  }
  return outside;
}

function keyOf(environment: string, name: string): string {
  return `${environment}\n${name}`;
}

function tablesOf(seats: readonly Seat[]): Iterable<Table> {
  const tables = new Map<string, Table>();
  for (const seat of seats) {
    if (!seat.follows || seat.names === undefined) continue;
    const { environment } = seat.draft.ref;
    const { shared: name } = seat.names;
    const table = tables.get(keyOf(environment, name)) ?? { name, environment, target: seat.who, followers: [] };
    table.followers.push(seat);
    tables.set(keyOf(environment, name), table);
  }
  // In one order, whatever the order of the files: who leaves one group may enter the next.
  return [...tables].sort(([a], [b]) => compareCodePoints(a, b)).map(([, table]) => table);
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
  const dissenters = room.seats.filter(seat => isIn(seat, table) && !mayStay(seat, table));
  if (room.outside(environment, name).some(isOther) || !dissenters.every(seat => isOpen(room, seat))) {
    return apart(room, [...moving, ...entrants]);
  }
  // For a newcomer nobody is made to leave.
  if (moving.length === 0 && dissenters.some(({ change }) => change === undefined || change.after.group === name)) {
    return apart(room, entrants);
  }
  const loses = moving.some(({ change }) => change !== undefined && change.revoked.size > 0);
  if (loses && dissenters.length > 0 && dissenters.every(seat => onlyLoses(room, seat, target))) {
    for (const seat of moving) onlyRevoke(room, seat, name);
    return apart(room, entrants);
  }
  // Who may stay loses nobody but by the group itself.
  for (const seat of room.seats) {
    if (isIn(seat, table) && !followers.includes(seat) && !dissenters.includes(seat)) seat.change = undefined;
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
  for (const seat of entrants) {
    const change = seat.change ?? formAlone(room, seat, name);
    if (change === undefined) continue;
    if (needs.length === 0 || mayWait(seat, change, phase)) seat.change = join(change, name, needs);
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

function isIn({ now, draft }: Seat, { name, environment }: Table): boolean {
  return now === name && draft.ref.environment === environment;
}

/** True when a seat of the group may have what its followers have: it has that already, or nothing can be written to it. */
function mayStay(seat: Seat, { followers, target }: Table): boolean {
  const { draft, who, change } = seat;
  if (followers.includes(seat) || draft.stuck) return true;
  // An earlier key of a toggle, on its way out, may have what the next one has.
  const isPassedOn = draft.role === 'leave' && followers.some(one => one.draft.audience === draft.audience);
  if (isPassedOn) return change === undefined || change.closes.length === 0;
  return change === undefined && sameMembers(who, target);
}

function onlyLoses({ context }: Room, { who, draft }: Seat, target: Members): boolean {
  const { differences } = context;
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
