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
    const entries = entriesOf(context, group, looked);
    if (revokes) judgeSum(context, group, entries, 'revoked', blocks);
    if (grants) judgeSum(context, group, entries, 'granted', blocks);
  }
}

function grantsCounted({ draft, stakes }: Judged): boolean {
  return stakes.grantsNow && !stakes.isFirstFill && !draft.capped;
}

function entriesOf(context: Context, group: Group, looked: ReadonlySet<DesiredListing>): readonly Entry[] {
  const { input } = context;
  const entries = group.judged.map(one => entryOf(context, one));
  const taken = new Set(group.judged.map(({ draft }) => draft.id));
  // All that nothing happened to are one entry: there are thousands of them.
  let unmoved = 0;
  for (const lookup of context.lookups) {
    if (lookup.view.name !== group.target) continue;
    for (const listing of lookup.view.desired) {
      const isLooked = looked.has(listing);
      for (const placement of listing.placements) {
        if (placement.environment !== group.environment || placement.source !== group.source) continue;
        if (placement.state === 'off' || (isLooked && taken.has(placement.id))) continue;
        const baseline = input.baseline(placement.id);
        if (!isLooked && baseline === undefined) {
          const audience = input.audiences.get(placement.audience);
          if (audience?.state === 'defined' && audience.who.kind === 'members') unmoved += audience.who.members.size;
        } else {
          const live = lookup.live.get(listing.key);
          if (live !== undefined && isOurs(lookup, live)) {
            entries.push(standingEntry(context, lookup, listing.key, placement, baseline));
          }
        }
      }
    }
  }
  entries.push({ judged: undefined, base: unmoved, known: unmoved, revoked: noMembers, granted: noMembers });
  return entries;
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
    revoked: context.differences.without(removed, baseline.approvedRevoked),
    granted: context.differences.without(added, baseline.approvedGranted),
  };
}

function judgeSum(context: Context, group: Group, entries: readonly Entry[], kind: Kind, blocks: Blocks): void {
  const { guard } = context.input;
  const count = total(entries, entry => entry[kind].size);
  const of = total(entries, ({ base, known }) => (kind === 'revoked' ? base : known));
  const always = kind === 'revoked' ? guard.alwaysAllowedRevocations : guard.alwaysAllowedGrants;
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
