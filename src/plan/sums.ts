import { type Members, noMembers, union } from '../domain/members.ts';
import type { Baseline, BlockReason } from '../domain/plan.ts';
import type { DesiredListing, DesiredPlacement } from '../domain/listing.ts';
import { sumApprovals, unapproved, windowOf } from './approvals.ts';
import { blockId } from './block-id.ts';
import type { Blocks } from './blocks.ts';
import { contentsOf, livePlacement } from './contents.ts';
import type { BlockedBy, Draft } from './draft.ts';
import type { Judged } from './judged.ts';
import { isOver } from './limits.ts';
import { type Context, isOurs, type Lookup } from './lookup.ts';
import { placeOf, shares } from './messages.ts';
import { overridesOf } from './overrides.ts';
import { revokedIfCapped } from './stakes.ts';

/** All placements of one source in one environment of one target. */
interface Group {
  readonly target: string;
  readonly source: string;
  readonly environment: string;
  readonly judged: Judged[];
}

/** What one placement adds to the sums of its group. */
interface Entry {
  readonly judged: Judged | undefined;
  readonly base: number;
  readonly known: number;
  readonly revoked: Members;
  readonly granted: Members;
}

type Kind = 'revoked' | 'granted';

/**
 * Judges what all placements of a source lose (gain) together in one environment of a target. When it is too much, every
 * placement that would still lose (gain) somebody is blocked; the rest goes on.
 */
export function judgeSums(
  context: Context,
  judged: readonly Judged[],
  looked: ReadonlySet<DesiredListing>,
  blocks: Blocks,
): void {
  const groups = new Map<string, Group>();
  for (const one of judged) {
    const { source, ref } = one.draft;
    const key = `${ref.target}\n${source}\n${ref.environment}`;
    const group = groups.get(key) ?? { target: ref.target, source, environment: ref.environment, judged: [] };
    group.judged.push(one);
    groups.set(key, group);
  }
  for (const group of groups.values()) {
    const revokes = group.judged.some(({ draft, stakes }) => stakes.revokesNow && draft.blockedBy === undefined);
    const grants = group.judged.some(one => grantsCounted(one) && one.draft.blockedBy === undefined);
    if ((!revokes && !grants) || windowOf(context, group.source) !== undefined) continue;
    const entries = [...group.judged.map(one => entryOf(context, one)), ...othersOf(context, group, looked)];
    // How many there are in all matters only when so many move that somebody has to be asked.
    let still: number | undefined;
    const stillIn = (): number => (still ??= stillOf(context, group, looked));
    if (revokes) judgeSum(context, group, entries, stillIn, 'revoked', blocks);
    if (grants) judgeSum(context, group, entries, stillIn, 'granted', blocks);
  }
}

function grantsCounted({ draft, stakes }: Judged): boolean {
  return stakes.grantsNow && !stakes.isFirstFill && !draft.capped;
}

/** Placements of the group that are not judged, and may have moved in the window all the same. */
function othersOf(context: Context, group: Group, looked: ReadonlySet<DesiredListing>): readonly Entry[] {
  const { moved } = context.input;
  const taken = takenOf(group);
  if (looked.size === 0 && moved !== undefined && isWithin(moved, taken)) return [];
  const listings = moved !== undefined && isWithin(moved, taken) ? looked : undefined;
  const entries: Entry[] = [];
  for (const { lookup, listing, placement } of placementsOf(context, group, listings)) {
    if (taken.has(placement.id) || !mayHaveMoved(context, looked, listing, placement)) continue;
    const live = lookup.live.get(listing.key);
    if (live === undefined || !isOurs(lookup, live)) continue;
    const baseline = context.input.baseline(placement.id);
    entries.push(standingEntry(context, lookup, listing.key, placement, baseline));
  }
  return entries;
}

/** How many members all those placements of the group have to which nothing happened. */
function stillOf(context: Context, group: Group, looked: ReadonlySet<DesiredListing>): number {
  const taken = takenOf(group);
  let still = 0;
  for (const { listing, placement } of placementsOf(context, group, undefined)) {
    if (taken.has(placement.id) || mayHaveMoved(context, looked, listing, placement)) continue;
    const audience = context.input.audiences.get(placement.audience);
    if (audience?.state === 'defined' && audience.who.kind === 'members') still += audience.who.members.size;
  }
  return still;
}

function takenOf(group: Group): ReadonlySet<string> {
  return new Set(group.judged.map(({ draft }) => draft.id));
}

function isWithin(some: ReadonlySet<string>, all: ReadonlySet<string>): boolean {
  for (const one of some) if (!all.has(one)) return false;
  return true;
}

function mayHaveMoved(
  { input }: Context,
  looked: ReadonlySet<DesiredListing>,
  listing: DesiredListing,
  { id }: DesiredPlacement,
): boolean {
  if (looked.has(listing)) return true;
  return input.moved === undefined ? input.baseline(id) !== undefined : input.moved.has(id);
}

/** The group's placements that are not off, in all wanted listings or in those given. */
function* placementsOf(
  context: Context,
  { target, environment, source }: Group,
  listings: ReadonlySet<DesiredListing> | undefined,
): Generator<{ lookup: Lookup; listing: DesiredListing; placement: DesiredPlacement }> {
  for (const lookup of context.lookups) {
    if (lookup.view.name !== target) continue;
    for (const listing of listings ?? lookup.view.desired) {
      if (listing.target !== target) continue;
      for (const placement of listing.placements) {
        if (placement.environment !== environment || placement.source !== source) continue;
        if (placement.state !== 'off') yield { lookup, listing, placement };
      }
    }
  }
}

function entryOf(context: Context, judged: Judged): Entry {
  const { draft, stakes, after } = judged;
  const counted = { ...stakes, ...countedOf(context, judged) };
  const left = unapproved(context, draft, counted, draft.role === 'close' ? judged.id() : undefined);
  const { differences } = context;
  const { approval } = draft;
  // A first fill is what the window begins with from then on.
  const isFilled = stakes.isFirstFill && stakes.grantsNow && !draft.capped && draft.blockedBy === undefined;
  return {
    judged,
    base: isFilled ? after.size : stakes.base.size,
    known: isFilled ? after.size : stakes.known.size,
    revoked: approval ? differences.without(left.revoked, approval.revoked) : left.revoked,
    granted: approval ? differences.without(left.granted, approval.granted) : left.granted,
  };
}

/** What is counted of a placement: what was wanted, and, where that is stopped, what the window did until now. */
function countedOf(context: Context, { draft, stakes, after }: Judged): Pick<Entry, 'revoked' | 'granted'> {
  const { base, known, current, revoked, granted, isFirstFill } = stakes;
  const { differences } = context;
  if (draft.blockedBy !== undefined) {
    const now = { revoked: differences.without(base, current), granted: differences.without(current, known) };
    return {
      revoked: union(revoked, now.revoked),
      granted: isFirstFill ? noMembers : union(draft.capped ? noMembers : granted, now.granted),
    };
  }
  if (draft.capped) return { revoked: revokedIfCapped(context, base, current, after), granted: noMembers };
  return { revoked, granted: isFirstFill ? noMembers : granted };
}

/** A placement that this plan leaves as it is: in sync, or held. What was written in the window still counts. */
function standingEntry(
  context: Context,
  lookup: Lookup,
  key: string,
  placement: DesiredPlacement,
  baseline: Baseline | undefined,
): Entry {
  const contents = contentsOf(livePlacement(lookup.live.get(key), placement.id));
  const applied = lookup.view.applied.get(key)?.placements.find(({ id }) => id === placement.id)?.who ?? noMembers;
  const now = contents.known ? contents.any : applied;
  if (baseline === undefined) {
    return { judged: undefined, base: now.size, known: now.size, revoked: noMembers, granted: noMembers };
  }
  const { added, removed } = context.differences.between(baseline.members, now);
  return {
    judged: undefined,
    base: baseline.members.size,
    known: baseline.members.size,
    revoked: context.differences.without(
      context.differences.without(removed, baseline.approvedRevoked),
      overridesOf(context.input).denied,
    ),
    granted: context.differences.without(added, baseline.approvedGranted),
  };
}

function judgeSum(
  context: Context,
  group: Group,
  entries: readonly Entry[],
  still: () => number,
  kind: Kind,
  blocks: Blocks,
): void {
  const { guard } = context.input;
  const count = total(entries, entry => entry[kind].size);
  const always = kind === 'revoked' ? guard.alwaysAllowedRevocations : guard.alwaysAllowedGrants;
  if (count <= always) return;
  const of = still() + total(entries, ({ base, known }) => (kind === 'revoked' ? base : known));
  const share = kind === 'revoked' ? guard.maxRevokedShare : guard.maxGrantedShare;
  if (!isOver(count, of, always, share)) return;
  const moving = entries.flatMap(entry => (isMoving(entry, kind) ? [entry.judged] : []));
  if (moving.length === 0) return;
  // Those that a block of their own stops are decided there.
  const here = entries.filter(({ judged }) => judged?.draft.blockedBy === undefined);
  for (const approval of sumApprovals(context, group.source)) {
    const rest = total(here, entry => context.differences.without(entry[kind], approval[kind]).size);
    if (rest > always) continue;
    for (const { draft, stakes } of moving) draft.approval ??= approvedBy(context, approval, stakes);
    return;
  }
  block(group, here, moving, kind, { count, of, share }, blocks);
}

function isMoving(entry: Entry, kind: Kind): entry is Entry & { readonly judged: Judged } {
  const { judged } = entry;
  if (judged === undefined || judged.draft.blockedBy !== undefined || entry[kind].size === 0) return false;
  return kind === 'revoked' ? judged.stakes.revokesNow : grantsCounted(judged);
}

function approvedBy(
  { differences }: Context,
  approval: { readonly id: string; readonly granted: Members; readonly revoked: Members },
  { granted, revoked }: { readonly granted: Members; readonly revoked: Members },
): Draft['approval'] {
  const within = (all: Members, some: Members): Members => differences.without(all, differences.without(all, some));
  return { id: approval.id, granted: within(granted, approval.granted), revoked: within(revoked, approval.revoked) };
}

function block(
  { source, target, environment }: Group,
  here: readonly Entry[],
  moving: readonly Judged[],
  kind: Kind,
  { count, of, share }: { readonly count: number; readonly of: number; readonly share: number },
  blocks: Blocks,
): void {
  const decided = moving.map(({ draft, after }) => JSON.stringify([draft.audience, draft.role, after.hash])).sort();
  const id = blockId('source', kind, source, environment, [...new Set(decided)]);
  const about: BlockedBy = { id, scope: 'source', source, audience: null };
  const place = placeOf({ toggle: '', target, environment });
  const what = kind === 'revoked' ? `revoke ${count} of ${of} users` : `let ${count} users in beside ${of}`;
  const message = `source ${source} would ${what} in ${place}, summed over its toggles (${shares(count, of, share)})`;
  const reason: BlockReason = kind === 'revoked' ? 'revocations' : 'grants';
  const revoked = union(...here.map(entry => entry.revoked));
  const granted = union(...here.map(entry => entry.granted));
  for (const [index, { draft }] of moving.entries()) {
    draft.blockedBy = about;
    blocks.add(about, { ref: draft.ref, reason, revoked, granted, base: noMembers, message }, index === 0 ? of : 0);
  }
}

function total<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((sum, one) => sum + of(one), 0);
}
