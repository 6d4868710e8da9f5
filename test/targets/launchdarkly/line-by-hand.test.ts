import { describe, expect, it } from 'vitest';
import type { Hand } from '../../support/fake-launchdarkly/hand.ts';
import { changesTo, type LdWorld, openLdWorld, toggleOf, users, writesOf } from './line-world.ts';

const at = { project: 'default', flag: 'beta', environment: 'production' };
const forms = { 'a list': ['alice', 'bob', 'carol'], 'a segment': users(0, 1100) } as const;
const anybody = [{ contextKind: 'user', attribute: 'key', op: 'in', negate: true, values: ['nobody-at-all'] }];

/** The segment of `beta`. */
function segmentOf(world: LdWorld): string {
  const segments = world.fake.account.projects.get('default')?.environments.get('production')?.segments;
  return [...(segments?.keys() ?? [])][0] ?? '';
}

const doings: Readonly<Record<string, (hand: Hand, one: string) => void>> = {
  'a rule for everybody': hand => hand.addRule(at, anybody, { value: true }),
  'a rule that serves false to everybody': hand => hand.addRule(at, anybody, { value: false }),
  'a rule of percentages': hand => hand.addRule(at, anybody, { weights: [50_000, 50_000] }),
  'a flipped fallthrough': hand => hand.setFallthrough(at, { value: true }),
  'a fallthrough of percentages': hand => hand.setFallthrough(at, { weights: [50_000, 50_000] }),
  'a stranger among the targets': hand => hand.addTargets(at, true, ['stranger']),
  'a member targeted with false, and a stranger too': (hand, one) => {
    hand.removeTargets(at, true, [one]);
    hand.addTargets(at, false, [one, 'stranger']);
  },
  'targets of another kind': hand => hand.addTargets(at, true, ['stranger', 'acme'], 'organization'),
  'an open off variation': hand => hand.setOffVariation(at, true),
  'no off variation': hand => hand.setOffVariation(at, undefined),
};

describe('what somebody does by hand is put right at the next look', () => {
  for (const [form, members] of Object.entries(forms)) {
    for (const [name, doIt] of Object.entries(doings)) {
      it(`${form}: ${name}`, async () => {
        const world = await openLdWorld({ beta: members });
        doIt(world.fake.hand, members[0] ?? '');
        await world.step(() => world.look());
        expect(writesOf(world)).toHaveLength(1);
        expect(world.status('beta')?.state).toBe('in-sync');
        await world.step(() => world.look());
        expect(writesOf(world)).toEqual([]);
      });
    }
  }

  it('all of it at once, and policy changes before anybody looked', async () => {
    for (const members of Object.values(forms)) {
      const world = await openLdWorld({ beta: members });
      for (const doIt of Object.values(doings).slice(0, 6)) doIt(world.fake.hand, members[0] ?? '');
      world.policy('beta', [...members.slice(1), 'newcomer']);
      await world.step(() => world.look());
      expect(world.status('beta')?.state).toBe('in-sync');
    }
  });

  it('open and switched off by hand: it stays off, and is closed for everybody', async () => {
    const world = await openLdWorld({ beta: ['alice'] });
    world.fake.hand.setOffVariation(at, true);
    world.fake.hand.turn(at, false);
    await world.step(() => world.look(), { beta: [] });
    expect(world.status('beta')).toMatchObject({ state: 'off' });
    expect(world.fake.config('default', 'beta', 'production')?.on).toBe(false);
  });

  it('switched off by hand stays off, also when its users change; with `reopen` it comes back', async () => {
    for (const members of Object.values(forms)) {
      const world = await openLdWorld({ beta: members });
      world.fake.hand.turn(at, false);
      await world.step(() => world.look(), { beta: [] });
      expect(world.status('beta')).toMatchObject({ state: 'off' });
      await changesTo(world, 'beta', members.slice(1), { beta: [] });
      await changesTo(world, 'beta', [...members.slice(1), 'newcomer'], { beta: [] });
      expect(world.fake.config('default', 'beta', 'production')?.on).toBe(false);
      await world.step(() => world.fake.hand.turn(at, true), { beta: [...served(world)] });
      await world.step(() => world.look());
    }
    const world = await openLdWorld({ beta: ['alice'] }, { reopen: true });
    world.fake.hand.turn(at, false);
    await world.step(() => world.look());
    expect(world.status('beta')?.state).toBe('in-sync');
  });

  it('a segment that somebody edited', async () => {
    const world = await openLdWorld({ beta: users(0, 1100), gamma: ['alice'] });
    const edit = (...instructions: Parameters<Hand['patchSegment']>[3]) =>
      world.fake.hand.patchSegment('default', 'production', segmentOf(world), instructions);
    const keys = (kind: string, contextKind: string, ...values: string[]) => ({ kind, contextKind, values });
    edit(
      keys('addIncludedTargets', 'user', 'stranger'),
      keys('removeIncludedTargets', 'user', 'user-00001', 'user-00002', 'user-00003'),
      keys('addIncludedTargets', 'organization', 'acme'),
      keys('addExcludedTargets', 'user', 'user-00003'),
      { kind: 'addRule', clauses: anybody },
    );
    await world.step(() => world.look());
    expect(writesOf(world)).toEqual([`PATCH segments ${segmentOf(world)}`]);
    expect(world.status('beta')?.state).toBe('in-sync');
  });

  it('a segment that somebody deleted, or that lost our tag', async () => {
    const world = await openLdWorld({ beta: users(0, 1100) });
    const segment = segmentOf(world);
    world.fake.hand.deleteSegment('default', 'production', segment);
    await world.step(() => world.look());
    expect(world.status('beta')?.state).toBe('in-sync');
    world.fake.hand.patchSegment('default', 'production', segment, [
      { kind: 'removeTags', values: ['optoggles-test'] },
    ]);
    // Nobody else may stand in it by our word: the flag no longer counts on it, or says why it must.
    await world.step(
      () => world.look(),
      { beta: served(world) },
      () => world.said() !== '',
    );
    expect(world.said()).toMatch(/optoggles-test/);
    world.fake.hand.patchSegment('default', 'production', segment, [{ kind: 'addTags', values: ['optoggles-test'] }]);
    await world.step(() => world.look());
    expect(world.status('beta')?.state).toBe('in-sync');
  });

  it('our tag removed: it is nobody’s any more, and is not written', async () => {
    const world = await openLdWorld({ beta: ['alice'], gamma: ['bob'] });
    world.fake.hand.patchFlag('default', 'beta', [{ kind: 'removeTags', values: ['optoggles-test'] }]);
    world.policy('beta', ['carol']);
    world.policy('gamma', ['dave']);
    await world.step(() => world.look(), { beta: ['alice'] });
    expect(world.status('beta')).toMatchObject({ state: 'failed' });
    expect(world.said()).toMatch(/beta exists in ld and is not ours/);
    expect(world.status('gamma')?.state).toBe('in-sync');
    world.fake.hand.patchFlag('default', 'beta', [{ kind: 'addTags', values: ['optoggles-test'] }]);
    await world.step(() => world.look());
    expect(world.status('beta')?.state).toBe('in-sync');
  });

  it('archived, or deleted: it is made again, closed first', async () => {
    for (const members of Object.values(forms)) {
      const world = await openLdWorld({ beta: members });
      world.fake.hand.archive('default', 'beta');
      await world.step(() => world.look());
      expect(world.status('beta')?.state).toBe('in-sync');
      world.fake.hand.deleteFlag('default', 'beta');
      await world.step(() => world.look());
      expect(world.status('beta')?.state).toBe('in-sync');
    }
  });

  it('archived by hand while policy changes: it comes back as policy is by then', async () => {
    const world = await openLdWorld({ beta: ['alice', 'bob'] });
    world.fake.hand.archive('default', 'beta');
    world.policy('beta', ['bob', 'carol']);
    await world.step(() => world.callback());
    expect(world.status('beta')?.state).toBe('in-sync');
  });
});

describe('what is respected, and named', () => {
  it('a prerequisite decides too, and stays', async () => {
    const world = await openLdWorld({ beta: ['alice', 'bob'] });
    world.fake.hand.addFlag('default', { key: 'gate' });
    world.fake.hand.addPrerequisite(at, 'gate', true);
    await world.step(() => world.look(), { beta: [] });
    expect(world.line.targets[0]?.plan?.warnings.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      expect.stringMatching(/^launchdarkly-prerequisites: .*gate/),
    ]);
    await changesTo(world, 'beta', ['bob'], { beta: [] });
    expect(world.fake.config('default', 'beta', 'production')?.prerequisites).toHaveLength(1);
    expect(world.fake.config('default', 'beta', 'production')?.targets[0]?.values).toEqual(['bob']);
    world.fake.hand.setFallthrough({ ...at, flag: 'gate' }, { value: true });
    world.fake.hand.turn({ ...at, flag: 'gate' }, true);
    await world.step(() => world.look());
  });

  it('a scheduled change that ours would break is not broken: nothing is written there until it went', async () => {
    const world = await openLdWorld({ beta: ['alice', 'bob'], gamma: ['alice'] });
    const no = world.fake.flag('default', 'beta')?.variations.find(({ value }) => value === false)?._id;
    const change = world.fake.hand.schedule(at, world.clock.now() + 1e7, [
      { kind: 'addTargets', contextKind: 'user', values: ['carol'], variationId: no },
    ]);
    world.policy('beta', ['alice', 'bob', 'carol']);
    world.policy('gamma', ['alice', 'carol']);
    await world.step(() => world.callback(), { beta: ['alice', 'bob'] });
    expect(world.said()).toMatch(/scheduled/);
    expect(world.status('beta')).toMatchObject({ state: 'failed' });
    expect(world.status('gamma')?.state).toBe('in-sync');
    world.fake.account.scheduled.delete(change.id);
    await world.step(() => world.look());
    expect(world.status('beta')?.state).toBe('in-sync');
  });

  it('what a scheduled change forbids keeps nobody in who has to go, and is tried anew once something else is wanted', async () => {
    const world = await openLdWorld({ beta: ['alice', 'bob'] });
    const no = world.fake.flag('default', 'beta')?.variations.find(({ value }) => value === false)?._id;
    world.fake.hand.schedule(at, world.clock.now() + 1e7, [
      { kind: 'addTargets', contextKind: 'user', values: ['carol'], variationId: no },
    ]);
    await changesTo(world, 'beta', ['bob', 'carol'], { beta: ['bob'] });
    expect(world.status('beta')?.state).toBe('failed');
    expect(world.said()).toMatch(/scheduled/);
    await changesTo(world, 'beta', ['dave'], {});
    expect(world.status('beta')?.state).toBe('in-sync');
  });

  it('a scheduled change that went is noticed at the next look at everything', async () => {
    const world = await openLdWorld({ beta: ['alice'] });
    const no = world.fake.flag('default', 'beta')?.variations.find(({ value }) => value === false)?._id;
    const change = world.fake.hand.schedule(at, world.clock.now() + 1e7, [
      { kind: 'addTargets', contextKind: 'user', values: ['carol'], variationId: no },
    ]);
    await changesTo(world, 'beta', ['alice', 'carol'], { beta: ['alice'] });
    world.fake.account.scheduled.delete(change.id);
    await world.step(() => world.line.targets[0]?.wake({ kind: 'drift', read: true }));
    expect(world.status('beta')?.state).toBe('in-sync');
  });

  it('a file that goes closes its toggle for good; who opens it by hand is closed again', async () => {
    const world = await openLdWorld(
      { beta: ['alice'], gamma: users(0, 1100) },
      { toggles: [toggleOf('beta'), toggleOf('gamma')] },
    );
    await world.step(() => {
      world.toggles.delete('gamma');
      world.line.rescan();
    });
    const gamma = { ...at, flag: 'gamma' };
    expect(world.fake.config('default', 'gamma', 'production')).toMatchObject({ on: false, rules: [], targets: [] });
    world.fake.hand.addTargets(gamma, true, ['stranger']);
    world.fake.hand.turn(gamma, true);
    await world.step(() => world.look(), { gamma: [] });
  });
});

/** Who is served beta now, by what LaunchDarkly holds: its list, or its segment. */
function served(world: LdWorld): readonly string[] {
  const config = world.fake.config('default', 'beta', 'production');
  const listed = config?.targets.filter(({ variation }) => variation === 0).flatMap(({ values }) => [...values]) ?? [];
  const segment = world.fake.segment('default', 'production', segmentOf(world));
  return [...listed, ...(config?.rules.length ? (segment?.included[0]?.values ?? []) : [])];
}
