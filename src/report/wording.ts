import type { Provenance, Who } from '../domain/audience.ts';
import type { Change, Plan, PlacementRef } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';

/** `+1`; a true minus sign, so that columns of both line up. */
export function plus(count: number): string {
  return `+${count}`;
}

/** `−1` */
export function minus(count: number): string {
  return `−${count}`;
}

/** `1 toggle`, `2 toggles` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** How many, as a word for who cannot be counted. */
export function whoText(who: Who): string {
  if (who.kind === 'members') return String(who.members.size);
  return who.kind === 'everyone' ? 'everyone' : 'by condition';
}

/** `3 → 4`, `? → 4`, `4`: how many had it and will have it. */
export function usersText(change: Change): string {
  if (change.kind !== 'placement') return '';
  const before = change.before.known ? whoText(change.before.who) : '?';
  const after = whoText(change.after.who);
  return before === after ? after : `${before} → ${after}`;
}

/** What a change does, in a word or two. */
export function actionText(change: Change): string {
  if (change.kind !== 'placement') return change.kind;
  const { before, after } = change;
  if (change.removal) return 'close';
  if (after.on && !before.on) return 'turn on';
  if (!after.on && (before.on || !before.known)) return 'turn off';
  if (change.phase === 'replace') return 'replace';
  if (change.revoked.size > 0) return change.granted.size > 0 ? 'change' : 'revoke';
  if (change.granted.size > 0) return 'grant';
  return change.closes.length > 0 ? 'close ways in' : change.writesMetadata ? 'describe' : 'write';
}

/** Where a change happens: one environment, or those of a listing. */
export function environmentText(change: Change): string {
  return change.kind === 'placement' ? change.environment : change.environments.join(', ');
}

export function placementText(at: PlacementRef): string {
  return [at.toggle, at.target, at.environment].filter(part => part !== '').join(' ');
}

/** The message and the next step, as one text. */
export function problemText(problem: Problem): string {
  const place = problem.at ? `${problem.at.file}:${problem.at.line}:${problem.at.column}: ` : '';
  return place + [problem.message, problem.hint].filter(Boolean).join(' ');
}

/** `app.rbac.us_users of example-opal, revision 3f2a, data update 17`; without the time. */
export function originText(from: Provenance): string {
  return [
    `${from.rule} of ${from.source}`,
    ...(from.revision === undefined ? [] : [`revision ${from.revision}`]),
    ...(from.dataUpdate === undefined ? [] : [`data update ${from.dataUpdate}`]),
  ].join(', ');
}

export interface PlanCounts {
  readonly changes: number;
  readonly granted: number;
  readonly revoked: number;
  readonly blocked: number;
  readonly held: number;
  readonly refused: number;
  readonly warnings: number;
}

/** Users are counted per placement: one user who gains two toggles is two. */
export function countPlan(plan: Plan): PlanCounts {
  let granted = 0;
  let revoked = 0;
  for (const change of plan.changes) {
    if (change.kind !== 'placement') continue;
    granted += change.granted.size;
    revoked += change.revoked.size;
  }
  return {
    changes: plan.changes.length,
    granted,
    revoked,
    blocked: plan.blocked.length,
    held: plan.held.length,
    refused: plan.refused.length,
    warnings: plan.warnings.length,
  };
}

/** The whole plan in one line: `3 changes (+12 −1 users), 1 blocked, 2 held`. */
export function summaryLine(plan: Plan): string {
  const counts = countPlan(plan);
  const users = `${plus(counts.granted)} ${minus(counts.revoked)} users`;
  const parts = [counts.changes === 0 ? 'No changes' : `${counted(counts.changes, 'change')} (${users})`];
  if (counts.blocked > 0) parts.push(`${counts.blocked} blocked`);
  if (counts.held > 0) parts.push(`${counts.held} held`);
  if (counts.refused > 0) parts.push(`${counts.refused} refused`);
  if (counts.warnings > 0) parts.push(counted(counts.warnings, 'warning'));
  return parts.join(', ');
}
