import type { Audience, Who } from '../domain/audience.ts';
import type { DesiredListing } from '../domain/listing.ts';
import { type Members, noMembers, subtract } from '../domain/members.ts';
import type { Override, Overrides, PausedKind } from '../domain/override.ts';
import type { PlanInput } from '../domain/plan.ts';

/** Nobody said anything. */
export const noOverrides: Overrides = {
  denied: noMembers,
  off: new Map(),
  paused: { source: new Map(), target: new Map(), toggle: new Map() },
};

/** The overrides of a plan's input. */
export function overridesOf(input: Pick<PlanInput, 'overrides'>): Overrides {
  return input.overrides ?? noOverrides;
}

/** Why nothing is written for that toggle in that target, as a sentence; undefined: something may be. */
export function pauseOf({ paused }: Overrides, target: string, toggle: string): string | undefined {
  return paused.toggle.get(toggle) ?? paused.target.get(target);
}

/** True where an operator switched the toggle off. */
export function isSwitchedOff({ off }: Overrides, toggle: string, environment: string): boolean {
  const where = off.get(toggle);
  return where === null || (where?.has(environment) ?? false);
}

/** True when some of these members are denied. */
export function hasDenied(members: Members, { denied }: Pick<Overrides, 'denied'>): boolean {
  if (denied.size === 0 || members.size === 0) return false;
  for (const member of denied.values()) if (members.has(member)) return true;
  return false;
}

/**
 * An answer without those who are denied; the same object where none of them is in it. `known`: sets that were made
 * before, so that the same members give the same set.
 */
export function withoutDenied(audience: Audience, denied: Members, known = new WeakMap<Members, Members>()): Audience {
  if (audience.state === 'defined') {
    const who = lessDenied(audience.who, denied, known);
    return who === audience.who ? audience : { ...audience, who };
  }
  if (audience.state !== 'not-ready' || audience.candidate === undefined) return audience;
  const candidate = lessDenied(audience.candidate, denied, known);
  return candidate === audience.candidate ? audience : { ...audience, candidate };
}

function lessDenied(who: Who, denied: Members, known: WeakMap<Members, Members>): Who {
  if (who.kind !== 'members' || !hasDenied(who.members, { denied })) return who;
  const members = known.get(who.members) ?? subtract(who.members, denied);
  known.set(who.members, members);
  return { kind: 'members', members };
}

/** What git wants, with what operators switched off; the same list where that is nothing. */
export function switchedOff(listings: readonly DesiredListing[], overrides: Overrides): readonly DesiredListing[] {
  if (overrides.off.size === 0) return listings;
  return listings.map(listing => {
    if (!overrides.off.has(listing.toggle)) return listing;
    const placements = listing.placements.map(placement => {
      const isOff = isSwitchedOff(overrides, placement.toggle, placement.environment);
      if (!isOff || placement.state === 'off') return placement;
      return { ...placement, state: 'off' as const, overridden: true as const };
    });
    return { ...listing, placements };
  });
}

/** Overrides by what they are about. */
export function gathered(overrides: readonly Override[], denied: Members): Overrides {
  const off = new Map<string, Set<string> | null>();
  const paused: Record<PausedKind, Map<string, string>> = { source: new Map(), target: new Map(), toggle: new Map() };
  for (const one of overrides) {
    if (one.kind === 'pause') paused[one.what].set(one.name, pausedBy(one));
    if (one.kind !== 'off') continue;
    const known = off.get(one.toggle);
    if (one.environment === null || known === null) off.set(one.toggle, null);
    else off.set(one.toggle, (known ?? new Set()).add(one.environment));
  }
  return { denied, off, paused };
}

function pausedBy(one: Override & { readonly kind: 'pause' }): string {
  const until = one.until === null ? '' : ` until ${new Date(one.until).toISOString()}`;
  return `${one.what} ${one.name} is paused by ${one.by} since ${new Date(one.since).toISOString()}${until}.`;
}
