import { describe, expect, it } from 'vitest';
import { changesTo, type LdWorld, openLdWorld, toggleOf, users, writesOf } from './line-world.ts';

function segmentsOf(world: LdWorld): readonly number[] {
  const segments = world.fake.account.projects.get('default')?.environments.get('production')?.segments;
  return [...(segments?.values() ?? [])].map(({ included }) => included[0]?.values.length ?? 0).sort((a, b) => a - b);
}

function rulesOf(world: LdWorld, key: string): number | undefined {
  return world.fake.config('default', key, 'production')?.rules.length;
}

/** Toggles `t-00` and on that all follow the rule `shared`. */
function sharing(count: number) {
  const policy = { source: 'opal', package: ['app'], rule: 'shared' };
  return Array.from({ length: count }, (_, at) =>
    toggleOf(`t-${String(at).padStart(2, '0')}`, { usersPolicy: policy }),
  );
}

describe('users grow and shrink', () => {
  it('900, 1,100, 1,600, 400: targets, a segment, targets; no request has more than 1,500 keys', async () => {
    const world = await openLdWorld({ beta: users(0, 900) });
    expect(rulesOf(world, 'beta')).toBe(0);
    await changesTo(world, 'beta', users(0, 1100));
    expect(rulesOf(world, 'beta')).toBe(1);
    await changesTo(world, 'beta', users(0, 1600));
    expect(writesOf(world)).toHaveLength(1);
    expect(segmentsOf(world)).toEqual([1600]);
    await changesTo(world, 'beta', users(1200, 1600));
    expect(rulesOf(world, 'beta')).toBe(0);
    expect(segmentsOf(world)).toEqual([]);
    for (const { path, body } of world.fake.writes) {
      if (!path.includes('/segments/') || body === undefined) continue;
      const { instructions = [] } = body as { instructions?: readonly { values?: readonly string[] }[] };
      const keys = instructions.reduce((sum, { values = [] }) => sum + values.length, 0);
      expect(keys).toBeLessThanOrEqual(1500);
    }
  });

  it('fills 4,000 at once, and gives 2,000 of them to others', async () => {
    const world = await openLdWorld({ beta: users(0, 4000) });
    await changesTo(world, 'beta', users(2000, 6000));
    expect(segmentsOf(world)).toEqual([4000]);
  });

  it('above 15,000 those who lose it lose it, and grants wait and say so', async () => {
    const most = users(0, 15_000);
    const world = await openLdWorld({ beta: most });
    const fewer = users(10, 15_000);
    await changesTo(world, 'beta', [...fewer, ...users(20_000, 20_100)], { beta: fewer });
    expect(world.status('beta')).toMatchObject({ state: 'held' });
    expect(world.said()).toMatch(/15,?000/);
    expect(world.said()).not.toContain('user-');
    await changesTo(world, 'beta', [...fewer, ...users(20_000, 20_010)]);
    expect(world.status('beta')?.state).toBe('in-sync');
  }, 60_000);
});

describe('thirty toggles with one policy', () => {
  it('one user is one write, in the segment that they share', async () => {
    const world = await openLdWorld({ shared: users(0, 1200) }, { toggles: sharing(30) });
    expect(segmentsOf(world)).toEqual([1200]);
    await changesTo(world, 'shared', users(0, 1201));
    expect(writesOf(world)).toHaveLength(1);
    await changesTo(world, 'shared', users(1, 1201));
    expect(writesOf(world)).toHaveLength(1);
    world.callback();
    const before = world.fake.requests.length;
    await world.settle();
    expect(world.fake.requests.length).toBe(before);
  }, 60_000);

  it('they go back to lists one by one, and nobody notices', async () => {
    const world = await openLdWorld({ shared: users(0, 1001) }, { toggles: sharing(12) });
    await changesTo(world, 'shared', users(0, 500));
    expect(segmentsOf(world)).toEqual([]);
    expect(world.fake.config('default', 't-11', 'production')?.targets[0]?.values).toHaveLength(500);
    await changesTo(world, 'shared', users(0, 1002));
    expect(segmentsOf(world)).toEqual([1002]);
  }, 60_000);

  it('one takes another policy, one is switched off, one goes: the others do not feel it', async () => {
    const world = await openLdWorld(
      { shared: users(0, 1200), other: users(600, 2000), few: ['alice'] },
      { toggles: sharing(6) },
    );
    const change = (key: string, over: Parameters<typeof toggleOf>[1]) => {
      const toggle = world.toggles.get(key);
      if (toggle) world.toggles.set(key, { ...toggle, ...over });
      world.line.rescan();
    };
    const policy = (rule: string) => ({ usersPolicy: { source: 'opal', package: ['app'], rule } });
    await world.step(() => change('t-00', policy('other')));
    expect(segmentsOf(world)).toEqual([1200, 1400]);
    await world.step(() => change('t-01', policy('few')));
    await world.step(() => change('t-02', { state: 'off' }));
    await world.step(() => {
      world.toggles.delete('t-03');
      world.line.rescan();
    });
    await changesTo(world, 'shared', users(100, 1300));
    await world.step(() => change('t-02', { state: 'on' }));
    await world.step(() => change('t-00', policy('shared')));
    await world.step(() => change('t-01', policy('shared')));
    expect(segmentsOf(world)).toEqual([1200]);
    await changesTo(world, 'shared', users(101, 1300));
    expect(writesOf(world)).toHaveLength(1);
  }, 60_000);

  it('policies change places: each takes the other’s', async () => {
    const world = await openLdWorld({ beta: users(0, 1100), gamma: users(1000, 2200) });
    await world.step(() => {
      world.policy('beta', users(1000, 2200));
      world.policy('gamma', users(0, 1100));
      world.callback();
    });
    await world.step(() => {
      for (const [key, rule] of [
        ['beta', 'gamma'],
        ['gamma', 'beta'],
      ] as const) {
        world.toggles.set(key, toggleOf(key, { usersPolicy: { source: 'opal', package: ['app'], rule } }));
      }
      world.line.rescan();
    });
  }, 60_000);

  it('undefined is held: nothing is written, and everybody keeps it', async () => {
    const world = await openLdWorld({ shared: users(0, 1100) }, { toggles: sharing(4) });
    await changesTo(world, 'shared', undefined);
    expect(writesOf(world)).toEqual([]);
    expect(world.status('t-01')?.state).toBe('held');
    await changesTo(world, 'shared', users(50, 1100));
    expect(world.status('t-01')?.state).toBe('in-sync');
  });

  it('the guard freezes them all together, and an approval lets them go on together', async () => {
    const world = await openLdWorld(
      { shared: users(0, 1200) },
      { toggles: sharing(5), guard: { maxRevokedShare: 0.3 } },
    );
    const keys = sharing(5).map(({ key }) => key);
    const stays = Object.fromEntries(keys.map(key => [key, users(0, 1200)]));
    await changesTo(world, 'shared', users(600, 1201), stays);
    expect(writesOf(world)).toEqual([]);
    expect(world.status('t-00')?.state).toBe('blocked');
    const [block] = world.store.blocks();
    await world.step(() => {
      world.store.approve(block?.id ?? '', 'oncall', world.clock.now() + 3_600_000, world.clock.now());
      world.line.approved();
    });
    expect(writesOf(world)).toHaveLength(1);
    expect(segmentsOf(world)).toEqual([601]);
  });

  it('one of them may not lose so many by its own file: it leaves, the others follow', async () => {
    const [careful, ...rest] = sharing(5);
    if (careful === undefined) throw new Error('no toggle');
    const toggles = [{ ...careful, guard: { maxUsers: 1150 } }, ...rest];
    const world = await openLdWorld({ shared: users(0, 1100) }, { toggles });
    // Its own grants wait; the revocation goes out to all.
    await changesTo(world, 'shared', users(1, 1200), { 't-00': users(1, 1100) });
    expect(world.status('t-01')?.state).toBe('in-sync');
    expect(world.status('t-00')?.state).toBe('blocked');
    await changesTo(world, 'shared', users(60, 1200));
    expect(world.status('t-00')?.state).toBe('in-sync');
    await world.look();
    await changesTo(world, 'shared', users(61, 1200));
    expect(writesOf(world)).toHaveLength(1);
  }, 60_000);

  it('a restart in the middle finds it as it is', async () => {
    const world = await openLdWorld({ shared: users(0, 1200) }, { toggles: sharing(8) });
    world.policy('shared', users(5, 1300));
    await world.step(() => world.restart());
    expect(writesOf(world)).toHaveLength(1);
    await world.step(() => world.restart());
    expect(writesOf(world)).toEqual([]);
  });
});
