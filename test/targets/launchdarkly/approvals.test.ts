import { describe, expect, it, onTestFinished } from 'vitest';
import type { Outcome, Target } from '../../../src/domain/target.ts';
import { applyOne, listingChange, listingFor, placementChange } from '../../support/changes.ts';
import { openLd } from './ld-harness.ts';

const key = 'us-feature';

/** A flag that alice has, in an environment that needs approval from then on. */
async function open(settings: Readonly<Record<string, unknown>> = {}) {
  const ld = await openLd({ settings: { environments: ['production'], audienceAs: 'targets', ...settings } });
  onTestFinished(() => ld.close());
  const first = ld.target();
  const listing = listingFor(first);
  await applyOne(first, listingChange(listing, 'create'));
  await applyOne(first, placementChange(listing, { after: ['alice'] }));
  ld.fake.hand.setApproval('default', 'production', true);
  const give = (target: Target, after: readonly string[]): Promise<Outcome> =>
    applyOne(target, placementChange(listing, { before: ['alice'], after }));
  return { ...ld, first, listing, give };
}

function read(target: Target, onlyThese = false) {
  return target.read?.([{ key, toggle: key, environments: ['production'] }], AbortSignal.timeout(10_000), onlyThese);
}

describe('an environment that needs LaunchDarkly’s own approval', () => {
  it('gets one request, which is pending and never done', async () => {
    const { fake, first, give, serves } = await open();
    const outcome = await give(first, ['alice', 'bob']);
    const [request] = fake.pendingApprovals();
    expect(outcome).toMatchObject({ result: 'pending' });
    expect(outcome.result === 'pending' && outcome.link).toBe(
      `${fake.url}/default/production/features/us-feature/approvals/${request?.id}`,
    );
    expect(request?.description).toMatch(/^optoggles optoggles:acme-test \+1 -0 #/);
    expect(request?.description).not.toMatch(/alice|bob/);
    expect(await serves(key, 'production', 'bob')).toBe(false);
  });

  it('asks once, also after a restart', async () => {
    const { fake, first, give, target } = await open();
    await give(first, ['alice', 'bob']);
    const writes = fake.writes.length;
    expect((await give(first, ['alice', 'bob'])).result).toBe('pending');
    expect(fake.writes.length).toBe(writes);
    expect((await give(target(), ['alice', 'bob'])).result).toBe('pending');
    expect(fake.pendingApprovals()).toHaveLength(1);
  });

  it('shows both: who has it, and who would', async () => {
    const { first, give, target } = await open();
    await give(first, ['bob']);
    for (const [one, onlyThese] of [
      [first, false],
      [target(), false],
      [first, true],
    ] as const) {
      const placement = (await read(one, onlyThese))?.listings[0]?.placements[0];
      const who = placement?.who;
      const pending = placement?.pending;
      expect(who?.kind === 'members' && [...who.members.values()]).toEqual(['alice']);
      expect(pending?.who.kind === 'members' && [...pending.who.members.values()]).toEqual(['bob']);
      expect(pending).toMatchObject({ on: true, link: expect.stringContaining('/approvals/') });
    }
  });

  it('withdraws its request before it makes another one', async () => {
    const { fake, first, give, target } = await open();
    await give(first, ['alice', 'bob']);
    const from = fake.writes.length;
    expect((await give(first, ['alice', 'carol'])).result).toBe('pending');
    expect(fake.writes.slice(from).map(({ method }) => method)).toEqual(['DELETE', 'PATCH', 'POST']);
    expect(fake.pendingApprovals()).toHaveLength(1);
    // Another process finds it all the same.
    expect((await give(target(), ['alice', 'dave'])).result).toBe('pending');
    expect(fake.pendingApprovals()).toHaveLength(1);
    expect(JSON.stringify(fake.pendingApprovals()[0]?.instructions)).toContain('dave');
  });

  it('withdraws its request when policy is back where it was', async () => {
    const { fake, first, give } = await open();
    await give(first, ['alice', 'bob']);
    expect((await give(first, ['alice'])).result).toBe('done');
    expect(fake.pendingApprovals()).toEqual([]);
  });

  it('sees when somebody approved it', async () => {
    const { fake, first, give, serves } = await open();
    await give(first, ['alice', 'bob']);
    fake.approve(fake.pendingApprovals()[0]?.id ?? '');
    const placement = (await read(first))?.listings[0]?.placements[0];
    expect(placement?.pending).toBeUndefined();
    expect(await serves(key, 'production', 'bob')).toBe(true);
    expect((await give(first, ['alice', 'bob'])).result).toBe('done');
  });

  it('does not ask again for what was declined', async () => {
    const { fake, first, give, target } = await open();
    await give(first, ['alice', 'bob']);
    fake.decline(fake.pendingApprovals()[0]?.id ?? '');
    await read(first);
    for (const one of [first, target()]) {
      expect(await give(one, ['alice', 'bob'])).toMatchObject({
        result: 'refused',
        problem: { code: 'launchdarkly-declined' },
      });
    }
    expect((await give(first, ['alice', 'carol'])).result).toBe('pending');
  });

  it('leaves requests of other people alone', async () => {
    const { fake, first, give } = await open();
    const before = fake.flag('default', key)?.variations.find(({ value }) => value === true)?._id ?? '';
    const path = `${fake.url}/api/v2/projects/default/flags/${key}/environments/production/approval-requests`;
    await fetch(path, {
      method: 'POST',
      headers: { authorization: fake.token, 'ld-api-version': '20240415', 'content-type': 'application/json' },
      body: JSON.stringify({
        description: 'optoggles optoggles:acme-test-two +1 -0 #0123456789ab',
        instructions: [{ kind: 'addTargets', contextKind: 'user', variationId: before, values: ['eve'] }],
      }),
    });
    await give(first, ['alice', 'bob']);
    await give(first, ['alice', 'carol']);
    expect(fake.pendingApprovals()).toHaveLength(2);
  });

  it('says what to do where segments need approval', async () => {
    const { fake, first } = await open({ audienceAs: 'segment' });
    const listing = listingFor(first, { key: 'other' });
    await applyOne(first, listingChange(listing, 'create'));
    const change = placementChange(listing, { after: ['alice'] });
    if (change.kind !== 'placement') throw new Error('no placement');
    const group = listing.placements[0]?.groups?.shared ?? '';
    const outcome = await applyOne(first, { ...change, after: { ...change.after, group } });
    expect(outcome).toMatchObject({ result: 'refused', problem: { code: 'launchdarkly-segment-approval' } });
    expect(fake.config('default', 'other', 'production')?.on).toBe(false);
  });

  it.each(['asked for', 'found after a restart'])('keeps the segment in which a flag is to stand: %s', async how => {
    const { fake, first, serves, target } = await open({ audienceAs: 'segment' });
    fake.hand.setApproval('default', 'production', ['optoggles-acme-test']);
    const listing = listingFor(first);
    const change = placementChange(listing, { before: ['alice'], after: ['bob'] });
    if (change.kind !== 'placement') throw new Error('no placement');
    const group = listing.placements[0]?.groups?.own ?? '';
    expect((await applyOne(first, { ...change, after: { ...change.after, group } })).result).toBe('pending');
    const later = how === 'asked for' ? first : target();
    await read(later);
    expect((await applyOne(later, listingChange(listingFor(later, { key: 'other' }), 'create'))).result).toBe('done');
    fake.approve(fake.pendingApprovals()[0]?.id ?? '');
    expect(await serves(key, 'production', 'bob')).toBe(true);
  });
});
