import { describe, expect, it, onTestFinished } from 'vitest';
import type { LiveListing } from '../../../src/domain/listing.ts';
import type { Target } from '../../../src/domain/target.ts';
import type { FlagAt } from '../../support/fake-launchdarkly/hand.ts';
import { openLd } from './ld-harness.ts';

const key = 'us-feature';
const at: FlagAt = { project: 'default', flag: key, environment: 'production' };
const soon = () => AbortSignal.timeout(10_000);

async function read(target: Target): Promise<LiveListing | undefined> {
  const live = await target.read?.([{ key, toggle: key, environments: target.environments }], soon());
  return live?.listings[0];
}

/** A flag that somebody made, with lists, a rule, a rollout; then ours, with other users. Gives what was kept of it. */
async function takenOver() {
  const ld = await openLd();
  onTestFinished(() => ld.close());
  const { hand } = ld.fake;
  hand.addFlag('default', { key, name: 'Old name', description: 'by hand', tags: ['theirs'] });
  hand.addTargets(at, true, ['canary-alice', 'canary-bob']);
  hand.addTargets(at, false, ['canary-mallory']);
  hand.addTargets(at, true, ['acme'], 'organization');
  hand.addRule(at, [{ contextKind: 'user', attribute: 'country', op: 'in', negate: false, values: ['US'] }], {
    value: true,
  });
  hand.setFallthrough(at, { weights: [25_000, 75_000] });
  hand.setOffVariation(at, true);
  hand.turn(at, true);
  const target = ld.target();
  const found = await read(target);
  expect(found?.owner).toBe('none');
  return { ld, target, definition: structuredClone(found?.definition) };
}

async function closedByUs() {
  const world = await takenOver();
  // What an approved adoption leaves: our mark, our list, nothing else.
  const { hand } = world.ld.fake;
  hand.patchFlag('default', key, [
    { kind: 'addTags', values: ['optoggles-test'] },
    { kind: 'updateName', value: 'New' },
  ]);
  hand.setFallthrough(at, { value: false });
  hand.setOffVariation(at, false);
  for (const kind of ['user', 'organization']) {
    hand.removeTargets(at, true, ['canary-alice', 'canary-bob', 'acme'], kind);
    hand.removeTargets(at, false, ['canary-mallory'], kind);
  }
  hand.addTargets(at, true, ['zoe']);
  hand.turn(at, false);
  return world;
}

describe('a flag that was taken over', () => {
  it('is put back whole, no more ours, and then there is nothing left to put back', async () => {
    const { ld, target, definition } = await closedByUs();
    expect(await ld.serves(key, 'production', 'canary-alice')).toBe(false);
    const told = await target.former?.compare(key, definition, soon());
    expect(told).toContain('its tags are those of before, without our mark');
    expect(told).toContain('production: it is switched on');
    expect(told?.join()).not.toContain('canary');
    await target.former?.putBack(key, definition, soon());
    const now = await read(target);
    expect(now).toMatchObject({ owner: 'none', metadata: { name: 'Old name', description: 'by hand' } });
    expect(await target.former?.compare(key, definition, soon())).toEqual([]);
    for (const [who, has, kind] of [
      ['canary-alice', true, 'user'],
      ['canary-mallory', false, 'user'],
      ['acme', true, 'organization'],
    ] as const) {
      expect(await ld.serves(key, 'production', who, kind), who).toBe(has);
    }
    const before = ld.fake.account.writes;
    await target.former?.putBack(key, definition, soon());
    expect(ld.fake.account.writes).toBe(before);
  });

  it('is not put back where it is gone, or where what was kept is no flag', async () => {
    const { ld, target, definition } = await takenOver();
    await expect(target.former?.putBack(key, { nothing: 1 }, soon())).rejects.toMatchObject({
      problem: { code: 'backup-unusable' },
    });
    ld.fake.hand.deleteFlag('default', key);
    await expect(target.former?.putBack(key, definition, soon())).rejects.toMatchObject({
      problem: { code: 'launchdarkly-gone' },
    });
  });
});
