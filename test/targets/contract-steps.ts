import { expect } from 'vitest';
import type { Live, LiveListing } from '../../src/domain/listing.ts';
import type { Outcome } from '../../src/domain/target.ts';
import { applyOne, listingChange, listingFor, placementChange, type ToggleDraft } from '../support/changes.ts';
import type { Harness } from './contract-harness.ts';

/** Of the toggle that most cases are about. */
export const key = 'us-feature';
/** ms */
export const patience = 15_000;

/** Creates the toggle and lets these in, as a first sync does. */
export async function filled(harness: Harness, members: readonly string[], draft: ToggleDraft = {}) {
  const { target } = harness;
  const listing = listingFor(target, draft);
  expectDone(await applyOne(target, listingChange(listing, 'create')));
  for (const { environment } of listing.placements) {
    expectDone(await applyOne(target, placementChange(listing, { environment, before: [], after: members })));
  }
  return listing;
}

/** The environment that the cases look at. */
export function environmentOf({ target }: Harness): string {
  return target.environments[0] ?? 'production';
}

/** These are served true, those false, and nobody gets the application's own default. */
export async function expectServed(harness: Harness, inside: readonly string[], outside: readonly string[], of = key) {
  const environment = environmentOf(harness);
  for (const member of inside) expect(await harness.serves(of, environment, member), `${member} is in`).toBe(true);
  for (const member of outside) expect(await harness.serves(of, environment, member), `${member} is out`).toBe(false);
}

/** Reads the toggle back. */
export async function readBack({ target }: Harness): Promise<Live> {
  if (target.read === undefined) throw new Error('this target cannot be read');
  const { environments } = target;
  const want = [{ key, toggle: key, environments: environments.length > 0 ? environments : ['production'] }];
  return target.read(want, AbortSignal.timeout(patience));
}

/** A problem has a code, a next step, and nobody's name. */
export function expectProblem(outcome: Outcome): void {
  if (!('problem' in outcome)) throw new Error(`no problem in ${outcome.result}`);
  expect(outcome.problem.code).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  expect(outcome.problem.hint ?? '', `a next step for: ${outcome.problem.message}`).not.toBe('');
  // Members' names never show up in a problem.
  expect(JSON.stringify(outcome.problem)).not.toMatch(/alice|bob|carol/);
}

/** Who was read in the first placement. */
export function membersOfFirst(listing: LiveListing | undefined): readonly string[] {
  const who = listing?.placements[0]?.who;
  return who?.kind === 'members' ? [...who.members.values()] : [];
}

/** Once the fault is over the next write does what it should. */
export async function expectRecovered(harness: Harness, members: readonly string[], former: readonly string[]) {
  const { target } = harness;
  const listing = listingFor(target);
  const before = target.read === undefined ? ('unknown' as const) : former;
  expectDone(await applyOne(target, placementChange(listing, { before, after: members })));
  await expectServed(harness, members, former);
}

/** Fails with the problem's own words unless the write was done. */
export function expectDone(outcome: Outcome): void {
  const problem = 'problem' in outcome ? outcome.problem.message : '';
  expect(`${outcome.result} ${problem}`.trim()).toBe('done');
}
