import { expect } from 'vitest';
import type { DesiredListing } from '../../src/domain/listing.ts';
import { listingFor } from '../support/changes.ts';
import { targetLine, type Wanted } from '../support/sync-once.ts';
import type { Case, Harness } from './contract-harness.ts';
import { expectServed, key } from './contract-steps.ts';

const always = () => true;

/** The toggle with the guard told that it may become empty. */
function relaxed(listing: DesiredListing, state: 'on' | 'off' = 'on'): DesiredListing {
  const placements = listing.placements.map(placement => ({ ...placement, state, guard: { allowEmpty: true } }));
  return { ...listing, placements };
}

function wanted(harness: Harness, who: readonly string[] | undefined, name = 'US only feature'): Wanted {
  const listings = [relaxed(listingFor(harness.target, { name }))];
  return { listings, audiences: who === undefined ? {} : { a1: who } };
}

/** What a target does with plans of the real planner, one after the other. */
export const planCases = {
  'leaves nothing to plan once a plan was applied': {
    applies: always,
    async run(harness) {
      const line = targetLine(harness.target);
      const steps: readonly [Wanted, readonly string[], readonly string[]][] = [
        [wanted(harness, ['alice', 'bob']), ['alice', 'bob'], ['carol']],
        [wanted(harness, ['alice', 'carol']), ['alice', 'carol'], ['bob']],
        [wanted(harness, ['carol'], 'People in the US'), ['carol'], ['alice', 'bob']],
        [wanted(harness, ['carol'], 'US only feature'), ['carol'], ['alice', 'bob']],
        [wanted(harness, []), [], ['alice', 'bob', 'carol']],
        [wanted(harness, ['bob']), ['bob'], ['alice', 'carol']],
      ];
      for (const [want, inside, outside] of steps) {
        const { changes } = await line.sync(want);
        expect(changes).not.toEqual([]);
        // What says that more is to be done is planned once more.
        if (changes.some(change => change.kind === 'placement' && change.unfinished)) await line.sync(want);
        await expectServed(harness, inside, outside);
        const writes = harness.writes();
        expect((await line.sync(want)).changes).toEqual([]);
        expect(harness.writes()).toBe(writes);
      }
    },
  },
  'holds the users of an undefined audience': {
    applies: always,
    async run(harness) {
      const line = targetLine(harness.target);
      await line.sync(wanted(harness, ['alice']));
      const held = await line.sync(wanted(harness, undefined));
      expect(held.changes).toEqual([]);
      expect(held.held.map(({ reason }) => reason)).toContain('undefined');
      await expectServed(harness, ['alice'], ['bob']);
    },
  },
  'creates a toggle of an undefined audience closed': {
    applies: always,
    async run(harness) {
      const line = targetLine(harness.target);
      await line.sync(wanted(harness, undefined));
      await expectServed(harness, [], ['alice', 'bob']);
      expect((await line.sync(wanted(harness, undefined))).changes).toEqual([]);
      await line.sync(wanted(harness, ['alice']));
      await expectServed(harness, ['alice'], ['bob']);
    },
  },
  'closes what is switched off, and opens it again': {
    applies: always,
    async run(harness) {
      const line = targetLine(harness.target);
      await line.sync(wanted(harness, ['alice']));
      const off = { listings: [relaxed(listingFor(harness.target), 'off')], audiences: { a1: ['alice'] } };
      await line.sync(off);
      await expectServed(harness, [], ['alice', 'bob']);
      expect((await line.plan(off)).changes).toEqual([]);
      await line.sync(wanted(harness, ['alice']));
      await expectServed(harness, ['alice'], ['bob']);
    },
  },
  'closes a toggle whose file is gone, once': {
    applies: always,
    async run(harness) {
      const line = targetLine(harness.target);
      const nothing = { listings: [], audiences: {} };
      await line.sync(wanted(harness, ['alice']));
      expect((await line.sync(nothing)).changes.map(({ kind }) => kind)).toContain('retire');
      expect(await harness.shows(key)).toBeDefined();
      await expectServed(harness, [], ['alice', 'bob']);
      expect((await line.plan(nothing)).changes).toEqual([]);
      await line.sync(wanted(harness, ['bob']));
      await expectServed(harness, ['bob'], ['alice']);
      expect((await line.plan(wanted(harness, ['bob']))).changes).toEqual([]);
    },
  },
} satisfies Readonly<Record<string, Case>>;
