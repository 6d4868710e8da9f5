import { expect } from 'vitest';
import { membersOf } from '../../src/domain/members.ts';
import { applyOne, listingChange, listingFor, placementChange } from '../support/changes.ts';
import type { Case } from './contract-harness.ts';
import { environmentOf, expectDone, expectProblem, expectServed, filled, key, readBack } from './contract-steps.ts';

const always = () => true;

/** How a toggle comes, changes hands, is renamed and goes. */
export const lifecycleCases = {
  'creates twice without harm': {
    applies: always,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      const again = await applyOne(harness.restarted(), listingChange(listing, 'create'));
      expect(['done', 'conflict']).toContain(again.result);
      await expectServed(harness, ['alice'], ['bob']);
    },
  },
  'renames with the users': {
    applies: ({ can }) => !can.metadataAlone,
    async run(harness) {
      await filled(harness, ['alice']);
      const renamed = listingFor(harness.target, { name: 'People in the US' });
      const draft = { before: ['alice'], after: ['alice'], writesMetadata: true };
      expectDone(await applyOne(harness.target, placementChange(renamed, draft)));
      expect(JSON.stringify(await harness.shows(key))).toContain('People in the US');
      await expectServed(harness, ['alice'], ['bob']);
    },
  },
  'renames without touching the users': {
    applies: ({ can }) => can.metadataAlone,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      const renamed = listingFor(harness.target, { name: 'People in the US' });
      expectDone(await applyOne(harness.target, listingChange(renamed, 'update', listing.metadata)));
      expect(JSON.stringify(await harness.shows(key))).toContain('People in the US');
      await expectServed(harness, ['alice'], ['bob']);
    },
  },
  'closes a removed toggle and lets it come back': {
    applies: always,
    async run(harness) {
      const { target } = harness;
      const listing = await filled(harness, ['alice']);
      for (const { environment } of listing.placements) {
        const close = placementChange(listing, { environment, before: ['alice'], after: 'off', removal: true });
        expectDone(await applyOne(target, close));
      }
      expectDone(await applyOne(target, listingChange(listing, 'retire')));
      await expectServed(harness, [], ['alice', 'bob']);
      expectDone(await applyOne(target, listingChange(listing, 'restore')));
      await expectServed(harness, [], ['alice', 'bob']);
      expectDone(await applyOne(target, placementChange(listing, { before: [], after: ['bob'] })));
      await expectServed(harness, ['bob'], ['alice']);
    },
  },
  'adopts what somebody made by hand': {
    applies: ({ plants }) => plants,
    async run(harness) {
      const { target } = harness;
      await harness.plant?.({ key, owner: 'nobody', members: ['mallory'] });
      const listing = listingFor(target, { adopt: true });
      const [environment] = listing.placements.map(placement => placement.environment);
      const take = listingChange(listing, target.can.marks ? 'adopt' : 'create');
      expectDone(await applyOne(target, take));
      for (const placement of listing.placements) {
        const draft = { environment: placement.environment, before: 'unknown' as const, after: ['alice'] };
        expectDone(await applyOne(target, placementChange(listing, draft)));
      }
      expect(environment).toBeDefined();
      await expectServed(harness, ['alice'], ['mallory', 'bob']);
      if (target.read !== undefined) expect((await readBack(harness)).listings[0]?.owner).toBe('ours');
    },
  },
  'leaves a flag of somebody else alone': {
    applies: ({ can, plants }) => can.marks && plants,
    async run(harness) {
      const { target } = harness;
      await harness.plant?.({ key, owner: 'somebody-else', members: ['mallory'] });
      const listing = listingFor(target);
      if (target.read !== undefined) expect((await readBack(harness)).listings[0]?.owner).not.toBe('ours');
      const before = JSON.stringify(await harness.shows(key));
      const created = await applyOne(target, listingChange(listing, 'create'));
      expect(created.result).not.toBe('done');
      expectProblem(created);
      const placed = await applyOne(target, placementChange(listing, { after: ['alice'] }));
      expect(placed.result).not.toBe('done');
      expectProblem(placed);
      expect(JSON.stringify(await harness.shows(key))).toBe(before);
      expect(await harness.serves(key, environmentOf(harness), 'mallory')).toBe(true);
    },
  },
  'writes the same twice without harm': {
    applies: always,
    async run(harness) {
      const listing = await filled(harness, ['alice', 'bob']);
      const change = placementChange(listing, { before: ['alice', 'bob'], after: ['alice'] });
      expectDone(await applyOne(harness.target, change));
      const shown = await harness.shows(key);
      expectDone(await applyOne(harness.restarted(), change));
      expect(await harness.shows(key)).toEqual(shown);
      await expectServed(harness, ['alice'], ['bob']);
    },
  },
  'goes on after a restart': {
    applies: always,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      const target = harness.restarted();
      expectDone(await applyOne(target, placementChange(listing, { before: ['alice'], after: ['bob'] })));
      await expectServed(harness, ['bob'], ['alice']);
    },
  },
  'names an address without secrets, and stays itself': {
    applies: always,
    async run(harness) {
      const { target } = harness;
      expect(target.address.startsWith(`${target.type} `)).toBe(true);
      expect(target.address).not.toMatch(/secret|password/i);
      expect(harness.restarted().address).toBe(target.address);
      expect(membersOf(target.environments).size).toBe(target.environments.length);
    },
  },
} satisfies Readonly<Record<string, Case>>;
