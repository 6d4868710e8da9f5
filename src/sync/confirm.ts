import type { Audience } from '../domain/audience.ts';
import { difference, intersection, type Members, subtract, union } from '../domain/members.ts';
import type { GuardConfig } from '../domain/plan.ts';
import { membersIn } from './standing.ts';

/** True where so many changed without a callback that the source is asked a second time before anything is done. */
export function needsConfirmation(before: Audience | undefined, answer: Audience, guard: GuardConfig): boolean {
  const was = membersIn(before);
  const is = membersIn(answer);
  if (was === undefined || is === undefined || was === is || was.hash === is.hash) return false;
  const { added, removed } = difference(was, is);
  return added.size > guard.alwaysAllowedGrants || removed.size > guard.alwaysAllowedRevocations;
}

/** The second answer, but with only those changes against `before` that the first one says too. */
export function confirmedBy(before: Audience | undefined, first: Audience, second: Audience): Audience {
  const was = membersIn(before);
  const one = membersIn(first);
  const two = membersIn(second);
  if (was === undefined || one === undefined || two === undefined || second.state !== 'defined') return second;
  return { ...second, who: { kind: 'members', members: agreed(was, one, two) } };
}

/** Who was added in both answers comes in, who was removed in both goes, everybody else stays. */
export function agreed(before: Members, first: Members, second: Members): Members {
  const one = difference(before, first);
  const two = difference(before, second);
  return subtract(union(before, intersection(one.added, two.added)), intersection(one.removed, two.removed));
}
