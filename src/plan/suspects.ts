import { type Members, noMembers, union } from '../domain/members.ts';
import type { Approval, Block, PlacementRef, SourceStanding } from '../domain/plan.ts';
import type { DesiredPlacement } from '../domain/listing.ts';
import type { Suspects } from './answers.ts';
import { isOpen } from './approvals.ts';
import { blockId } from './block-id.ts';
import { appliedPlacement, contentsOf, livePlacement, membersIn } from './contents.ts';
import type { Context, Lookup } from './lookup.ts';
import { approveHint, countOf } from './messages.ts';
import { overridesOf } from './overrides.ts';
import { type Stray, straysOf } from './strays.ts';

export interface SuspectVerdicts extends Suspects {
  readonly blocks: readonly Block[];
  /** With the instance, for the audience room to remember. */
  readonly remember: readonly { readonly source: string; readonly instance: string }[];
}

/** One placement's candidate beside what was last applied. `counts`: it was filled before, so it is something to lose. */
interface Compared {
  readonly ref: PlacementRef;
  readonly before: Members;
  readonly granted: Members;
  readonly revoked: Members;
  readonly counts: boolean;
}

interface Comparison {
  readonly compared: Compared[];
  /** Something is there that nobody can tell: never nothing to lose. */
  unknown: boolean;
  /** Somebody has it, and there is no answer to compare. */
  unanswered: boolean;
}

/**
 * Judges the sources that only a comparison with what was last applied, or an approval, can make ready. The comparison is
 * over all placements of the source, `--only` or not: what is accepted here is accepted for the source as a whole.
 */
export function judgeSuspects(context: Context): SuspectVerdicts {
  const accepted = new Set<string>();
  const frozen = new Set<string>();
  const blocks: Block[] = [];
  const remember: { source: string; instance: string }[] = [];
  for (const [source, standing] of context.input.sources) {
    if (standing.state !== 'suspect' || standing.by !== 'nothing') continue;
    if (overridesOf(context.input).paused.source.has(source)) continue;
    const comparison = compare(context, source);
    if (comparison.compared.length === 0) continue;
    if (isAccepted(context, source, standing, comparison)) {
      accepted.add(source);
      if (standing.instanceId !== null) remember.push({ source, instance: standing.instanceId });
    } else {
      frozen.add(source);
      blocks.push(blockOf(source, standing, comparison.compared));
    }
  }
  remember.sort((a, b) => (a.source < b.source ? -1 : 1));
  return { accepted, frozen, blocks, remember };
}

function compare(context: Context, source: string): Comparison {
  const comparison: Comparison = { compared: [], unknown: false, unanswered: false };
  for (const lookup of context.lookups) {
    const strays = straysByToggle(lookup);
    for (const { key, toggle, placements } of lookup.view.desired) {
      const olds = strays.get(toggle) ?? [];
      for (const placement of placements) {
        if (placement.source !== source || placement.state !== 'on') continue;
        addTo(comparison, context, lookup, key, placement, olds);
      }
    }
  }
  return comparison;
}

function straysByToggle(lookup: Lookup): ReadonlyMap<string, readonly Stray[]> {
  const byToggle = new Map<string, Stray[]>();
  for (const stray of straysOf(lookup)) {
    if (stray.live?.removed || stray.live?.archived || stray.applied?.removed) continue;
    byToggle.set(stray.toggle, [...(byToggle.get(stray.toggle) ?? []), stray]);
  }
  return byToggle;
}

/** Who has it under a former key, as far as is known: moving is no way to have nothing to lose. */
function beforeMove(olds: readonly Stray[], environment: string): Members {
  const who = olds.flatMap(({ live, applied }) => {
    const placements = (live ?? applied)?.placements ?? [];
    return placements
      .filter(one => one.environment === environment)
      .map(({ id }) => {
        const contents = contentsOf(livePlacement(live, id));
        return live !== undefined && contents.known ? contents.any : (appliedPlacement(applied, id)?.who ?? noMembers);
      });
  });
  return union(...who);
}

function addTo(
  into: Comparison,
  context: Context,
  lookup: Lookup,
  key: string,
  placement: DesiredPlacement,
  olds: readonly Stray[],
): void {
  const listing = lookup.live.get(key);
  const contents = contentsOf(livePlacement(listing, placement.id));
  const applied = appliedPlacement(lookup.view.applied.get(key), placement.id);
  const isThere = contents.known && !lookup.unreadable.has(key);
  if (!isThere && applied === undefined) into.unknown = true;
  const own = isThere ? contents.any : (applied?.who ?? noMembers);
  const former = olds.length === 0 ? noMembers : beforeMove(olds, placement.environment);
  const { denied } = overridesOf(context.input);
  const any = context.differences.without(former.size === 0 ? own : union(own, former), denied);
  const sure = former.size === 0 && isThere ? contents.sure : any;
  const audience = context.input.audiences.get(placement.audience);
  const candidate = audience?.state === 'not-ready' && audience.candidate ? membersIn(audience.candidate) : undefined;
  if (candidate === undefined) {
    if (any.size > 0) into.unanswered = true;
    return;
  }
  const { toggle, target, environment } = placement;
  into.compared.push({
    ref: { toggle, target, environment },
    before: any,
    granted: context.differences.between(sure, candidate).added,
    revoked: context.differences.between(any, candidate).removed,
    counts: applied?.firstFilledAt !== undefined || any.size > 0,
  });
}

function isAccepted(context: Context, source: string, standing: SourceStanding, comparison: Comparison): boolean {
  const { guard, approvals, windows, now } = context.input;
  const counted = comparison.compared.filter(({ counts }) => counts);
  if (!comparison.unknown && !comparison.unanswered && counted.length === 0) return true;
  // Equal answers prove something only where there was somebody to find again.
  const proof = !comparison.unanswered || counted.some(({ before }) => before.size > 0);
  const granted = sum(counted, ({ granted }) => granted.size);
  const revoked = sum(counted, ({ revoked }) => revoked.size);
  if (
    !comparison.unknown &&
    proof &&
    granted <= guard.alwaysAllowedGrants &&
    revoked <= guard.alwaysAllowedRevocations
  ) {
    return true;
  }
  if (windows.some(window => window.source === source && isOpen(window, now))) return true;
  return approvals.some(approval => isOpen(approval, now) && covers(context, approval, source, standing, counted));
}

function covers(
  { input: { guard }, differences }: Context,
  approval: Approval,
  source: string,
  standing: SourceStanding,
  counted: readonly Compared[],
): boolean {
  if (approval.scope !== 'source' || approval.source !== source || approval.reason !== 'suspect') return false;
  if (approval.instance !== standing.instanceId) return false;
  const granted = sum(counted, ({ granted }) => differences.without(granted, approval.granted).size);
  const revoked = sum(counted, ({ revoked }) => differences.without(revoked, approval.revoked).size);
  return granted <= guard.alwaysAllowedGrants && revoked <= guard.alwaysAllowedRevocations;
}

function blockOf(source: string, standing: SourceStanding, compared: readonly Compared[]): Block {
  const id = blockId('suspect', source, standing.instanceId);
  const before = sum(compared, ({ before }) => before.size);
  const revoked = sum(compared, ({ revoked }) => revoked.size);
  const granted = sum(compared, ({ granted }) => granted.size);
  return {
    id,
    scope: 'source',
    reason: 'suspect',
    source,
    audience: null,
    placements: compared.map(({ ref }) => ref),
    revoked: union(...compared.map(({ revoked }) => revoked)),
    granted: union(...compared.map(({ granted }) => granted)),
    of: before,
    message:
      `source ${source} answers under another instance, and nothing shows that its policy and data are complete: ` +
      `it would revoke ${revoked} of ${before} users and grant ${granted} in ${countOf(compared.length, 'placement')}. ` +
      approveHint(id),
    removals: [],
    instance: standing.instanceId,
  };
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}
