import type { Problem } from '../domain/problem.ts';
import type { DesiredListing, LiveListing } from '../domain/listing.ts';
import { isOurs, type Lookup } from './lookup.ts';

/** What has to be done before a listing's placements are touched, or why none of them may be. */
export type Ownership = { readonly first: 'create' | 'adopt' | 'restore' | undefined } | { readonly refused: Problem };

/** Whose is it? Only what carries our mark is written, unless the file says `adopt` and nobody else marked it. */
export function ownershipOf(lookup: Lookup, listing: DesiredListing, live: LiveListing | undefined): Ownership {
  if (live === undefined) return { first: 'create' };
  if (live.refused !== undefined) return { refused: live.refused };
  const { key, target } = listing;
  if (!isOurs(lookup, live)) {
    if (typeof live.owner === 'object') {
      return {
        refused: {
          code: 'foreign-owner',
          message: `flag ${key} in ${target} belongs to ${live.owner.mark}.`,
          hint: 'Use another key, or take that mark off the flag first.',
        },
      };
    }
    if (!listing.adopt) {
      return {
        refused: {
          code: 'no-owner-mark',
          message: `flag ${key} exists in ${target} and is not ours.`,
          hint: 'Use another key, or say `adopt: true` in its file to take it over.',
        },
      };
    }
    return { first: 'adopt' };
  }
  return { first: live.archived || live.removed ? 'restore' : undefined };
}
