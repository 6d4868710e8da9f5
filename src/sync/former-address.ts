import { placementIdOf } from '../domain/identity.ts';
import type { AppliedListing, AppliedPlacement, PlacementId } from '../domain/listing.ts';
import type { Problem } from '../domain/problem.ts';
import type { Target } from '../domain/target.ts';

/** The key under which a listing at a former address of a target stands beside those at its address. */
export function keyAt(address: string, key: string): string {
  return `${key}${tailOf(address)}`;
}

/** The former address and the key there that such a key stands for; undefined: it is a key at the address itself. */
export function formerOf(
  former: readonly Target[],
  key: string,
): { readonly at: Target; readonly key: string } | undefined {
  for (const at of former) {
    const tail = tailOf(at.address);
    if (key.endsWith(tail)) return { at, key: key.slice(0, -tail.length) };
  }
  return undefined;
}

function tailOf(address: string): string {
  return ` at ${address}`;
}

/** True while, as far as is known, somebody may have it there. */
export function isOpen({ on, who, intent }: AppliedPlacement): boolean {
  return (on && who.size > 0) || intent !== undefined;
}

/**
 * True when a listing that its toggle left needs no memory any more: nobody can be in, and the guard's window (since
 * `since`, ms) does not count what was done there. `isGone`: that placement was looked for and is not there.
 */
export function isOver(
  listing: AppliedListing,
  since: number,
  isGone: (placement: AppliedPlacement) => boolean = () => false,
): boolean {
  return listing.placements.every(
    placement =>
      placement.appliedAt < since && (!isOpen(placement) || (placement.intent === undefined && isGone(placement))),
  );
}

/** Whether that target can tell and write a placement that was recorded under its address. */
export function reaches(target: Target, key: string, { id, environment }: AppliedPlacement): boolean {
  if (!serves(target, environment)) return false;
  return placementId(target, environment, key) === id;
}

/** Whether the target takes that environment of ours. */
export function serves({ can, environments }: Target, environment: string): boolean {
  return can.environments === 'one' || environments.includes(environment);
}

/** Our name of today for an environment at a former address: where there is only one it may have another name now. */
export function environmentNow({ environments }: Target, at: Target, environment: string): string {
  const [only, ...others] = environments;
  return at.can.environments === 'one' && only !== undefined && others.length === 0 ? only : environment;
}

/** The id of a placement in a target, by our name of the environment. */
export function placementId(target: Target, environment: string, key: string): PlacementId {
  return placementIdOf(target.address, target.remoteEnvironment(environment), key);
}

/** A problem at a former address, with the way to be rid of it. */
export function atFormer(target: Target, { hint, ...problem }: Problem): Problem {
  const way = `If nothing can be closed there any more, give the target ${target.name} another name: then ${target.address} is left alone.`;
  return {
    ...problem,
    message: `at the former address of ${target.name} (${target.address}): ${problem.message}`,
    hint: hint === undefined ? way : `${hint} ${way}`,
  };
}
