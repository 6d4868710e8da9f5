import type { AppliedPlacement } from '../domain/listing.ts';
import type { PlacementRef } from '../domain/plan.ts';
import type { AuditEntry, StateStore } from '../domain/state.ts';
import type { Since } from '../domain/verification.ts';

/**
 * Since when a member is in a placement, or out of it, by what OPToggles wrote there: the last line of the audit log
 * that let the member in (took the member out). Where the log does not reach back so far, since the last write at the
 * latest.
 */
export function sinceOf(
  store: Pick<StateStore, 'auditLines'>,
  ref: PlacementRef,
  applied: AppliedPlacement,
  member: string,
): Since {
  const isIn = applied.on && applied.who.has(member);
  // Switched off as a whole: nobody was taken off its list.
  if (!applied.on) return { in: false, at: applied.appliedAt, exact: false, ...revisionOf(applied) };
  let last: AuditEntry | undefined;
  for (const { entry, touched } of store.auditLines({ toggle: ref.toggle })) {
    const { what, target, environment } = entry;
    if (what !== 'written' || target !== ref.target || environment !== ref.environment) continue;
    if (touched(member) === (isIn ? 'granted' : 'revoked')) last = entry;
  }
  if (last !== undefined) return { in: isIn, at: last.at, exact: true, ...revisionOf(last) };
  if (!isIn) return { in: false, exact: false };
  return { in: true, at: applied.appliedAt, exact: false, ...revisionOf(applied) };
}

function revisionOf({ revision }: { readonly revision?: string | undefined }) {
  return revision === undefined ? {} : { revision };
}
