import type { PlacementRef, Plan } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';
import type { LivePlacement } from '../domain/listing.ts';
import type { Line } from '../sync/line.ts';
import { isAt } from './verify-cases.ts';

/**
 * Why a target does not hold what policy says, as far as a plan over both knows, and what to do: a block, a hold, a
 * write that waits, one that is still to come. With none of them, that the target's own words are to be looked at.
 */
export function problemsAt(
  one: PlacementRef & { readonly key: string; readonly live: LivePlacement | undefined },
  line: Line,
  plan: Plan,
): readonly Problem[] {
  const problems: Problem[] = [];
  for (const block of plan.blocked) {
    const isHere = block.placements.some(placement => isAt(placement, one)) || block.removals.includes(one.toggle);
    if (!isHere) continue;
    const hint = `To let it through: optoggles approve ${block.id}.`;
    problems.push({ code: 'blocked', message: `The guard blocks what would change it: ${block.message}`, hint });
  }
  for (const held of plan.held) if (isAt(held, one)) problems.push(held.problem);
  const link = one.live?.pending?.link;
  if (link !== undefined) {
    const message = 'A change of it waits for an approval there.';
    problems.push({ code: 'pending', message, hint: `Approve or decline it: ${link}` });
  }
  const change = plan.changes.find(change => {
    if (change.target !== one.target || change.key !== one.key) return false;
    return change.kind === 'placement'
      ? change.environment === one.environment
      : change.environments.includes(one.environment) && change.kind !== 'update';
  });
  if (change !== undefined) problems.push(toCome(one, line, change.kind));
  return problems.length > 0 ? problems : [nothingSeen(one)];
}

function toCome({ target }: PlacementRef, line: Line, kind: string): Problem {
  const policy = line.targets.find(lane => lane.target.name === target)?.view()?.policy;
  const code = 'change-to-come';
  if (policy === 'detect') {
    const hint = 'Correct it there, or give the target another policy.';
    return { code, message: `The policy of ${target} is detect: nothing is written there.`, hint };
  }
  const what = kind === 'placement' ? 'changes who has it' : `would ${kind} it`;
  return { code, message: `The next write ${what}.`, hint: 'Run optoggles apply; optoggles plan shows what it does.' };
}

function nothingSeen({ target }: PlacementRef): Problem {
  return {
    code: 'nothing-to-write',
    message: `As ${target} was read there is nothing to write, yet it serves something else.`,
    hint: 'Look at the rules and defaults named as the cause; if they are ours, report it.',
  };
}
