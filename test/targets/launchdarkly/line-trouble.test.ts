import { describe, expect, it } from 'vitest';
import type { LaunchDarklyFault } from '../../support/fake-launchdarkly/faults.ts';
import { OPTIMISTIC_LOCK } from '../../support/fake-launchdarkly/faults.ts';
import { changesTo, createLdWorld, type LdWorld, openLdWorld, toggleOf, users, writesOf } from './line-world.ts';

const forms = { 'a list': users(0, 40), 'a segment': users(0, 1100) } as const;

function pendingOf(world: LdWorld) {
  return world.fake.pendingApprovals();
}

describe('an environment that needs LaunchDarkly’s own approval', () => {
  async function open(members: readonly string[] = ['alice', 'bob']): Promise<LdWorld> {
    const world = await openLdWorld({ beta: members });
    world.fake.hand.setApproval('default', 'production', true);
    return world;
  }

  it('waits with a link, and is in sync once somebody approved', async () => {
    const world = await open();
    await changesTo(world, 'beta', ['bob', 'carol'], { beta: ['alice', 'bob'] });
    expect(world.status('beta')).toMatchObject({ state: 'pending', reason: expect.stringContaining('/approvals/') });
    expect(pendingOf(world)).toHaveLength(1);
    await world.step(() => world.look(), { beta: ['alice', 'bob'] });
    expect(pendingOf(world)).toHaveLength(1);
    expect(world.status('beta')?.state).toBe('pending');
    await world.step(() => {
      world.fake.approve(pendingOf(world)[0]?.id ?? '');
      world.line.syncAll();
    });
    expect(world.status('beta')?.state).toBe('in-sync');
    expect(writesOf(world)).toEqual([]);
  });

  it('is withdrawn when something else is wanted, and asked anew; when nothing is, it is withdrawn for good', async () => {
    const world = await open();
    await changesTo(world, 'beta', ['bob', 'carol'], { beta: ['alice', 'bob'] });
    const [first] = pendingOf(world);
    await changesTo(world, 'beta', ['bob', 'dave'], { beta: ['alice', 'bob'] });
    const [second, ...more] = pendingOf(world);
    expect(more).toEqual([]);
    expect(second?.id).not.toBe(first?.id);
    expect(world.fake.account.approvals.has(first?.id ?? '')).toBe(false);
    // Between, nobody could approve both.
    expect(writesOf(world).filter(one => one.startsWith('DELETE') || one.startsWith('POST'))).toEqual([
      `DELETE projects ${first?.id}`,
      'POST projects approval-requests',
    ]);
    await changesTo(world, 'beta', ['alice', 'bob']);
    expect(pendingOf(world)).toEqual([]);
    expect(world.status('beta')?.state).toBe('in-sync');
  });

  it('a restart asks nobody twice', async () => {
    const world = await open();
    await changesTo(world, 'beta', ['bob'], { beta: ['alice', 'bob'] });
    await world.step(() => world.restart(), { beta: ['alice', 'bob'] });
    expect(pendingOf(world)).toHaveLength(1);
    expect(world.status('beta')?.state).toBe('pending');
    world.policy('beta', ['bob', 'carol']);
    await world.step(() => world.restart(), { beta: ['alice', 'bob'] });
    expect(pendingOf(world)).toHaveLength(1);
    await world.step(() => {
      world.fake.approve(pendingOf(world)[0]?.id ?? '');
      world.line.syncAll();
    });
    expect(world.status('beta')?.state).toBe('in-sync');
  });

  it('what was declined is not asked for again and again, but what is wanted next is', async () => {
    const world = await open();
    await changesTo(world, 'beta', ['bob'], { beta: ['alice', 'bob'] });
    world.fake.decline(pendingOf(world)[0]?.id ?? '');
    await world.step(() => world.look(), { beta: ['alice', 'bob'] });
    expect(pendingOf(world)).toEqual([]);
    expect(world.said()).toMatch(/declined/);
    expect(world.status('beta')?.state).toBe('failed');
    world.policy('beta', ['bob', 'carol']);
    await world.step(() => world.look(), { beta: ['alice', 'bob'] });
    expect(pendingOf(world)).toHaveLength(1);
  });

  it('what was declined is asked anew as soon as policy says something else, without a look', async () => {
    const world = await open();
    await changesTo(world, 'beta', ['bob'], { beta: ['alice', 'bob'] });
    world.fake.decline(pendingOf(world)[0]?.id ?? '');
    await world.step(() => world.look(), { beta: ['alice', 'bob'] });
    expect(world.status('beta')?.state).toBe('failed');
    await changesTo(world, 'beta', ['bob', 'carol'], { beta: ['alice', 'bob'] });
    expect(pendingOf(world)).toHaveLength(1);
    expect(world.status('beta')?.state).toBe('pending');
  });

  it('keeps nobody waiting in other toggles, and no way in that is not approved is opened', async () => {
    const world = await openLdWorld({ beta: ['alice'], gamma: ['alice'] });
    world.fake.hand.setApproval('default', 'production', ['careful']);
    world.fake.hand.patchFlag('default', 'beta', [{ kind: 'addTags', values: ['careful'] }]);
    world.policy('gamma', ['alice', 'bob']);
    await changesTo(world, 'beta', ['alice', 'bob'], { beta: ['alice'] });
    expect(world.status('gamma')?.state).toBe('in-sync');
    expect(world.status('beta')?.state).toBe('pending');
  });
});

const faults: Readonly<Record<string, LaunchDarklyFault>> = {
  'somebody else is faster (409)': OPTIMISTIC_LOCK,
  'nothing is answered': { kind: 'hang' },
  'done, but unanswered': { kind: 'reset', applied: true },
  'cut off': { kind: 'reset' },
  'half an answer, done': { kind: 'half-answer', applied: true },
  'half an answer, not done': { kind: 'half-answer' },
  'a broken server (500)': { kind: 'status', status: 500 },
  'a broken server (500), done': { kind: 'status', status: 500, applied: true },
  'a gateway (502), done': { kind: 'status', status: 502, applied: true },
  'not now (503)': { kind: 'status', status: 503, headers: { 'retry-after': '3' } },
  'too many (429)': { kind: 'status', status: 429, headers: { 'retry-after': '3' } },
};

describe('whatever goes wrong, nobody else gets in and it comes right', () => {
  for (const [name, fault] of Object.entries(faults)) {
    for (const [form, members] of Object.entries(forms)) {
      it(`${form}: ${name}`, async () => {
        const world = await openLdWorld({ beta: members, gamma: ['alice'] });
        for (const after of [0, 1]) {
          const lift = world.fake.fault(fault, { method: 'PATCH', after, times: 2 });
          const next = [...members.slice(1 + after * 3), `newcomer-${after}`];
          await changesTo(world, 'beta', next);
          lift();
          await changesTo(world, 'beta', [...next, 'late']);
          expect(world.status('beta')?.state).toBe('in-sync');
        }
      });
    }

    it(`on the way from a list to a segment and back: ${name}`, async () => {
      const world = await openLdWorld({ beta: users(0, 900), gamma: users(0, 20) });
      for (const after of [0, 1, 2]) {
        const lift = world.fake.fault(fault, { path: /flags|segments/, body: /instructions|tags/, after, times: 1 });
        await changesTo(world, 'beta', users(after, 2700 + after));
        lift();
        expect(world.status('beta')?.state).toBe('in-sync');
        const again = world.fake.fault(fault, { path: /flags|segments/, body: /instructions|tags/, after, times: 1 });
        await changesTo(world, 'beta', users(after, 450));
        again();
        expect(world.status('beta')?.state).toBe('in-sync');
      }
    });

    it(`at the very first write: ${name}`, async () => {
      const world = await createLdWorld({ toggles: [toggleOf('beta'), toggleOf('gamma')] });
      world.policy('beta', users(0, 1100));
      world.policy('gamma', ['alice']);
      world.fake.fault(fault, { method: 'POST', times: 2 });
      await world.step(() => world.line.start());
      expect(world.status('beta')?.state).toBe('in-sync');
      expect(world.status('gamma')?.state).toBe('in-sync');
    });
  }

  it('a storm of 429: no more requests than it allows by far, and it comes right', async () => {
    const toggles = Array.from({ length: 60 }, (_, at) => toggleOf(`t_${at}`));
    const world = await createLdWorld({ toggles, rateLimits: { global: 25, route: 10, token: 20 } });
    for (const { key } of toggles) world.policy(key, ['alice', key]);
    await world.step(() => world.line.start());
    for (const { key } of toggles) expect(world.status(key)?.state).toBe('in-sync');
    expect(world.fake.rateLimited / world.fake.requests.length).toBeLessThan(0.1);
    world.fake.setRateLimits({ ip: 8 });
    for (const { key } of toggles) world.policy(key, ['bob', key]);
    await world.step(() => world.callback());
    for (const { key } of toggles) expect(world.status(key)?.state).toBe('in-sync');
  });

  it('somebody writes the flag each time we do: three times, then it waits, and comes right', async () => {
    const world = await openLdWorld({ beta: ['alice'] });
    let count = 0;
    world.fake.fault(OPTIMISTIC_LOCK, {
      method: 'PATCH',
      times: 6,
      meanwhile: () =>
        world.fake.hand.patchFlag('default', 'beta', [{ kind: 'updateDescription', value: `by hand ${++count}` }]),
    });
    await changesTo(world, 'beta', ['alice', 'bob']);
    expect(count).toBe(6);
  });

  it('somebody targets a newcomer with false while we write: moved, not refused', async () => {
    const world = await openLdWorld({ beta: ['alice'] });
    world.fake.fault(OPTIMISTIC_LOCK, {
      method: 'PATCH',
      times: 1,
      meanwhile: () =>
        world.fake.hand.addTargets({ project: 'default', flag: 'beta', environment: 'production' }, false, [
          'bob',
          'alice-two',
        ]),
    });
    await changesTo(world, 'beta', ['alice', 'bob']);
    expect(world.fake.config('default', 'beta', 'production')?.targets).toHaveLength(1);
  });

  it('403 for one flag is that flag’s trouble, names the right, and goes on once it is given', async () => {
    const world = await openLdWorld({ beta: ['alice'], gamma: ['alice'] });
    const lift = world.fake.fault(
      { kind: 'status', status: 403, code: 'forbidden', message: 'Access to the requested resource was denied' },
      { method: 'PATCH', path: '/flags/default/beta' },
    );
    world.policy('gamma', ['bob']);
    world.policy('beta', ['bob']);
    await world.step(
      () => world.callback(),
      { beta: ['alice'] },
      () => world.said() !== '' && world.status('gamma')?.state === 'in-sync',
    );
    expect(world.said()).toMatch(/updateTargets on proj\/default:env\/production:flag\/beta/);
    lift();
    await world.settle();
    expect(world.status('beta')?.state).toBe('in-sync');
    await world.step(() => world.look());
  });

  it('away for a while: it comes back as policy is by then', async () => {
    for (const members of Object.values(forms)) {
      const world = await openLdWorld({ beta: members });
      await world.fake.stop();
      await world.step(
        () => {
          world.policy('beta', [...members.slice(2), 'bob']);
          world.callback();
        },
        { beta: members },
        () => world.line.targets[0]?.retries.held !== undefined,
      );
      world.policy('beta', [...members.slice(3), 'carol']);
      await world.fake.start();
      await world.step(() => world.callback());
      expect(world.status('beta')?.state).toBe('in-sync');
    }
  });
});
