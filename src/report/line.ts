import type { Change } from '../domain/plan.ts';
import { inertLine } from './inert.ts';
import { minus, plus } from './wording.ts';

const done = {
  create: 'created',
  update: 'updated',
  adopt: 'adopted',
  restore: 'restored',
  archive: 'archived',
  retire: 'retired',
} as const;

/**
 * A done change as one line of the log: `us-feature local production +1 −0`, with `off`, `removed` or
 * `ways in closed` behind where more was closed than users tell; `us-feature local created` for a listing. Counts only.
 */
export function changeLine(change: Change): string {
  const words =
    change.kind === 'placement'
      ? [change.environment, plus(change.granted.size), minus(change.revoked.size), ...closing(change)]
      : [done[change.kind]];
  return inertLine([change.toggle, change.target, ...words].join(' '));
}

function closing(change: Extract<Change, { kind: 'placement' }>): string[] {
  if (change.removal) return ['removed'];
  if (change.before.on && !change.after.on) return ['off'];
  return change.closes.length > 0 ? ['ways in closed'] : [];
}
