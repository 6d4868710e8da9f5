import { groupKey } from '../domain/identity.ts';
import { sameMembers } from '../domain/members.ts';
import type { LivePlacement } from '../domain/listing.ts';
import type { Change, PlacementChange } from '../domain/plan.ts';
import { membersIn } from './contents.ts';
import type { Draft } from './draft.ts';

/** As much of a seat in a group as is looked at here. */
interface Seated {
  readonly draft: Draft;
  readonly now: string | undefined;
  readonly perhaps: readonly string[];
  readonly change: (Change & PlacementChange) | undefined;
  readonly follows: boolean;
  readonly isLarge: boolean;
}

/**
 * Groups whose every placement loses the same members for a reason that is no answer (a denied user, while all of them are
 * held): the group is written once, and nobody has to leave it. Gives the seats, with their group.
 */
export function unanimous<Seat extends Seated>(
  seats: readonly Seat[],
  outside: (environment: string, name: string) => readonly LivePlacement[],
): readonly { readonly seat: Seat; readonly name: string }[] {
  const groups = new Map<string, Seat[]>();
  for (const seat of seats) {
    if (seat.now === undefined) continue;
    const key = groupKey(seat.draft.ref.environment, seat.now);
    const group = groups.get(key);
    if (group) group.push(seat);
    else groups.set(key, [seat]);
  }
  const entered = new Set(
    seats.flatMap(({ draft, perhaps }) => perhaps.map(name => groupKey(draft.ref.environment, name))),
  );
  return [...groups].flatMap(([key, group]) => {
    const [first] = group as [Seat, ...Seat[]];
    const name = first.now ?? '';
    const { environment } = first.draft.ref;
    if (!group.every(seat => agrees(seat, first)) || outside(environment, name).length > 0) return [];
    // By a write under way it may hold others by now.
    if (entered.has(key)) return [];
    return group.map(seat => ({ seat, name }));
  });
}

function agrees({ change, follows, isLarge }: Seated, first: Seated): boolean {
  if (change === undefined || first.change === undefined || follows || !isLarge) return false;
  const [who, wanted] = [membersIn(change.after.who), membersIn(first.change.after.who)];
  if (who === undefined || wanted === undefined || !sameMembers(who, wanted)) return false;
  return change.phase === 'revoke' && change.after.on && change.closes.length === 0 && change.from === undefined;
}
