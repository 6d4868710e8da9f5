import { compareCodePoints } from '../domain/code-points.ts';
import { intersection, type Members, noMembers } from '../domain/members.ts';
import { approvalFor, type Excess, isApproved, windowOf } from './approvals.ts';
import { blockId } from './block-id.ts';
import type { Blocks } from './blocks.ts';
import { isClosed, unknown } from './contents.ts';
import type { BlockedBy, Draft, Site } from './draft.ts';
import { isOver, limitsOf } from './limits.ts';
import type { Context } from './lookup.ts';
import { type AudienceReason, audienceMessage, placeOf } from './messages.ts';
import { revokedIfCapped, stakesOf } from './stakes.ts';
import type { Judged } from './judged.ts';
import { judgeSums } from './sums.ts';
import type { Survey } from './survey.ts';

/**
 * Stands between the plan and a disaster: marks drafts as blocked (nothing of them is written), capped (only revocations)
 * or approved, and gathers the blocks. `reviewed`: what the commit causes counts as approved.
 */
export function guard(context: Context, survey: Survey, reviewed: boolean, blocks: Blocks): void {
  const judged: Judged[] = [];
  for (const site of survey.sites) {
    if (site.paused) continue;
    if (site.first === 'adopt' && blockAdoption(context, site, reviewed, blocks)) continue;
    for (const draft of site.drafts) {
      const after = wantedBy(draft);
      if (after === undefined) continue;
      const one = judgedOf(context, draft, after);
      judged.push(one);
      judge(context, one, reviewed, blocks);
    }
  }
  if (judged.length === 0) return;
  // Who is frozen neither loses nor regains anybody, which may put a sum over: again, until nobody else is frozen.
  do judgeSums(context, judged, survey.looked, blocks);
  while (freezeSiblings(judged, blocks));
}

/** Who would have it, for the placements that the guard judges; a state of off, a removal and a held one need no guard. */
function wantedBy(draft: Draft): Members | undefined {
  if (draft.stuck || draft.suspect) return undefined;
  if (draft.role === 'follow') return draft.answer?.members;
  return draft.role === 'close' && !isClosed(draft.contents, draft.site.view.can) ? noMembers : undefined;
}

function judgedOf(context: Context, draft: Draft, after: Members): Judged {
  const { role, ref, audience } = draft;
  return {
    draft,
    after,
    stakes: stakesOf(context, draft, after),
    limits: limitsOf(context.input.guard, draft.guard),
    id: () =>
      role === 'close'
        ? blockId('closing', ref.toggle, ref.environment, audience)
        : blockId('audience', audience, after.hash),
  };
}

function judge(context: Context, judged: Judged, reviewed: boolean, blocks: Blocks): void {
  const { draft, stakes } = judged;
  const pass = windowOf(context, draft.source) ?? (reviewed && draft.definitional ? 'checksum' : undefined);
  if (pass !== undefined) {
    if (stakes.revokesNow || stakes.grantsNow) {
      draft.approval = { id: pass, granted: stakes.granted, revoked: stakes.revoked };
    }
    return;
  }
  const objection = objectionTo(context, judged);
  if (objection === undefined) return;
  const { reason, excess, id } = objection;
  draft.approval = objection.approval;
  if (draft.approval !== undefined) return;
  // A closing stands on no answer: its approval is none of the audience's.
  const audience = draft.role === 'close' ? null : draft.audience;
  const block: BlockedBy = { id, scope: 'audience', source: draft.source, audience };
  if (reason === 'max-users') draft.capped = true;
  else draft.blockedBy = block;
  addPart(context, judged, reason, excess.empty, block, blocks);
}

interface Objection {
  readonly reason: AudienceReason;
  readonly excess: Excess;
  /** Of its block. */
  readonly id: string;
  /** It was approved all the same. */
  readonly approval: Draft['approval'];
}

function objectionTo(context: Context, judged: Judged): Objection | undefined {
  const { draft, stakes, limits } = judged;
  const excess = excessOf(context, judged);
  const reason = reasonOf(excess);
  if (reason === undefined) return undefined;
  const id = excess.unknown ? blockId('unknown-contents', draft.audience) : judged.id();
  return { reason, excess, id, approval: approvalFor(context, draft, stakes, excess, limits, id) };
}

/**
 * True when the guard would let a placement that cannot be read come to have `after`: it is held against what was last
 * applied there. What is not known to the state is not let through.
 */
export function wouldPass(context: Context, draft: Draft, after: Members): boolean {
  if (draft.applied === undefined) return false;
  if (windowOf(context, draft.source) !== undefined) return true;
  const objection = objectionTo(context, judgedOf(context, { ...draft, contents: unknown }, after));
  return objection === undefined || objection.approval !== undefined;
}

function excessOf(context: Context, { draft, stakes, limits, after }: Judged): Excess {
  const { input } = context;
  const { revokesNow, grantsNow, base, known, granted, current, everyone, isFirstFill } = stakes;
  const maxUsers = grantsNow && after.size > limits.maxUsers;
  const revoked = maxUsers ? revokedIfCapped(context, base, current, after) : stakes.revoked;
  // With too many users only revocations go out, and they may leave nobody.
  const left = maxUsers ? intersection(current, after) : after;
  const { alwaysAllowedRevocations, maxRevokedShare, alwaysAllowedGrants, maxGrantedShare } = limits;
  const standing = input.sources.get(draft.source);
  const isSure = standing !== undefined && standing.state === 'ready' && standing.by !== 'nothing';
  return {
    revocations: revokesNow && isOver(revoked.size, base.size, alwaysAllowedRevocations, maxRevokedShare),
    empty: revokesNow && left.size === 0 && everyone.size >= 2 && !limits.allowEmpty,
    grants:
      grantsNow && !isFirstFill && !maxUsers && isOver(granted.size, known.size, alwaysAllowedGrants, maxGrantedShare),
    maxUsers,
    unknown: !draft.contents.known && after.size === 0 && !isSure,
  };
}

function reasonOf(excess: Excess): AudienceReason | undefined {
  if (excess.unknown) return 'unknown-contents';
  if (excess.revocations) return 'revocations';
  if (excess.empty) return 'becomes-empty';
  if (excess.grants) return 'grants';
  return excess.maxUsers ? 'max-users' : undefined;
}

function addPart(
  context: Context,
  { draft, stakes, limits, after }: Judged,
  reason: AudienceReason,
  isEmptied: boolean,
  block: BlockedBy,
  blocks: Blocks,
): void {
  const { ref, source, audience } = draft;
  const { base, known, everyone } = stakes;
  const rule = context.input.audiences.get(audience)?.from.rule;
  const who =
    draft.role === 'close'
      ? `the file of ${ref.toggle}, which does not name ${placeOf(ref)} any more,`
      : `policy ${rule ?? audience} of ${source}`;
  const granted = stakes.grantsNow ? stakes.granted : noMembers;
  // Of a placement with too many users the revocations go out by themselves: nothing of them has to be approved.
  // What becomes empty needs everybody's approval.
  const needsAll = isEmptied || after.size === 0;
  const revoked = reason === 'max-users' ? noMembers : needsAll ? everyone : stakes.revoked;
  const message = audienceMessage(reason, who, ref, {
    revoked: stakes.revoked.size,
    granted: granted.size,
    before: reason === 'becomes-empty' ? everyone.size : base.size,
    known: known.size,
    after: after.size,
    limits,
  });
  blocks.add(block, { ref, reason, revoked, granted, base: everyone, message });
}

/** A flag that is open by rule, percentage or default closes when it is taken over: somebody has to say that it may. */
function blockAdoption(context: Context, site: Site, reviewed: boolean, blocks: Blocks): boolean {
  const open = site.drafts.flatMap(({ ref, audience, live }) =>
    (live?.waysIn ?? [])
      .filter(way => way.open)
      .map(({ what }) => ({ what: `${ref.environment}: ${what}`, environment: ref.environment, audience })),
  );
  open.sort((a, b) => compareCodePoints(a.what, b.what));
  const [first] = open;
  if (first === undefined || reviewed) return false;
  const ways = open.map(({ what }) => what);
  const id = blockId('adoption', site.toggle, ways);
  const owner = site.drafts.find(({ ref }) => ref.environment === first.environment);
  if (isApproved(context, id) || windowOf(context, owner?.source ?? '') !== undefined) return false;
  const message = `taking over flag ${site.key} in ${site.view.name} closes ways in that are open to anybody: ${ways.join('; ')}`;
  const block: BlockedBy = { id, scope: 'audience', source: owner?.source ?? null, audience: first.audience };
  for (const draft of site.drafts) {
    draft.blockedBy = block;
    blocks.add(block, {
      ref: draft.ref,
      reason: 'adoption',
      revoked: noMembers,
      granted: noMembers,
      base: noMembers,
      message,
    });
  }
  return true;
}

/**
 * Whoever follows the same audience in the same environment of a target waits along: one decision for all. Targets do not
 * wait for each other: one that was down for long may have more to lose than the others. True: somebody does.
 */
function freezeSiblings(judged: readonly Judged[], blocks: Blocks): boolean {
  const frozen = new Map<string, BlockedBy>();
  for (const { draft } of judged) {
    if (draft.blockedBy === undefined || draft.role !== 'follow') continue;
    const key = siblingKey(draft);
    const other = frozen.get(key);
    if (other === undefined || comesBefore(draft.blockedBy, other)) frozen.set(key, draft.blockedBy);
  }
  if (frozen.size === 0) return false;
  let froze = false;
  for (const { draft, stakes } of judged) {
    if (draft.blockedBy !== undefined || draft.role !== 'follow' || draft.approval !== undefined) continue;
    const block = frozen.get(siblingKey(draft));
    if (block === undefined) continue;
    draft.blockedBy = block;
    froze = true;
    if (!stakes.revokesNow && !stakes.grantsNow) continue;
    const { revoked, granted, everyone: base } = stakes;
    blocks.add(block, { ref: draft.ref, reason: undefined, revoked, granted, base, message: '' });
  }
  return froze;
}

function siblingKey({ audience, ref }: Draft): string {
  return `${audience}\n${ref.target}\n${ref.environment}`;
}

/** One of several blocks of the same placements is told: that of the audience, then the first id. */
function comesBefore(one: BlockedBy, other: BlockedBy): boolean {
  return one.scope === other.scope ? one.id < other.id : one.scope === 'audience';
}
