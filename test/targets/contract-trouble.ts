import { expect } from 'vitest';
import { applied, applyOne, listingChange, listingFor, placementChange } from '../support/changes.ts';
import type { Case } from './contract-harness.ts';
import {
  environmentOf,
  expectDone,
  expectProblem,
  expectRecovered,
  expectServed,
  filled,
  key,
  patience,
} from './contract-steps.ts';

const always = () => true;

/** What a target does when things go wrong. */
export const troubleCases = {
  'starts nothing that may not start': {
    applies: always,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      const writes = harness.writes();
      const change = placementChange(listing, { before: ['alice'], after: ['bob'] });
      const outcomes = await applied(harness.target, [change], AbortSignal.timeout(patience), () => false);
      expect(outcomes.get(change.id)?.result).toBe('late');
      expect(harness.writes()).toBe(writes);
      await expectServed(harness, ['alice'], ['bob']);
    },
  },
  'writes nothing once aborted': {
    applies: always,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      const writes = harness.writes();
      const change = placementChange(listing, { before: ['alice'], after: ['bob'] });
      const outcomes = await applied(harness.target, [change], AbortSignal.abort(new Error('stopping')));
      expect(outcomes.get(change.id)?.result).not.toBe('done');
      expect(harness.writes()).toBe(writes);
    },
  },
  'says so when a write fails, and recovers': {
    applies: ({ faults }) => faults.failing !== undefined,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      const lift = harness.faults.failing?.();
      const outcome = await applyOne(harness.target, placementChange(listing, { before: ['alice'], after: ['bob'] }));
      expect(['failed', 'unanswered']).toContain(outcome.result);
      expectProblem(outcome);
      lift?.();
      await expectServed(harness, ['alice'], ['bob']);
      await expectRecovered(harness, ['carol'], ['alice']);
    },
  },
  'waits as long as it is told': {
    applies: ({ faults }) => faults.rateLimited !== undefined,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      const lift = harness.faults.rateLimited?.(7000);
      const outcome = await applyOne(harness.target, placementChange(listing, { before: ['alice'], after: ['bob'] }));
      expect(outcome).toMatchObject({ result: 'failed', retryAfter: 7000, scope: 'target' });
      expectProblem(outcome);
      lift?.();
      await expectRecovered(harness, ['bob'], ['alice']);
    },
  },
  'does not claim to know what a silent platform did': {
    applies: ({ faults }) => faults.silent !== undefined,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      for (const isApplied of [false, true]) {
        const lift = harness.faults.silent?.(isApplied);
        const outcome = await applyOne(harness.target, placementChange(listing, { before: ['alice'], after: ['bob'] }));
        expect(outcome.result).toBe('unanswered');
        expectProblem(outcome);
        lift?.();
        expect(await harness.serves(key, environmentOf(harness), 'bob')).toBe(isApplied);
      }
      await expectRecovered(harness, ['carol'], ['bob']);
    },
  },
  'does not claim to know what a broken connection did': {
    applies: ({ faults }) => faults.half !== undefined,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      for (const isApplied of [false, true]) {
        const lift = harness.faults.half?.(isApplied);
        const outcome = await applyOne(harness.target, placementChange(listing, { before: ['alice'], after: ['bob'] }));
        expect(outcome.result).toBe('unanswered');
        lift?.();
        expect(await harness.serves(key, environmentOf(harness), 'bob')).toBe(isApplied);
      }
      await expectRecovered(harness, ['carol'], ['bob']);
    },
  },
  'gets over a create that was done but not answered': {
    applies: ({ faults }) => faults.silent !== undefined,
    async run(harness) {
      const { target } = harness;
      const listing = listingFor(target);
      const lift = harness.faults.silent?.(true);
      expect((await applyOne(target, listingChange(listing, 'create'))).result).toBe('unanswered');
      lift?.();
      expect(await applyOne(target, listingChange(listing, 'create'))).toMatchObject({ result: 'done', existed: true });
      expectDone(await applyOne(target, placementChange(listing, { before: 'unknown', after: ['alice'] })));
      await expectServed(harness, ['alice'], ['bob']);
    },
  },
  'reports a conflict as one': {
    applies: ({ faults }) => faults.conflicting !== undefined,
    async run(harness) {
      const listing = await filled(harness, ['alice']);
      const lift = harness.faults.conflicting?.();
      const outcome = await applyOne(harness.target, placementChange(listing, { before: ['alice'], after: ['bob'] }));
      expect(outcome.result).toBe('conflict');
      expectProblem(outcome);
      lift?.();
      await expectServed(harness, ['alice'], ['bob']);
    },
  },
} satisfies Readonly<Record<string, Case>>;
