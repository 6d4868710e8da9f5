import { describe, expect, it, onTestFinished } from 'vitest';
import type { LiveListing } from '../../../src/domain/listing.ts';
import type { Target } from '../../../src/domain/target.ts';
import type { FlagAt, Hand } from '../../support/fake-launchdarkly/hand.ts';
import { listingFor } from '../../support/changes.ts';
import { targetLine } from '../../support/sync-once.ts';
import { type Ld, type LdOptions, openLd } from './ld-harness.ts';

const key = 'us-feature';
const at: FlagAt = { project: 'default', flag: key, environment: 'production' };
const everybody = ['alice', 'bob', 'mallory', 'nobody'];

async function open(options: LdOptions = {}): Promise<Ld & { readonly first: Target }> {
  const ld = await openLd(options);
  onTestFinished(() => ld.close());
  return { ...ld, first: ld.target() };
}

async function read(target: Target, ...keys: string[]): Promise<readonly LiveListing[]> {
  const want = keys.map(one => ({ key: one, toggle: one, environments: target.environments }));
  return (await target.read?.(want, AbortSignal.timeout(10_000)))?.listings ?? [];
}

function wanted(target: Target, adopt = false) {
  const listing = listingFor(target, { adopt });
  const placements = listing.placements.map(one => ({ ...one, guard: { allowEmpty: true } }));
  return { listings: [{ ...listing, placements }], audiences: { a1: ['alice', 'bob'] } };
}

async function insiders(ld: Ld, kind = 'user'): Promise<readonly string[]> {
  const inside: string[] = [];
  for (const one of everybody) if ((await ld.serves(key, 'production', one, kind)) === true) inside.push(one);
  return inside;
}

const byCountry = [{ contextKind: 'user', attribute: 'country', op: 'in', negate: false, values: ['US'] }];
const anybody = [{ contextKind: 'user', attribute: 'key', op: 'in', negate: true, values: [''] }];

/** What somebody does by hand, and how it is reported: `kind open what`. */
const doings: Readonly<Record<string, { readonly doIt: (hand: Hand) => void; readonly said: readonly string[] }>> = {
  'a rule for everybody': {
    doIt: hand => hand.addRule(at, anybody, { value: true }),
    said: ['rule true: rule 1 serves true'],
  },
  'a rule of percentages': {
    doIt: hand => hand.addRule(at, byCountry, { weights: [20_000, 80_000] }),
    said: ['rule true: rule 1 serves true to 20 %'],
  },
  'a rule that serves false': {
    doIt: hand => hand.addRule(at, anybody, { value: false }),
    said: ['rule false: rule 1 was added by hand and serves false'],
  },
  'a flipped fallthrough': {
    doIt: hand => hand.setFallthrough(at, { value: true }),
    said: ['fallthrough true: the default serves true to everybody'],
  },
  'a fallthrough by percentage': {
    doIt: hand => hand.setFallthrough(at, { weights: [500, 99_500] }),
    said: ['fallthrough true: the default serves true to 0.5 %'],
  },
  'an off variation that is open': {
    doIt: hand => hand.setOffVariation(at, true),
    said: ['off-variation false: while off, it serves true to everybody'],
  },
  'targets in the other variation': {
    doIt: hand => {
      hand.removeTargets(at, true, ['alice']);
      hand.addTargets(at, false, ['alice', 'mallory']);
    },
    said: ['targets false: 2 user keys are targeted with false'],
  },
  'targets of another kind': {
    doIt: hand => hand.addTargets(at, true, ['mallory'], 'organization'),
    said: ['targets true: 1 organization key of another kind is targeted with true'],
  },
  'one more user': { doIt: hand => hand.addTargets(at, true, ['mallory']), said: [] },
  'one user less': { doIt: hand => hand.removeTargets(at, true, ['bob']), said: [] },
};

describe('what is done by hand', () => {
  for (const [name, { doIt, said }] of Object.entries(doings)) {
    it(`${name} is reported, and closed in one write`, async () => {
      const ld = await open();
      const { fake, first } = ld;
      const line = targetLine(first);
      await line.sync(wanted(first));
      doIt(fake.hand);
      const [found] = await read(first, key);
      const ways = found?.placements[0]?.waysIn ?? [];
      expect(ways.map(({ kind, open: isOpen, what }) => `${kind} ${isOpen}: ${what}`)).toEqual(said);
      expect(JSON.stringify(ways)).not.toMatch(/alice|bob|mallory/);
      const writes = fake.writes.length;
      await line.sync(wanted(first));
      expect(fake.writes.length - writes).toBe(1);
      expect(await insiders(ld)).toEqual(['alice', 'bob']);
      expect(await insiders(ld, 'organization')).toEqual([]);
      expect((await line.plan(wanted(first))).changes).toEqual([]);
    });
  }

  it('an off by hand stays off', async () => {
    const ld = await open();
    const line = targetLine(ld.first);
    await line.sync(wanted(ld.first));
    ld.fake.hand.turn(at, false);
    const plan = await line.plan(wanted(ld.first));
    expect(plan.held.map(({ reason }) => reason)).toContain('switched-off-by-hand');
    expect(plan.changes).toEqual([]);
    expect(await insiders(ld)).toEqual([]);
  });

  it('an off variation lets in everybody while off: that is open', async () => {
    const { fake, first } = await open();
    await targetLine(first).sync(wanted(first));
    fake.hand.turn(at, false);
    fake.hand.setOffVariation(at, true);
    const [found] = await read(first, key);
    expect(found?.placements[0]?.waysIn).toEqual([
      { kind: 'off-variation', what: 'while off, it serves true to everybody', open: true },
    ]);
  });

  it('a prerequisite is left alone and named', async () => {
    const ld = await open();
    const { fake, first } = ld;
    const line = targetLine(first);
    await line.sync(wanted(first));
    fake.hand.addFlag('default', { key: 'gate' });
    fake.hand.addPrerequisite(at, 'gate', true);
    const [found] = await read(first, key);
    expect(found?.notes?.map(({ code }) => code)).toEqual(['launchdarkly-prerequisites']);
    expect(found?.notes?.[0]?.message).toContain('gate');
    await line.sync({ ...wanted(first), audiences: { a1: ['alice'] } });
    expect(fake.config('default', key, 'production')?.prerequisites).toHaveLength(1);
  });

  it('a scheduled change is respected, and its refusal shown', async () => {
    const { fake, first } = await open();
    const line = targetLine(first);
    await line.sync(wanted(first));
    const before = fake.config('default', key, 'production');
    // It can be done now, and no longer once carol is targeted with true.
    fake.hand.schedule(at, Date.now() + 1e6, [
      { kind: 'addTargets', contextKind: 'user', values: ['carol'], variationId: variationId(fake, false) },
    ]);
    await expect(line.sync({ ...wanted(first), audiences: { a1: ['alice', 'bob', 'carol'] } })).rejects.toThrow(
      'refused',
    );
    expect(fake.config('default', key, 'production')).toEqual(before);
    expect(fake.requests.some(({ path }) => path.includes('ignoreConflicts'))).toBe(false);
  });

  it('an archived flag of ours comes back closed, then with its users', async () => {
    const ld = await open();
    const { fake, first } = ld;
    const line = targetLine(first);
    await line.sync(wanted(first));
    fake.hand.archive('default', key);
    const [found] = await read(first, key);
    expect(found?.archived).toBe(true);
    await line.sync(wanted(first));
    expect(await insiders(ld)).toEqual(['alice', 'bob']);
  });
});

function variationId(fake: Ld['fake'], value: boolean): string {
  const found = fake.flag('default', key)?.variations.find(one => one.value === value);
  if (found === undefined) throw new Error('no variation');
  return found._id;
}

describe('whose it is, and whether it can be used', () => {
  it('takes over a flag with the variations the other way round, with what it was', async () => {
    const ld = await open();
    const { fake, first } = ld;
    fake.hand.addFlag('default', {
      key,
      tags: ['growth'],
      variations: [{ value: false }, { value: true }],
      defaults: { onVariation: 1, offVariation: 1 },
    });
    for (const environment of ['production', 'test']) fake.hand.turn({ ...at, environment }, true);
    const [found] = await read(first, key);
    expect(found).toMatchObject({ owner: 'none', definition: { key, tags: ['growth'] } });
    expect(found?.placements[0]?.waysIn.map(way => `${way.kind} ${way.open}`)).toEqual([
      'fallthrough true',
      'off-variation false',
    ]);
    const line = targetLine(first);
    expect((await line.plan(wanted(first))).refused.map(({ problem }) => problem.code)).toEqual(['no-owner-mark']);
    const plan = await line.plan(wanted(first, true));
    expect(plan.blocked.map(({ reason }) => reason)).toEqual(['adoption']);
    fake.hand.setFallthrough(at, { value: false });
    fake.hand.setFallthrough({ ...at, environment: 'test' }, { value: false });
    await line.sync(wanted(first, true));
    expect(await insiders(ld)).toEqual(['alice', 'bob']);
    // Tags that no flag file names stay.
    expect(fake.flag('default', key)?.tags).toEqual(['growth', 'optoggles-acme-test']);
    expect((await line.plan(wanted(first, true))).changes).toEqual([]);
  });

  it('refuses a flag of several variations, and one of another instance', async () => {
    const { fake, first } = await open();
    fake.hand.addFlag('default', { key, variations: [{ value: 'a' }, { value: 'b' }], defaults: undefined });
    fake.hand.addFlag('default', { key: 'theirs', tags: ['optoggles-acme', 'optoggles-acme-test'] });
    const [theirs, several] = await read(first, key, 'theirs');
    expect(several?.refused?.code).toBe('launchdarkly-not-boolean');
    expect(theirs?.owner).toEqual({ mark: 'optoggles-acme' });
    const before = JSON.stringify([...(fake.account.projects.get('default')?.flags.values() ?? [])]);
    expect((await targetLine(first).plan(wanted(first, true))).refused.map(({ problem }) => problem.code)).toEqual([
      'launchdarkly-not-boolean',
    ]);
    expect(JSON.stringify([...(fake.account.projects.get('default')?.flags.values() ?? [])])).toBe(before);
  });

  it('refuses alone the toggles of a project or an environment that is not there', async () => {
    const { first } = await open({
      settings: { environments: { production: 'production', test: 'test', stage: 'staging' } },
    });
    const want = [
      { key: 'fine', toggle: 'fine', environments: ['production'] },
      { key: 'staged', toggle: 'staged', environments: ['production', 'stage'] },
      { key: 'elsewhere/lost', toggle: 'lost', environments: ['production'] },
    ];
    const live = await first.read?.(want, AbortSignal.timeout(10_000));
    expect(live?.listings.map(one => [one.key, one.refused?.code])).toEqual([
      ['elsewhere/lost', 'launchdarkly-no-project'],
      ['staged', 'launchdarkly-no-environment'],
    ]);
    expect(live?.unreadable).toEqual([]);
  });

  it('keeps toggles in several projects apart', async () => {
    const ld = await open({
      projects: [
        { key: 'default', environments: ['production'] },
        { key: 'mobile', environments: ['production'] },
      ],
      settings: { environments: ['production'], projKey: 'default' },
    });
    const { fake, first } = ld;
    expect(first.remoteKey?.('x', {})).toBe('x');
    expect(first.remoteKey?.('x', { projKey: 'default' })).toBe('x');
    const remote = first.remoteKey?.(key, { projKey: 'mobile' }) ?? '';
    expect(remote).toBe(`mobile/${key}`);
    const listings = [listingFor(first), listingFor(first, { key: remote })];
    const line = targetLine(first);
    await line.sync({ listings, audiences: { a1: ['alice'] } });
    expect(fake.config('mobile', key, 'production')?.targets[0]?.values).toEqual(['alice']);
    expect(await ld.serves(remote, 'production', 'alice')).toBe(true);
    expect((await line.plan({ listings, audiences: { a1: ['alice'] } })).changes).toEqual([]);
  });
});
