import { intersection, type Members, union } from '../domain/members.ts';
import type { Approval, BlockReason } from '../domain/plan.ts';
import type { Draft } from './draft.ts';
import type { Limits } from './limits.ts';
import type { Context } from './lookup.ts';
import type { Stakes } from './stakes.ts';

/** What an approval of a block of users' changes covers: each of these reasons shows the same two sets. */
const changeReasons: ReadonlySet<BlockReason | null> = new Set<BlockReason | null>([
  'revocations',
  'becomes-empty',
  'grants',
  'max-users',
  null,
]);

/** Which rules a placement breaks. */
export interface Excess {
  readonly revocations: boolean;
  readonly empty: boolean;
  readonly grants: boolean;
  readonly maxUsers: boolean;
  readonly unknown: boolean;
}

/** True until its time. */
export function isOpen(until: { readonly until: number }, now: number): boolean {
  return until.until > now;
}

/** The window that was opened beforehand for a source, as an approval's id. */
export function windowOf({ input }: Context, source: string): string | undefined {
  const open = input.windows.some(window => window.source === source && isOpen(window, input.now));
  return open ? `window of ${source}` : undefined;
}

/** True for the approvals whose sets speak of this placement. `closing`: the block's id, where the placement closes. */
function isAbout(approval: Approval, draft: Draft, blockId: string | undefined): boolean {
  if (draft.role === 'close') return approval.id === blockId;
  if (approval.scope === 'source') return approval.reason === 'suspect' && approval.source === draft.source;
  return approval.scope === 'audience' && approval.audience === draft.audience && changeReasons.has(approval.reason);
}

function exactly({ input }: Context, blockId: string): readonly Approval[] {
  return input.approvals.filter(one => one.id === blockId && isOpen(one, input.now));
}

function approvalsAbout({ input }: Context, draft: Draft, blockId: string | undefined): readonly Approval[] {
  const { approvals, now } = input;
  if (approvals.length === 0) return approvals;
  return approvals
    .filter(one => isOpen(one, now) && isAbout(one, draft, blockId))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/**
 * The approval that lets a placement break the rules it breaks: what is revoked (granted) lies within the approved set plus
 * the numbers always allowed, and it becomes empty only if everybody in it was approved. Undefined: there is none.
 */
export function approvalFor(
  context: Context,
  draft: Draft,
  stakes: Stakes,
  excess: Excess,
  limits: Limits,
  blockId: string,
): Draft['approval'] {
  const { differences } = context;
  const about = excess.unknown ? exactly(context, blockId) : approvalsAbout(context, draft, blockId);
  for (const approval of about) {
    const revoked = union(approval.revoked, stakes.approvedRevoked);
    const granted = union(approval.granted, stakes.approvedGranted);
    const left = (what: Members, from: Members): number => differences.without(from, what).size;
    if (excess.revocations && left(revoked, stakes.revoked) > limits.alwaysAllowedRevocations) continue;
    if (excess.empty && left(revoked, stakes.everyone) > 0) continue;
    if ((excess.grants || excess.maxUsers) && left(granted, stakes.granted) > limits.alwaysAllowedGrants) continue;
    return {
      id: approval.id,
      granted: intersection(stakes.granted, approval.granted),
      revoked: intersection(stakes.revoked, approval.revoked),
    };
  }
  return undefined;
}

/** What of a placement's revocations (grants) counts towards a sum: not what was approved, before or in this plan. */
export function unapproved(
  context: Context,
  draft: Draft,
  stakes: Pick<Stakes, 'revoked' | 'granted' | 'approvedRevoked' | 'approvedGranted'>,
  blockId: string | undefined,
): { readonly revoked: Members; readonly granted: Members } {
  const about = approvalsAbout(context, draft, blockId);
  const revoked = union(stakes.approvedRevoked, ...about.map(({ revoked }) => revoked));
  const granted = union(stakes.approvedGranted, ...about.map(({ granted }) => granted));
  return {
    revoked: context.differences.without(stakes.revoked, revoked),
    granted: context.differences.without(stakes.granted, granted),
  };
}

/** Approvals of a sum over a source, in a fixed order. */
export function sumApprovals({ input }: Context, source: string): readonly Approval[] {
  return input.approvals
    .filter(one => one.scope === 'source' && one.source === source && isOpen(one, input.now))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** True when that very block was approved. */
export function isApproved(context: Context, blockId: string): boolean {
  return exactly(context, blockId).length > 0;
}
