import type { AppliedPlacement } from '../domain/listing.ts';
import type { PlacementRef } from '../domain/plan.ts';
import type { AuditEntry, StateStore } from '../domain/state.ts';
import type { Since } from '../domain/verification.ts';

/**
 * Since when a member is in a placement, or out of it, by what OPToggles wrote there. The guard's history tells exactly;
 * where it does not reach back so far, the audit log's counts tell which writes it may have been.
 */
export function sinceOf(
  store: Pick<StateStore, 'baseline' | 'auditLog'>,
  ref: PlacementRef,
  applied: AppliedPlacement,
  member: string,
): Since {
  const isIn = applied.on && applied.who.has(member);
  const writes = writesOf(store, ref, isIn);
  // Switched off as a whole: nobody was taken off its list.
  if (!applied.on) return { in: false, at: applied.appliedAt, exact: false, ...revisionOf(applied) };
  const candidates: AuditEntry[] = [];
  for (const write of writes) {
    const before = membersBefore(store, applied, write.at);
    if (before === 'unknown') candidates.push(write);
    else if (before.has(member) !== isIn) return { in: isIn, at: write.at, exact: true, ...revisionOf(write) };
  }
  const [newest, ...older] = candidates;
  if (newest !== undefined) {
    // Before its first fill nobody was in: with one write that can have done it, it was that one.
    const isOnly = isIn && older.length === 0 && newest.at === applied.firstFilledAt;
    return { in: isIn, at: newest.at, exact: isOnly, ...revisionOf(newest) };
  }
  if (!isIn) return { in: false, exact: false };
  return { in: true, at: applied.appliedAt, exact: false, ...revisionOf(applied) };
}

/** The writes there that let somebody in (or out), newest first. */
function writesOf(store: Pick<StateStore, 'auditLog'>, ref: PlacementRef, grants: boolean): readonly AuditEntry[] {
  const found: AuditEntry[] = [];
  for (const entry of store.auditLog()) {
    const { what, toggle, target, environment, granted, revoked } = entry;
    if (what !== 'written' || toggle !== ref.toggle || target !== ref.target || environment !== ref.environment)
      continue;
    if (((grants ? granted : revoked) ?? 0) > 0) found.push(entry);
  }
  return found.toReversed();
}

/** Who was in right before a write. `unknown`: the history of that write is gone. */
function membersBefore(store: Pick<StateStore, 'baseline'>, applied: AppliedPlacement, at: number) {
  const before = store.baseline(applied.id, at - 1)?.members;
  const after = store.baseline(applied.id, at)?.members ?? applied.who;
  // Of a first fill the history gives who was in after it.
  if (at === applied.firstFilledAt) return before === undefined ? 'unknown' : nobody;
  return before === undefined || before.hash === after.hash ? 'unknown' : before;
}

const nobody = { has: () => false };

function revisionOf({ revision }: { readonly revision?: string | undefined }) {
  return revision === undefined ? {} : { revision };
}
