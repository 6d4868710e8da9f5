import { type Members, sameMembers } from '../domain/members.ts';
import type { Cause } from '../domain/plan.ts';
import type { Draft } from './draft.ts';

const order: readonly Cause[] = ['definition', 'policy', 'data', 'source', 'drift', 'operator'];

/** Why a placement changes: the commit, the policy, its data, a source that was accepted, or somebody in the target. */
export function causesOf(
  draft: Draft,
  who: Members,
  metadata: 'definition' | 'drift' | undefined,
  denies: boolean,
): readonly Cause[] {
  const { applied, answer, definitional } = draft;
  const causes = new Set<Cause>();
  const isOfCommit = definitional || isFirstFill(draft);
  if (isOfCommit || metadata === 'definition') causes.add('definition');
  if (hasDrifted(draft) || metadata === 'drift') causes.add('drift');
  if (answer?.accepted) causes.add('source');
  const isSwitched = draft.overridden && (draft.contents.on || applied?.on === true);
  if (isSwitched || denies) causes.add('operator');
  if (!isOfCommit && !isSwitched && applied !== undefined && answer !== undefined && !sameMembers(applied.who, who)) {
    const [before, now] = [applied.revision, answer.from.revision];
    causes.add(before !== undefined && now !== undefined && before !== now ? 'policy' : 'data');
  }
  if (causes.size === 0) causes.add('data');
  return order.filter(cause => causes.has(cause));
}

/** It was created closed, before there was an answer: whoever comes in first comes because of its file. */
function isFirstFill({ role, applied }: Draft): boolean {
  return role === 'follow' && applied !== undefined && !applied.on && applied.firstFilledAt === undefined;
}

/** What was read is not what was last written: somebody changed it in the target. */
function hasDrifted({ live, applied, contents, site }: Draft): boolean {
  if (live?.seen !== 'read' || applied === undefined || !contents.settled || site.first === 'adopt') return false;
  if (live.waysIn.length > 0 || !sameMembers(contents.any, applied.who)) return true;
  return site.view.can.onOff && contents.on !== applied.on;
}
