import type { Audience, AudienceId } from '../domain/audience.ts';
import { difference, intersection, type Members, subtract, union } from '../domain/members.ts';
import type { GuardConfig } from '../domain/plan.ts';
import { isChange, membersIn } from './standing.ts';

/** True where so many changed without a callback that the source is asked a second time before anything is done. */
function needsConfirmation(before: Audience | undefined, answer: Audience, guard: GuardConfig): boolean {
  const was = membersIn(before);
  const is = membersIn(answer);
  if (was === undefined || is === undefined || was === is || was.hash === is.hash) return false;
  const { added, removed } = difference(was, is);
  return added.size > guard.alwaysAllowedGrants || removed.size > guard.alwaysAllowedRevocations;
}

/** The second answer, but with only those changes against `before` that the first one says too. */
function confirmedBy(before: Audience | undefined, first: Audience, second: Audience): Audience {
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

/**
 * What of these answers may be believed: those that change much are asked for `again` (ids in, answers out), and only
 * what both answers say is left of them. `disagreed`: the second one says more than that.
 */
export async function confirmed(
  items: readonly Audience[],
  options: {
    readonly believed: ReadonlyMap<AudienceId, Audience>;
    readonly guard: GuardConfig;
    again(ids: ReadonlySet<AudienceId>): Promise<readonly Audience[]>;
    disagreed(): void;
  },
): Promise<readonly Audience[]> {
  const { believed, guard } = options;
  const doubtful = new Set(
    items.filter(item => needsConfirmation(believed.get(item.id), item, guard)).map(item => item.id),
  );
  if (doubtful.size === 0) return items;
  const second = new Map((await options.again(doubtful)).map(item => [item.id, item]));
  return items.flatMap(item => {
    if (!doubtful.has(item.id)) return [item];
    const again = second.get(item.id);
    if (!again) return [];
    const both = confirmedBy(believed.get(item.id), item, again);
    if (isChange(both, again)) options.disagreed();
    return [both];
  });
}
