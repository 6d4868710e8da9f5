/** Who stands in which group of a target, and who should. */
import { compareCodePoints } from '../domain/code-points.ts';
import { groupKey } from '../domain/identity.ts';
import { type Members, sameMembers } from '../domain/members.ts';
import type { Change, PlacementChange, TargetView } from '../domain/plan.ts';
import type { GroupNames, LivePlacement, Unread } from '../domain/listing.ts';
import { membersIn } from './contents.ts';
import { type Draft, isFree, type Site } from './draft.ts';
import { isOurs, type Context, type Lookup } from './lookup.ts';

type Standing = NonNullable<Unread['standing']>;

export type Placed = Change & PlacementChange;

/** A draft, and what is planned for it. */
export interface Seat {
  readonly draft: Draft;
  readonly names: GroupNames | undefined;
  /** The group it is in now. */
  readonly now: string | undefined;
  /** Groups it may be in besides: it could not be read, or a write is not answered. */
  readonly perhaps: readonly string[];
  change: Placed | undefined;
  /** Who it will have. */
  readonly who: Members;
  /** It will have exactly its audience, and be on. */
  readonly follows: boolean;
  /** It should stand in a group, as far as its size says. */
  readonly isLarge: boolean;
}

/** One shared group in one environment of a target. */
export interface Table {
  readonly name: string;
  readonly environment: string;
  /** The audience's members. */
  readonly target: Members;
  /** Who follows that audience. */
  readonly followers: Seat[];
}

/** All of one target. */
export interface Room {
  readonly context: Context;
  readonly seats: readonly Seat[];
  /** Placements of ours about which this plan says nothing (`--only`), by the group they are in. */
  outside(environment: string, name: string): readonly LivePlacement[];
  /** Something that could not be read, and about which this plan says nothing, may be in that group. */
  mayHold(environment: string, name: string): boolean;
  /** Ids of what makes a listing ours or brings it back, by its key. */
  readonly steps: ReadonlyMap<string, readonly string[]>;
}

/** Seats the drafts of one target, each in the form that it has or needs by itself. `plannedFor`: the change of a draft. */
export function roomOf(
  context: Context,
  lookup: Lookup,
  sites: readonly Site[],
  changes: readonly Change[],
  plannedFor: (draft: Draft) => Change | undefined,
): Room {
  const { entering, live } = lookup.view;
  const unread = new Map(live.unreadable.map(({ key, standing = [] }) => [key, standing]));
  const seats = sites
    .filter(({ view }) => view === lookup.view)
    .flatMap(({ drafts }) => drafts.map(draft => seatOf(draft, perhapsIn(unread, entering, draft), plannedFor(draft))));
  for (const seat of seats) keepForm(seat);
  const unseated = unseatedIn(unread, seats);
  return {
    context,
    seats,
    outside: outsideOf(lookup, seats),
    mayHold: (environment, name) => unseated.has(groupKey(environment, name)),
    steps: stepsOf(lookup, changes),
  };
}

/** The groups of what could not be read and has no seat. */
function unseatedIn(unread: ReadonlyMap<string, Standing>, seats: readonly Seat[]): ReadonlySet<string> {
  if (unread.size === 0) return new Set();
  const seated = new Set(seats.map(({ draft: { site, ref } }) => `${ref.environment} ${site.key}`));
  const groups = [...unread].flatMap(([key, standing]) =>
    standing
      .filter(({ environment }) => !seated.has(`${environment} ${key}`))
      .map(({ environment, group }) => groupKey(environment, group)),
  );
  return new Set(groups);
}

function stepsOf({ view }: Lookup, changes: readonly Change[]): Room['steps'] {
  const steps = new Map<string, string[]>();
  for (const { kind, target, key, id } of changes) {
    if (target === view.name && (kind === 'adopt' || kind === 'restore'))
      steps.set(key, [...(steps.get(key) ?? []), id]);
  }
  return steps;
}

function seatOf(draft: Draft, perhaps: readonly string[], planned: Change | undefined): Seat {
  const change = planned?.kind === 'placement' ? planned : undefined;
  const { answer, role, contents, capped, live, site } = draft;
  const who = (change && membersIn(change.after.who)) ?? contents.any;
  const isOn = change?.after.on ?? contents.on;
  const isFollower = role === 'follow' && isFree(draft) && !capped && isOn;
  return {
    draft,
    names: site.desired?.placements.find(({ id }) => id === draft.id)?.groups,
    now: live?.group,
    perhaps,
    change,
    who,
    follows: isFollower && answer !== undefined && sameMembers(who, answer.members),
    isLarge: isOn && isLarge(draft, who.size),
  };
}

/** What was last known of one that cannot be read, and where a write without an answer puts it. */
function perhapsIn(
  unread: ReadonlyMap<string, Standing>,
  entering: TargetView['entering'],
  { id, live, ref, site }: Draft,
): readonly string[] {
  const entered = entering?.get(id);
  const stood = (unread.get(site.key) ?? []).filter(({ environment }) => environment === ref.environment);
  return [
    ...stood.map(({ group }) => group),
    ...(live?.pending?.groups ?? []),
    ...(entered === undefined ? [] : [entered]),
  ];
}

/** So many are held in a group: a group is left at a lower size than it is entered. */
export function isLarge({ site, live }: Draft, size: number): boolean {
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
export function ownForm({ names, isLarge }: Seat): string | undefined {
  return isLarge ? names?.own : undefined;
}

/** The change, written into that group; undefined: as a list. */
export function inForm(change: Placed, group: string | undefined): Placed {
  const { group: _, ...after } = change.after;
  return { ...change, after: { ...after, ...(group !== undefined && { group }) } };
}

function outsideOf(lookup: Lookup, seats: readonly Seat[]): Room['outside'] {
  let outside: Map<string, LivePlacement[]> | undefined;
  return (environment, name) => {
    outside ??= index(lookup, new Set(seats.map(({ draft }) => draft.id)));
    return outside.get(groupKey(environment, name)) ?? [];
  };
}

function index(lookup: Lookup, seated: ReadonlySet<string>): Map<string, LivePlacement[]> {
  const outside = new Map<string, LivePlacement[]>();
  for (const listing of lookup.live.values()) {
    for (const placement of listing.placements) {
      const { id, group, environment } = placement;
      if (group === undefined || seated.has(id) || !isOurs(lookup, listing)) continue;
      const key = groupKey(environment, group);
      outside.set(key, [...(outside.get(key) ?? []), placement]);
    }
  }
  return outside;
}

/** The groups that somebody should follow, in one order. */
export function tablesOf(seats: readonly Seat[]): Iterable<Table> {
  const tables = new Map<string, Table>();
  for (const seat of seats) {
    if (!seat.follows || seat.names === undefined) continue;
    const { environment } = seat.draft.ref;
    const { shared: name } = seat.names;
    const table = tables.get(groupKey(environment, name)) ?? { name, environment, target: seat.who, followers: [] };
    table.followers.push(seat);
    tables.set(groupKey(environment, name), table);
  }
  // In one order, whatever the order of the files: who leaves one group may enter the next.
  return [...tables].sort(([a], [b]) => compareCodePoints(a, b)).map(([, table]) => table);
}
