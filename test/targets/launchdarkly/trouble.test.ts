import { describe, expect, it, onTestFinished } from 'vitest';
import { ProblemError } from '../../../src/domain/problem.ts';
import type { Target } from '../../../src/domain/target.ts';
import { applied, applyOne, listingChange, listingFor, placementChange } from '../../support/changes.ts';
import { OPTIMISTIC_LOCK } from '../../support/fake-launchdarkly/faults.ts';
import { targetLine } from '../../support/sync-once.ts';
import { type LdOptions, openLd } from './ld-harness.ts';

async function open(options: LdOptions = {}) {
  const ld = await openLd({ ...options, settings: { environments: ['production'], ...options.settings } });
  onTestFinished(() => ld.close());
  return { ...ld, first: ld.target() };
}

async function filled(target: Target, key: string, members: readonly string[]) {
  const listing = listingFor(target, { key });
  await applyOne(target, listingChange(listing, 'create'));
  await applyOne(target, placementChange(listing, { after: members }));
  return listing;
}

const members = (count: number) => Array.from({ length: count }, (_, at) => `user-${String(at).padStart(5, '0')}`);

/** The change of a placement in the group that its listing names. */
function inGroup(listing: ReturnType<typeof listingFor>, before: readonly string[], after: readonly string[]) {
  const change = placementChange(listing, { before, after });
  if (change.kind !== 'placement') throw new Error('no placement');
  const group = listing.placements[0]?.groups?.shared ?? '';
  return { ...change, before: { ...change.before, group }, after: { ...change.after, group } };
}

describe('when LaunchDarkly is in trouble', () => {
  it('gets 200 toggles through a storm of 429s, with few requests refused', async () => {
    const { fake, first } = await open({ rateLimits: { global: 60, route: 40, token: 50 } });
    const line = targetLine(first);
    const listings = Array.from({ length: 200 }, (_, at) => listingFor(first, { key: `t-${at}` }));
    for (let passes = 0; ; passes++) {
      expect(passes).toBeLessThan(40);
      const done = await line.sync({ listings, audiences: { a1: ['alice'] } }).then(
        () => true,
        () => false,
      );
      if (done) break;
    }
    for (const { key } of listings) expect(fake.config('default', key, 'production')?.on).toBe(true);
    // Of more than 400 requests.
    expect(fake.rateLimited).toBeLessThan(40);
  });

  it('says of a 429 of one route that it is this change, of others that it is the target', async () => {
    const { fake, first } = await open();
    const listing = await filled(first, 'one', ['alice']);
    const reset = String(Date.now() + 3000);
    const change = placementChange(listing, { before: ['alice'], after: ['bob'] });
    fake.fault(
      { kind: 'status', status: 429, headers: { 'X-Ratelimit-Route-Remaining': '0', 'X-Ratelimit-Reset': reset } },
      { method: 'PATCH', times: 1 },
    );
    expect(await applyOne(first, change)).toMatchObject({ result: 'failed', scope: 'change' });
    fake.fault(
      { kind: 'status', status: 429, headers: { 'X-Ratelimit-Global-Remaining': '0', 'X-Ratelimit-Reset': reset } },
      { method: 'PATCH', times: 1 },
    );
    const outcome = await applyOne(first, change);
    expect(outcome).toMatchObject({ result: 'failed', scope: 'target', problem: { code: 'launchdarkly-rate' } });
  });

  it('never sends a write again by itself', async () => {
    const { fake, first } = await open();
    const listing = await filled(first, 'one', ['alice']);
    const before = fake.writes.length;
    for (const fault of [OPTIMISTIC_LOCK, { kind: 'status', status: 502 }, { kind: 'reset' }] as const) {
      fake.fault(fault, { method: 'PATCH', times: 1 });
      await applyOne(first, placementChange(listing, { before: ['alice'], after: ['bob'] }));
    }
    expect(fake.writes.length - before).toBe(3);
  });

  it('a half-written segment is nobody knows, and is then read', async () => {
    const { fake, first } = await open();
    const listing = await filled(first, 'one', ['alice']);
    const after = members(4000);
    fake.fault({ kind: 'status', status: 500 }, { method: 'PATCH', path: '/segments/', after: 1, times: 1 });
    const outcome = await applyOne(first, inGroup(listing, [], after));
    expect(outcome).toMatchObject({ result: 'unanswered' });
    const name = listing.placements[0]?.groups?.shared ?? '';
    expect(fake.segment('default', 'production', name)?.included[0]?.values).toHaveLength(1500);
    expect(await applyOne(first, inGroup(listing, [], after))).toMatchObject({ result: 'done' });
    expect(fake.segment('default', 'production', name)?.included[0]?.values).toHaveLength(4000);
    expect(fake.config('default', 'one', 'production')?.targets).toEqual([]);
  });

  it('a segment that cannot be written keeps nobody waiting whose way in has to be closed', async () => {
    const { fake, first, serves } = await open();
    const listing = await filled(first, 'one', ['alice', 'bob']);
    const at = { project: 'default', flag: 'one', environment: 'production' };
    await first.read?.([{ key: 'one', toggle: 'one', environments: ['production'] }], AbortSignal.timeout(5000));
    fake.hand.setFallthrough(at, { value: true });
    await first.read?.([{ key: 'one', toggle: 'one', environments: ['production'] }], AbortSignal.timeout(5000));
    fake.fault({ kind: 'status', status: 500 }, { method: 'POST', path: '/segments/' });
    const change = inGroup(listing, [], ['alice']);
    const { group: _, ...before } = change.before;
    const outcome = await applyOne(first, { ...change, before });
    expect(outcome.result).toBe('unanswered');
    expect(await serves('one', 'production', 'stranger')).toBe(false);
    expect(await serves('one', 'production', 'bob')).toBe(false);
    expect(await serves('one', 'production', 'alice')).toBe(true);
  });

  it('what follows a written segment is not left out because the answer got old', async () => {
    const { fake, first, serves } = await open();
    const listing = await filled(first, 'one', ['alice']);
    await applyOne(first, inGroup(listing, [], ['alice']));
    const at = { project: 'default', flag: 'one', environment: 'production' };
    fake.hand.addTargets(at, true, ['stranger']);
    await first.read?.([{ key: 'one', toggle: 'one', environments: ['production'] }], AbortSignal.timeout(5000));
    let asked = 0;
    const change = inGroup(listing, [], ['alice', 'bob']);
    const outcomes = await applied(first, [change], AbortSignal.timeout(5000), () => asked++ === 0);
    expect(outcomes.get(change.id)?.result).toBe('done');
    expect(await serves('one', 'production', 'stranger')).toBe(false);
  });

  it('a flag enters a segment that took long to write by a young answer only: then that is all that is left to write', async () => {
    const { fake, first } = await open();
    const listing = await filled(first, 'one', ['alice']);
    let asked = 0;
    const change = inGroup(listing, [], ['alice', 'bob']);
    // The segment is made, and filled.
    const outcomes = await applied(first, [change], AbortSignal.timeout(5000), () => asked++ < 2);
    expect(outcomes.get(change.id)?.result).toBe('late');
    expect(fake.config('default', 'one', 'production')?.targets.map(({ values }) => values)).toEqual([['alice']]);
    const before = fake.writes.length;
    expect(await applyOne(first, change)).toMatchObject({ result: 'done' });
    expect(fake.writes.slice(before).map(({ path }) => path)).toEqual(['/api/v2/flags/default/one']);
    expect(fake.config('default', 'one', 'production')?.targets).toEqual([]);
  });

  it('an empty segment that was just made is not filled by an answer that got old', async () => {
    const { fake, first } = await open();
    const listing = await filled(first, 'one', ['alice']);
    let asked = 0;
    const change = inGroup(listing, [], ['alice', 'bob']);
    const outcomes = await applied(first, [change], AbortSignal.timeout(5000), () => asked++ === 0);
    expect(outcomes.get(change.id)?.result).toBe('late');
    const name = listing.placements[0]?.groups?.shared ?? '';
    expect(fake.segment('default', 'production', name)?.included).toEqual([]);
  });

  it('told to stop while it may not ask: nothing was sent, and nothing is wrong', async () => {
    const { fake, first } = await open();
    const listing = await filled(first, 'one', ['alice']);
    fake.fault(
      { kind: 'status', status: 429, headers: { 'retry-after': '60' } },
      { method: 'GET', path: '/segments/' },
    );
    const change = inGroup(listing, [], ['alice', 'bob']);
    const stopping = new AbortController();
    const stopped = applied(first, [change], stopping.signal);
    await fake.waitFor(({ requests }) =>
      requests.some(({ path, status }) => path.includes('/segments/') && status === 429),
    );
    stopping.abort(new Error('stopping'));
    expect((await stopped).get(change.id)).toEqual({ change: change.id, result: 'late' });
  });

  it('closes a flag whose segment vanished under it', async () => {
    const { fake, first } = await open();
    const listing = await filled(first, 'one', ['alice']);
    await applyOne(first, inGroup(listing, [], ['alice']));
    const name = listing.placements[0]?.groups?.shared ?? '';
    fake.hand.deleteSegment('default', 'production', name);
    const outcome = await applyOne(first, inGroup(listing, ['alice'], ['bob']));
    // Read again, and then it is made again.
    expect(outcome.result).toBe('conflict');
    expect(await applyOne(first, inGroup(listing, ['alice'], ['bob']))).toMatchObject({ result: 'done' });
    expect(fake.segment('default', 'production', name)?.included[0]?.values).toEqual(['bob']);
  });
});

describe('what LaunchDarkly says of an error', () => {
  const said = async (first: Target, change: ReturnType<typeof placementChange>) =>
    JSON.stringify(await applyOne(first, change));

  const saidOfRead = async (first: Target) => {
    const want = [{ key: 'one', toggle: 'one', environments: ['production'] }];
    const read = first.read?.(want, AbortSignal.timeout(5000));
    return JSON.stringify(
      await read?.catch((error: unknown) => (error instanceof ProblemError ? error.problem : error)),
    );
  };

  it('is shown of a write that it refuses, unless it names somebody whom the write is about', async () => {
    const { fake, first } = await open();
    const listing = await filled(first, 'one', ['alice']);
    const change = placementChange(listing, { before: ['alice'], after: ['a"quote'] });
    for (const [message, shown] of [
      ['The flag is too large', true],
      ['No target alice in the flag', false],
      [String.raw`No target a\"quote in the flag`, false],
    ] as const) {
      const lift = fake.fault({ kind: 'status', status: 400, message }, { method: 'PATCH' });
      expect((await said(first, change)).includes(JSON.stringify(message).slice(1, -1)), message).toBe(shown);
      lift();
    }
  });

  it('is not shown of a server that broke, nor of a read: both may name anybody', async () => {
    const { fake, first } = await open();
    const listing = await filled(first, 'one', ['alice']);
    const change = placementChange(listing, { before: ['alice'], after: ['bob'] });
    for (const [method, status] of [
      ['PATCH', 500],
      ['GET', 500],
      ['GET', 400],
      ['GET', 403],
    ] as const) {
      const lift = fake.fault({ kind: 'status', status, message: 'mallory is in the way' }, { method });
      const told = method === 'GET' ? await saidOfRead(first) : await said(first, change);
      expect(told).toContain(String(status));
      expect(told).not.toContain('mallory');
      lift();
    }
  });
});

describe('what a token may not do', () => {
  const actions: readonly (readonly [string, string])[] = [
    ['createFlag', 'proj/default:env/*:flag/one'],
    ['updateTargets', 'proj/default:env/production:flag/one'],
    ['updateOn', 'proj/default:env/production:flag/one'],
    ['createSegment', 'proj/default:env/production:segment/'],
  ];
  for (const [action, resource] of actions) {
    it(`names ${action}`, async () => {
      const { fake, first } = await open({ tokens: [{ token: 'api-limited', deny: [action] }] });
      const listing = listingFor(first, { key: 'one' });
      if (action !== 'createFlag') {
        fake.hand.addFlag('default', { key: 'one', tags: ['optoggles-acme-test'] });
      }
      const change =
        action === 'createFlag'
          ? listingChange(listing, 'create')
          : action === 'createSegment'
            ? inGroup(listing, [], ['alice'])
            : placementChange(listing, { after: ['alice'] });
      const outcome = await applyOne(first, change);
      expect(outcome).toMatchObject({ result: 'failed', scope: 'change', problem: { code: 'launchdarkly-right' } });
      const text = 'problem' in outcome ? `${outcome.problem.message} ${outcome.problem.hint}` : '';
      expect(text).toContain(action);
      expect(text).toContain(resource);
      expect(text).not.toMatch(/api-limited|alice/);
    });
  }

  it('a token that is not taken is the whole target’s trouble', async () => {
    const { first } = await open({ settings: { token: 'api-wrong-one' } });
    const outcome = await applyOne(first, listingChange(listingFor(first), 'create'));
    expect(outcome).toMatchObject({ result: 'failed', scope: 'target', problem: { code: 'launchdarkly-token' } });
    expect(JSON.stringify(outcome)).not.toContain('api-wrong-one');
  });

  it('quotes no answer that names a user', async () => {
    const { fake, first } = await open();
    const listing = await filled(first, 'one', ['alice']);
    const at = { project: 'default', flag: 'one', environment: 'production' };
    // Somebody targets bob with false after we looked: LaunchDarkly refuses to have him twice, and names him.
    fake.hand.addTargets(at, false, ['bob@example.com']);
    const change = placementChange(listing, { before: ['alice'], after: ['alice', 'bob@example.com'] });
    const outcome = await applyOne(first, change);
    expect(outcome).toMatchObject({ result: 'failed', problem: { code: 'launchdarkly-refused' } });
    expect(JSON.stringify(outcome)).not.toContain('bob');
    // The next try sees him there, and moves him.
    expect(await applyOne(first, change)).toMatchObject({ result: 'done' });
    expect(fake.config('default', 'one', 'production')?.targets.map(({ values }) => values)).toEqual([
      ['alice', 'bob@example.com'],
    ]);
  });

  it('an archived prerequisite is refused with the way out', async () => {
    const { fake, first } = await open();
    const listing = await filled(first, 'one', []);
    fake.hand.addFlag('default', { key: 'needs-one' });
    fake.hand.addPrerequisite({ project: 'default', flag: 'needs-one', environment: 'production' }, 'one', true);
    expect(await applyOne(first, listingChange(listing, 'archive'))).toMatchObject({
      result: 'refused',
      problem: { code: 'launchdarkly-depended-on', message: expect.stringContaining('needs-one') },
    });
  });
});
