import { type Members, noMembers, union } from '../domain/members.ts';
import type { Block, PlacementRef } from '../domain/plan.ts';
import { isOpen as isStill, windowOf } from './approvals.ts';
import { blockId } from './block-id.ts';
import type { Draft, Site } from './draft.ts';
import { isOver } from './limits.ts';
import type { Context } from './lookup.ts';
import { approveHint, countOf, shares } from './messages.ts';

/**
 * Judges the toggles whose files are gone, all together: too many at once are a mistake, and then none is removed. Those
 * removed within the window count along. Returns the block, or undefined when they may go.
 */
export function judgeRemovals(context: Context, sites: readonly Site[], reviewed: boolean): Block | undefined {
  const drafts = sites.flatMap(site => site.drafts.filter(({ role }) => role === 'remove'));
  const pending = new Set(drafts.map(({ ref }) => ref.toggle));
  if (pending.size === 0 || reviewed) return undefined;
  const { input } = context;
  const { guard, removals } = input;
  const offToggles = new Set(removals.known.flatMap(({ toggle, appliedOff }) => (appliedOff ? [toggle] : [])));
  // One target's plan counts the files that are gone everywhere: slices by target are one removal.
  const gone = removals.known.flatMap(({ toggle }) => (removals.present.has(toggle) ? [] : [toggle]));
  const recent = removedLately(context);
  const counted = [...new Set([...pending, ...gone, ...recent])]
    .sort()
    .filter(toggle => !offToggles.has(toggle) && !isInWindow(context, drafts, toggle));
  const all = new Set([...removals.known.map(({ toggle }) => toggle), ...removals.present, ...pending, ...recent]);
  if (!isOver(counted.length, all.size, guard.alwaysAllowedRevocations, guard.maxRemovedToggles)) return undefined;
  const isApproved = input.approvals.some(
    approval =>
      approval.scope === 'removal' &&
      isStill(approval, input.now) &&
      counted.filter(toggle => !approval.removals.includes(toggle)).length <= guard.alwaysAllowedRevocations,
  );
  return isApproved
    ? undefined
    : blockOf(drafts, [...new Set([...pending, ...gone])].sort(), counted, all.size, guard.maxRemovedToggles);
}

/** Toggles whose listings were closed for good within the window; after it they count no more. */
function removedLately({ input, lookups }: Context): readonly string[] {
  const since = input.now - input.guard.window;
  return lookups.flatMap(({ view }) =>
    [...view.applied.values()]
      .filter(({ toggle, removed }) => removed && !input.removals.present.has(toggle))
      .filter(({ placements }) => placements.some(({ appliedAt }) => appliedAt > since))
      .map(({ toggle }) => toggle),
  );
}

function isInWindow(context: Context, drafts: readonly Draft[], toggle: string): boolean {
  const own = drafts.filter(({ ref }) => ref.toggle === toggle);
  return own.length > 0 && own.every(({ source }) => windowOf(context, source) !== undefined);
}

function blockOf(
  drafts: readonly Draft[],
  pending: readonly string[],
  counted: readonly string[],
  of: number,
  allowed: number,
): Block {
  const id = blockId('removal', pending);
  const placements: PlacementRef[] = drafts.map(({ ref }) => ref);
  const users: readonly Members[] = drafts.map(({ contents }) => contents.any);
  return {
    id,
    scope: 'removal',
    reason: 'removals',
    source: null,
    audience: null,
    placements,
    revoked: union(...users),
    granted: noMembers,
    of,
    message:
      `the files of ${countOf(counted.length, 'toggle')} of ${of} are gone (${shares(counted.length, of, allowed)}); ` +
      `none of ${pending.length === 1 ? 'it' : 'them'} is removed. ${approveHint(id)}`,
    // Those of the window too: the approval has to cover whatever was counted.
    removals: [...new Set([...pending, ...counted])].sort(),
    instance: null,
  };
}
