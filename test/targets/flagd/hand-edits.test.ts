import { describe, expect, it, onTestFinished } from 'vitest';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { LiveListing, LivePlacement } from '../../../src/domain/listing.ts';
import { applyOne, listingChange, listingFor, placementChange } from '../../support/changes.ts';
import { flagdFolder, served } from './flagd-harness.ts';

const key = 'us-feature';
const own = { if: [{ in: [{ var: 'targetingKey' }, ['alice']] }, 'on', 'off'] };

async function edited(edit: JsonObject) {
  const folder = await flagdFolder();
  onTestFinished(() => folder.close());
  const target = folder.target(['production']);
  const listing = listingFor(target);
  await applyOne(target, listingChange(listing, 'create'));
  await applyOne(target, placementChange(listing, { after: ['alice'] }));
  const content = await folder.read();
  const flag = { ...content.flags[key], ...edit };
  await folder.write({ ...content, flags: { ...content.flags, [key]: flag } });
  const live = await target.read?.([{ key, toggle: key, environments: ['production'] }], AbortSignal.timeout(5000));
  return { folder, target, listing, live: live?.listings[0] as LiveListing };
}

function seen(placement: LivePlacement | undefined) {
  if (placement?.who.kind !== 'members') throw new Error('no list');
  const ways = placement.waysIn.map(({ kind, open }) => `${kind}${open ? ' open' : ''}`);
  return { on: placement.on, who: [...placement.who.members.values()], ways };
}

describe('a flag of ours that somebody edited', () => {
  it.each<[string, JsonObject, ReturnType<typeof seen>]>([
    ['nothing that matters', { note: 'x' }, { on: true, who: ['alice'], ways: [] }],
    ['disabled', { state: 'DISABLED' }, { on: false, who: ['alice'], ways: ['default open'] }],
    ['open by default', { defaultVariant: 'on' }, { on: true, who: ['alice'], ways: ['default open'] }],
    ['default left to the application', { defaultVariant: null }, { on: true, who: ['alice'], ways: ['default open'] }],
    ['a default that is not there', { defaultVariant: 'maybe' }, { on: true, who: ['alice'], ways: ['default open'] }],
    [
      'off means on',
      { variants: { on: true, off: true } },
      { on: true, who: ['alice'], ways: ['default open', 'fallthrough open'] },
    ],
    ['no rule', { targeting: {} }, { on: true, who: [], ways: [] }],
    [
      'another list',
      { targeting: { if: [{ in: [{ var: 'targetingKey' }, ['zoe']] }, 'on', 'off'] } },
      { on: true, who: ['zoe'], ways: [] },
    ],
    [
      'one more rule',
      { targeting: { if: [...own.if.slice(0, 2), { '==': [{ var: 'plan' }, 'pro'] }, 'on', 'off'] } },
      { on: true, who: ['alice'], ways: ['rule open'] },
    ],
    [
      'a rule that keeps members out',
      { targeting: { if: [{ '==': [{ var: 'plan' }, 'free'] }, 'off', ...own.if] } },
      { on: true, who: ['alice'], ways: ['rule'] },
    ],
    [
      'an else that is on',
      { targeting: { if: [...own.if.slice(0, 2), 'on'] } },
      { on: true, who: ['alice'], ways: ['fallthrough open'] },
    ],
    [
      'something else altogether',
      {
        targeting: {
          fractional: [
            ['on', 50],
            ['off', 50],
          ],
        },
      },
      { on: true, who: [], ways: ['rule open'] },
    ],
    [
      'a substring test',
      { targeting: { if: [{ in: [{ var: 'targetingKey' }, 'alice,bob'] }, 'on', 'off'] } },
      { on: true, who: [], ways: ['rule open'] },
    ],
    [
      'another attribute',
      { targeting: { if: [{ in: [{ var: 'email' }, ['alice']] }, 'on', 'off'] } },
      { on: true, who: [], ways: ['rule open'] },
    ],
    [
      'a reference to nothing',
      { targeting: { if: [{ $ref: 'gone' }, 'on', 'off'] } },
      { on: true, who: [], ways: ['rule open'] },
    ],
  ])('%s', async (_what, edit, expected) => {
    const { folder, target, listing, live } = await edited(edit);
    expect(live.owner).toBe('ours');
    const now = seen(live.placements[0]);
    expect(now).toEqual(expected);
    // Whatever it was, writing it again closes it.
    const change = placementChange(listing, { before: now.who, after: ['bob'] });
    if (change.kind !== 'placement') throw new Error('no placement');
    const before = { ...change.before, on: now.on };
    expect(await applyOne(target, { ...change, before })).toMatchObject({ result: 'done' });
    const text = await folder.text();
    expect(['alice', 'bob', 'zoe', 'stranger'].map(member => served(text, key, member))).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });

  it('an evaluator that somebody edited is put right, and does not change a toggle beside it', async () => {
    const { folder, target, listing } = await edited({});
    const other = listingFor(target, { key: 'beside' });
    await applyOne(target, listingChange(other, 'create'));
    await applyOne(target, placementChange(other, { after: ['alice'] }));
    await folder.write((await folder.text()).replaceAll('"alice"', '"alice","mallory"'));
    const read = () => target.read?.([], AbortSignal.timeout(5000));
    expect((await read())?.listings.map(one => seen(one.placements[0]).who)).toEqual([
      ['alice', 'mallory'],
      ['alice', 'mallory'],
    ]);
    const right = placementChange(listing, { before: ['alice', 'mallory'], after: ['alice'] });
    expect(await applyOne(target, right)).toMatchObject({ result: 'done' });
    expect((await read())?.listings.map(one => seen(one.placements[0]).who)).toEqual([['alice'], ['alice', 'mallory']]);
    const rightToo = placementChange(other, { before: ['alice', 'mallory'], after: ['alice'] });
    expect(await applyOne(target, rightToo)).toMatchObject({ result: 'done' });
    expect((await read())?.listings.map(one => seen(one.placements[0]).who)).toEqual([['alice'], ['alice']]);
  });

  it('an evaluator edited under its only flag is put right under its name', async () => {
    const { folder, target, listing } = await edited({ targeting: { if: [{ $ref: 'optoggles-x' }, 'on', 'off'] } });
    await applyOne(target, placementChange(listing, { before: [], after: ['alice'] }));
    const names = Object.keys((await folder.read()).$evaluators);
    await folder.write((await folder.text()).replaceAll('"alice"', '"mallory"'));
    expect(await applyOne(target, placementChange(listing, { before: ['mallory'], after: ['alice'] }))).toMatchObject({
      result: 'done',
    });
    expect(Object.keys((await folder.read()).$evaluators)).toEqual(names);
    expect(served(await folder.text(), key, 'mallory')).toBe(false);
    expect(served(await folder.text(), key, 'alice')).toBe(true);
  });

  it('other metadata show, and are written again without touching who is in', async () => {
    const { folder, target, listing, live } = await edited({
      metadata: { managedBy: 'optoggles:acme-test', state: 'on', name: 'Mine' },
    });
    expect(live.metadata).toEqual({ name: 'Mine' });
    expect(await applyOne(target, listingChange(listing, 'update'))).toMatchObject({ result: 'done' });
    expect((await folder.read()).flags[key]?.metadata).toMatchObject({
      name: 'US only feature',
      managedBy: 'optoggles:acme-test',
      state: 'on',
    });
    expect(served(await folder.text(), key, 'alice')).toBe(true);
  });
});
