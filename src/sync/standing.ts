import type { Audience, Readiness, Unchanged } from '../domain/audience.ts';
import type { Members } from '../domain/members.ts';
import type { SourceStanding } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';

/** The members of a defined audience, else undefined: undefined is not empty. */
export function membersIn(audience: Audience | undefined): Members | undefined {
  return audience?.state === 'defined' && audience.who.kind === 'members' ? audience.who.members : undefined;
}

/** An item of a source as an audience; `unchanged` is what was yielded before, with the new provenance. */
export function asAudience(item: Audience | Unchanged, yielded: Audience | undefined): Audience {
  if (!('unchanged' in item)) return item;
  if (yielded === undefined) throw new Error('a source called unchanged what it never answered');
  return { ...yielded, from: item.from };
}

/** True where a target would have to look: another state, other users, another error. */
export function isChange(before: Audience | undefined, after: Audience): boolean {
  if (before === undefined || before.state !== after.state) return true;
  const was = membersIn(before);
  const is = membersIn(after);
  if (was && is) return was !== is && (was.size !== is.size || was.hash !== is.hash);
  if (before.state === 'failed' && after.state === 'failed') return before.error.message !== after.error.message;
  return after.state === 'not-ready';
}

/** What an answer is worth while the source stands as it does. */
export function underStanding(audience: Audience, standing: Readiness): Audience {
  // Of an answer that failed it is more use to hear why than to hear that the source is suspect.
  if (standing.state === 'ready' || audience.state === 'failed') return audience;
  const { id, contextKind, from } = audience;
  if (standing.by !== 'nothing' || audience.state !== 'defined') return { id, contextKind, from, state: 'not-ready' };
  return { id, contextKind, from, state: 'not-ready', candidate: audience.who };
}

/** How a source stands: waiting until the first whole answer, failing when it cannot be asked any more. */
export function standingOf(
  last: Readiness | undefined,
  problem: Problem | undefined,
  answered: boolean,
): SourceStanding {
  const by = last?.by ?? 'nothing';
  const instanceId = last?.instanceId ?? null;
  if (problem) return { state: answered ? 'failing' : 'waiting', by, instanceId };
  return { state: last?.state ?? 'waiting', by, instanceId };
}
