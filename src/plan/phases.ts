import type { Who } from '../domain/audience.ts';
import { compareCodePoints } from '../domain/code-points.ts';
import { type Change, type Phase, phases, type PlacementChange } from '../domain/plan.ts';
import type { Site } from './draft.ts';

/** What a placement's change does to people. */
export interface Effect {
  readonly turnsOff: boolean;
  readonly revokes: boolean;
  readonly grants: boolean;
}

/** Takes from people: revokes, switches off, closes a way in. */
export function takes({ turnsOff, revokes }: Effect): boolean {
  return turnsOff || revokes;
}

/** The phase of a placement's change when nothing has to be done to its listing before. */
export function phaseOf(effect: Effect): Phase {
  if (effect.turnsOff && !effect.grants) return 'off';
  if (takes(effect)) return effect.grants ? 'replace' : 'revoke';
  return effect.grants ? 'grant' : 'prepare';
}

/**
 * The phase when the listing comes first. It is taken over (or back) before anything is revoked there, so the mark comes
 * in `revoke` and its revocations in `replace`: in one target they all stay before the first grant.
 */
export function phaseAfter(first: NonNullable<Site['first']>, effect: Effect): Phase {
  return first !== 'create' && takes(effect) ? 'replace' : 'grant';
}

/** The phase of what is done to a listing before its placements: early enough for what takes from people there. */
export function phaseOfFirst(first: NonNullable<Site['first']>, effects: readonly Effect[]): Phase {
  return first !== 'create' && effects.some(takes) ? 'revoke' : 'prepare';
}

const order = new Map(phases.map((phase, index) => [phase, index]));

/** The order in which changes are done: as `compareChanges` says, but none before those that it needs. */
export function inOrder(changes: readonly Change[]): readonly Change[] {
  const sorted = changes.toSorted(compareChanges);
  const missing = new Set(sorted.map(({ id }) => id));
  const awaited = new Set<string>();
  const ordered: Change[] = [];
  let waiting: Change[] = [];

  function mayGo({ needs }: Change): boolean {
    return !needs.some(id => missing.has(id));
  }

  function add(change: Change): void {
    ordered.push(change);
    missing.delete(change.id);
    if (!awaited.has(change.id)) return;
    const free = waiting.filter(mayGo);
    waiting = waiting.filter(one => !mayGo(one));
    for (const one of free) add(one);
  }

  for (const change of sorted) {
    if (mayGo(change)) add(change);
    else {
      waiting.push(change);
      for (const id of change.needs) awaited.add(id);
    }
  }
  return [...ordered, ...waiting];
}

/** By phase, target, toggle; the listing before its placements, which come by environment. */
function compareChanges(a: Change, b: Change): number {
  return (
    (order.get(a.phase) ?? 0) - (order.get(b.phase) ?? 0) ||
    compareCodePoints(a.target, b.target) ||
    compareCodePoints(a.toggle, b.toggle) ||
    compareCodePoints(environmentOf(a), environmentOf(b)) ||
    steps[a.kind] - steps[b.kind] ||
    compareCodePoints(a.id, b.id)
  );
}

function environmentOf(change: Change): string {
  if (change.kind === 'placement') return change.environment;
  // In `tidy` the listing goes after its placements.
  return change.kind === 'retire' || change.kind === 'archive' ? '\u{10ffff}' : '';
}

/** Of what is done to one listing in one phase: it is taken over before it is made elsewhere, and archived at the end. */
const steps: Readonly<Record<Change['kind'], number>> = {
  adopt: 0,
  restore: 1,
  create: 2,
  update: 3,
  placement: 4,
  retire: 5,
  archive: 6,
};

/** Of a placement's change as it stands in a plan. */
export function effectOf(change: Pick<PlacementChange, 'before' | 'after' | 'granted' | 'revoked' | 'closes'>): Effect {
  const { before, after, granted, revoked, closes } = change;
  return {
    turnsOff: (before.on || !before.known) && !after.on,
    revokes: revoked.size > 0 || closes.length > 0 || !before.known,
    // Into what nobody knows, somebody may come.
    grants: granted.size > 0 || (after.on && (!before.on || (!before.known && !isNobody(after.who)))),
  };
}

function isNobody(who: Who): boolean {
  return who.kind === 'members' && who.members.size === 0;
}
