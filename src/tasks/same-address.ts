import { ProblemError } from '../domain/problem.ts';
import type { Target } from '../domain/target.ts';
import { placesOf } from '../sync/same-place.ts';

/**
 * Two targets in one place would each take back what the other wrote. Throws a ProblemError `same-address` that names
 * both: their addresses are equal, or what one environment of each changes is the same thing.
 */
export function checkAddresses(targets: readonly Target[]): void {
  const owners = new Map<string, string>();
  for (const target of targets) {
    for (const place of new Set([target.address, ...placesOf(target)])) {
      const other = owners.get(place);
      if (other === undefined) owners.set(place, target.name);
      else {
        throw new ProblemError({
          code: 'same-address',
          message: `Targets ${other} and ${target.name} write to the same place.`,
          hint: 'Make them one target that lists all its environments, or give one of them another address or project.',
        });
      }
    }
  }
}
