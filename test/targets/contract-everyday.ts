import { expect } from 'vitest';
import { applied, applyOne, listingChange, listingFor, placementChange } from '../support/changes.ts';
import type { Case } from './contract-harness.ts';
import { expectDone, expectServed, filled, key, membersOfFirst, readBack } from './contract-steps.ts';

const always = () => true;

/** What a target does every day, by name. */
export const everydayCases = {
  'creates closed: nobody has it, and it is not missing': {
    applies: always,
    async run(harness) {
      const listing = listingFor(harness.target);
      expectDone(await applyOne(harness.target, listingChange(listing, 'create')));
      await expectServed(harness, [], ['alice', 'bob', '']);
    },
  },
  'shows what the flag file says': {
    applies: always,
    async run(harness) {
      await filled(harness, ['alice']);
      expect(JSON.stringify(await harness.shows(key))).toContain('Shown to people who live in the US.');
    },
  },
  grants: {
    applies: always,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      const change = placementChange(listing, { before: ['alice'], after: ['alice', 'bob'] });
      expectDone(await applyOne(harness.target, change));
      await expectServed(harness, ['alice', 'bob'], ['carol']);
    },
  },
  revokes: {
    applies: always,
    async run(harness) {
      const listing = await filled(harness, ['alice', 'bob']);
      const change = placementChange(listing, { before: ['alice', 'bob'], after: ['alice'] });
      expectDone(await applyOne(harness.target, change));
      await expectServed(harness, ['alice'], ['bob']);
    },
  },
  'grants and revokes in one write': {
    applies: always,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      const change = placementChange(listing, { before: ['alice'], after: ['bob'] });
      expectDone(await applyOne(harness.target, change));
      await expectServed(harness, ['bob'], ['alice']);
    },
  },
  'empties: nobody has it, and it is not missing': {
    applies: always,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      expectDone(await applyOne(harness.target, placementChange(listing, { before: ['alice'], after: [] })));
      await expectServed(harness, [], ['alice', 'bob']);
    },
  },
  'switches off and on again': {
    applies: always,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      expectDone(await applyOne(harness.target, placementChange(listing, { before: ['alice'], after: 'off' })));
      await expectServed(harness, [], ['alice', 'bob']);
      expectDone(await applyOne(harness.target, placementChange(listing, { before: [], after: ['alice'] })));
      await expectServed(harness, ['alice'], ['bob']);
    },
  },
  'lets nobody in while off, whoever is listed': {
    applies: always,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      const change = placementChange(listing, { before: ['alice'], after: 'off' });
      if (change.kind !== 'placement') throw new Error('no placement');
      expectDone(await applyOne(harness.target, { ...change, after: { on: false, who: change.before.who } }));
      await expectServed(harness, [], ['alice', 'bob']);
    },
  },
  'tells near-misses from members': {
    applies: always,
    async run(harness) {
      const members = [
        'alice',
        'bob@example.com',
        '"quoted"',
        'back\\slash',
        'naïve',
        '日本',
        '𝄞',
        '{"var":"x"}',
        'a,b',
      ];
      await filled(harness, members);
      const others = [
        'Alice',
        'alic',
        'alicee',
        'ali',
        ' alice',
        'alice ',
        'bob',
        'quoted',
        'naive',
        '',
        'a',
        ',',
        'a,',
      ];
      await expectServed(harness, members, others);
    },
  },
  'takes keys as they are': {
    applies: always,
    async run(harness) {
      for (const odd of harness.oddKeys ?? ['A.b_c-1', 'x'.repeat(60), '0', 'constructor']) {
        await filled(harness, ['alice'], { key: odd });
        await expectServed(harness, ['alice'], ['bob'], odd);
      }
    },
  },
  'carries 100,000 members': {
    applies: ({ can }) => can.mostMembers === null || can.mostMembers >= 100_000,
    async run(harness) {
      const members = Array.from({ length: 100_000 }, (_, index) => `user-${index}`);
      const listing = await filled(harness, members);
      await expectServed(harness, ['user-0', 'user-54321', 'user-99999'], ['user-100000', 'user-']);
      const fewer = members.filter(member => member !== 'user-54321');
      expectDone(await applyOne(harness.target, placementChange(listing, { before: members, after: fewer })));
      await expectServed(harness, ['user-54320', 'user-54322'], ['user-54321']);
    },
  },
  'keeps environments apart': {
    applies: ({ can }) => can.environments === 'many',
    async run(harness) {
      const { target } = harness;
      const [first, second] = target.environments;
      if (first === undefined || second === undefined) throw new Error('the harness needs two environments');
      const listing = listingFor(target);
      expectDone(await applyOne(target, listingChange(listing, 'create')));
      expectDone(await applyOne(target, placementChange(listing, { environment: first, after: ['alice'] })));
      expect(await harness.serves(key, first, 'alice')).toBe(true);
      expect(await harness.serves(key, second, 'alice')).toBe(false);
    },
  },
  'reads what it wrote': {
    applies: ({ reads }) => reads,
    async run(harness) {
      const listing = await filled(harness, ['bob', 'alice']);
      const live = await readBack(harness);
      expect(live.unreadable).toEqual([]);
      const [found] = live.listings;
      expect(found).toMatchObject({ key, owner: 'ours', archived: false, removed: false });
      expect(found?.metadata).toEqual(listing.metadata);
      expect(found?.placements.map(({ id, seen }) => ({ id, seen }))).toEqual(
        listing.placements.map(({ id }) => ({ id, seen: 'read' })),
      );
      expect(membersOfFirst(found)).toEqual(['alice', 'bob']);
    },
  },
  'reads nothing where nothing is': {
    applies: ({ reads }) => reads,
    async run(harness) {
      expect(await readBack(harness)).toEqual({ listings: [], unreadable: [] });
    },
  },
  'leaves users alone that no change names': {
    applies: always,
    async run(harness) {
      const one = await filled(harness, ['alice']);
      const other = await filled(harness, ['bob'], { key: 'other' });
      const writes = harness.writes();
      // An undefined audience plans no placement change; a new toggle of such an audience is created closed.
      const created = listingFor(harness.target, { key: 'third' });
      expectDone(await applyOne(harness.target, listingChange(created, 'create')));
      expectDone(await applyOne(harness.target, placementChange(other, { before: ['bob'], after: [] })));
      expect(harness.writes()).toBeGreaterThan(writes);
      expect(one.key).toBe(key);
      await expectServed(harness, ['alice'], ['bob']);
      await expectServed(harness, [], ['alice', 'bob'], 'third');
    },
  },
  'gives each change of a batch its outcome': {
    applies: always,
    async run(harness) {
      const keys = Array.from({ length: 40 }, (_, index) => `t-${index}`);
      const listings = keys.map(each => listingFor(harness.target, { key: each }));
      for (const outcome of (
        await applied(
          harness.target,
          listings.map(listing => listingChange(listing, 'create')),
        )
      ).values()) {
        expectDone(outcome);
      }
      const grants = listings.map(listing => placementChange(listing, { after: ['alice'] }));
      for (const outcome of (await applied(harness.target, grants)).values()) expectDone(outcome);
      for (const each of keys) await expectServed(harness, ['alice'], ['bob'], each);
    },
  },
} satisfies Readonly<Record<string, Case>>;
