import { describe, expect, it, onTestFinished } from 'vitest';
import type { FlagAt } from '../../support/fake-launchdarkly/hand.ts';
import { listingFor } from '../../support/changes.ts';
import { targetLine } from '../../support/sync-once.ts';
import { recordHistory, servedIn } from './history.ts';
import { openLd } from './ld-harness.ts';
import { changesTo, openLdWorld } from './line-world.ts';

const key = 'us-feature';
const environments = ['production', 'test'] as const;
const people = ['alice', 'bob', 'carol', 'stranger'];

function at(environment: string): FlagAt {
  return { project: 'default', flag: key, environment };
}

async function open() {
  const ld = await openLd();
  onTestFinished(() => ld.close());
  const target = ld.target();
  const wanted = (members: readonly string[], adopt = false) => {
    const listing = listingFor(target, { adopt });
    const placements = listing.placements.map(one => ({ ...one, guard: { allowEmpty: true } }));
    return { listings: [{ ...listing, placements }], audiences: { a1: members } };
  };
  return { ...ld, line: targetLine(target), wanted };
}

/** Who was served it in either environment after any of the changes since. */
function watch(fake: Awaited<ReturnType<typeof open>>['fake']) {
  const histories = environments.map(environment => recordHistory(fake, environment));
  return async () => {
    const ever = new Set<string>();
    for (const history of histories) {
      for (const state of history.take())
        for (const one of (await servedIn(state, [key], people))[key] ?? []) ever.add(one);
    }
    return [...ever].sort();
  };
}

describe('a flag that somebody archived', () => {
  it('comes back closed in every environment in which somebody is to lose it, in one write', async () => {
    const { fake, line, wanted } = await open();
    await line.sync(wanted(['alice', 'bob']));
    fake.hand.addTargets(at('production'), true, ['carol']);
    fake.hand.setFallthrough(at('test'), { value: true });
    fake.hand.addTargets(at('test'), true, ['stranger'], 'device');
    fake.hand.addRule(at('test'), [{ attribute: 'key', op: 'in', values: ['stranger'] }], { value: true });
    fake.hand.setOffVariation(at('test'), true);
    fake.hand.archive('default', key);
    const served = watch(fake);
    await line.sync(wanted(['alice']));
    expect(await served()).toEqual(['alice']);
    expect(fake.flag('default', key)?.archivedDate).toBeUndefined();
    for (const environment of environments) {
      expect(fake.config('default', key, environment)).toMatchObject({
        on: true,
        rules: [],
        targets: [{ contextKind: 'user', values: ['alice'] }],
      });
    }
  });

  it('where nobody is to lose it, it comes back as it was, without a write of who has it', async () => {
    const { fake, line, wanted } = await open();
    await line.sync(wanted(['alice', 'bob']));
    fake.hand.archive('default', key);
    const before = fake.writes.length;
    await line.sync(wanted(['alice', 'bob']));
    expect(fake.writes.length - before).toBe(1);
    expect(fake.config('default', key, 'production')?.targets[0]?.values).toEqual(['alice', 'bob']);
  });

  it('one that nobody owned is taken over closed', async () => {
    const { fake, line, wanted } = await open();
    fake.hand.addFlag('default', { key, variations: [{ value: false }, { value: true }] });
    for (const environment of environments) {
      fake.hand.addTargets(at(environment), true, ['bob', 'stranger']);
      fake.hand.turn(at(environment), true);
    }
    fake.hand.archive('default', key);
    const served = watch(fake);
    await line.sync(wanted(['alice'], true));
    expect(await served()).toEqual(['alice']);
    expect(fake.flag('default', key)).toMatchObject({ archivedDate: undefined, tags: ['optoggles-acme-test'] });
  });

  it('comes right when the answer of that write is lost', async () => {
    const world = await openLdWorld({ beta: ['alice', 'bob'] });
    world.fake.hand.archive('default', 'beta');
    world.fake.fault({ kind: 'reset', applied: true }, { method: 'PATCH', times: 1 });
    world.policy('beta', ['bob', 'carol']);
    await world.step(() => world.look());
    expect(world.status('beta')?.state).toBe('in-sync');
  });

  it('stays archived where an environment needs approval, and says what to do', async () => {
    const world = await openLdWorld({ beta: ['alice', 'bob'] });
    world.fake.hand.setApproval('default', 'production', true);
    world.fake.hand.archive('default', 'beta');
    world.policy('beta', ['bob']);
    await world.step(() => world.look(), { beta: 'missing' });
    expect(world.status('beta')?.state).toBe('failed');
    expect(world.said()).toMatch(/beta was archived.*Restore it in LaunchDarkly by hand/s);
    world.fake.hand.restore('default', 'beta');
    await world.step(() => world.look(), { beta: ['alice', 'bob'] });
    expect(world.status('beta')?.state).toBe('pending');
    await changesTo(world, 'beta', ['alice', 'bob']);
    expect(world.status('beta')?.state).toBe('in-sync');
  });
});
