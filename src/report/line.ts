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
 * A done change as one line of the log: `us-feature local production +1 −0`, with `off` or `removed` behind where the
 * placement was closed; `us-feature local created` for a listing. Counts only.
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
  return change.before.on && !change.after.on ? ['off'] : [];
}
