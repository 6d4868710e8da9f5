import { describe, expect, it, onTestFinished } from 'vitest';
import type { ListingRef } from '../../../src/domain/listing.ts';
import { retryAfterOf } from '../../../src/domain/problem.ts';
import type { Target } from '../../../src/domain/target.ts';
import { applied, listingChange, listingFor, placementChange } from '../../support/changes.ts';
import { type LdOptions, openLd } from './ld-harness.ts';

async function open(options: LdOptions = {}) {
  const ld = await openLd(options);
  onTestFinished(() => ld.close());
  return { ...ld, first: ld.target() };
}

function refs(target: Target, keys: readonly string[]): ListingRef[] {
  return keys.map(key => ({ key, toggle: key, environments: target.environments }));
}

function read(target: Target, keys: readonly string[], onlyThese?: boolean) {
  if (target.read === undefined) throw new Error('it reads');
  return target.read(refs(target, keys), AbortSignal.timeout(60_000), onlyThese);
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `flag-${String(at).padStart(5, '0')}`);
}

describe('what reading costs', () => {
  it('reads 10,000 flags in three environments in at most 105 requests', async () => {
    const environments = ['production', 'test', 'staging'];
    const { fake, first } = await open({
      projects: [{ key: 'default', environments: [...environments, 'of-no-interest'] }],
      settings: { environments, timeout: '30s' },
    });
    const keys = numbered(10_000);
    for (const key of keys) fake.hand.addFlag('default', { key, tags: ['optoggles-acme-test'] });
    const live = await read(first, keys);
    expect(live.listings).toHaveLength(10_000);
    expect(live.unreadable).toEqual([]);
    expect(fake.requests.length).toBeLessThanOrEqual(105);
    const lists = fake.requests.filter(({ path }) => path.startsWith('/api/v2/flags/'));
    for (const { path } of lists) {
      const query = new URL(path, 'http://fake').searchParams;
      expect(query.get('limit')).toBe('100');
      expect(query.getAll('env')).toEqual(environments);
    }
    for (const { headers } of fake.requests) expect(headers['ld-api-version']).toBe('20240415');
  });

  it('asks for a few wanted flags one by one where the project is large', async () => {
    const { fake, first } = await open();
    for (const key of numbered(1500)) fake.hand.addFlag('default', { key });
    const live = await read(first, ['flag-00001', 'flag-00700', 'not-there']);
    expect(live.listings.map(({ key, owner }) => `${key} ${JSON.stringify(owner)}`)).toEqual([
      'flag-00001 "none"',
      'flag-00700 "none"',
    ]);
    const single = fake.requests.filter(({ path }) => path.startsWith('/api/v2/flags/default/'));
    expect(single).toHaveLength(3);
    expect(fake.requests.length).toBeLessThanOrEqual(10);
  });

  it('lists the project where many are wanted that do not carry our mark', async () => {
    const { fake, first } = await open();
    const keys = numbered(250);
    for (const key of keys) fake.hand.addFlag('default', { key });
    const live = await read(first, keys);
    expect(live.listings).toHaveLength(250);
    expect(fake.requests.filter(({ path }) => path.startsWith('/api/v2/flags/default/'))).toEqual([]);
    expect(fake.requests.length).toBeLessThanOrEqual(9);
  });

  it('reads a few in doubt alone', async () => {
    const { fake, first } = await open();
    for (const key of numbered(300)) fake.hand.addFlag('default', { key, tags: ['optoggles-acme-test'] });
    await read(first, numbered(300));
    const before = fake.requests.length;
    const live = await read(first, ['flag-00007', 'gone'], true);
    expect(live.listings.map(({ key }) => key)).toEqual(['flag-00007']);
    expect(fake.requests.slice(before).map(({ path }) => path.split('?')[0])).toEqual([
      '/api/v2/flags/default/flag-00007',
      '/api/v2/flags/default/gone',
    ]);
  });

  it('finds flags of ours that nobody wants any more, archived ones too', async () => {
    const { fake, first } = await open();
    fake.hand.addFlag('default', { key: 'left', tags: ['optoggles-acme-test'] });
    fake.hand.addFlag('default', { key: 'shelved', tags: ['optoggles-acme-test'] });
    fake.hand.addFlag('default', { key: 'theirs' });
    fake.hand.archive('default', 'shelved');
    const live = await read(first, []);
    expect(live.listings.map(({ key, archived }) => `${key} ${archived}`)).toEqual(['left false', 'shelved true']);
  });

  it('does not read what it has just written before it writes again', async () => {
    const { fake, first } = await open();
    const listing = listingFor(first);
    await read(first, [listing.key]);
    const before = fake.requests.length;
    await applied(first, [listingChange(listing, 'create')]);
    await applied(first, [placementChange(listing, { after: ['alice'] })]);
    await applied(first, [placementChange(listing, { before: ['alice'], after: ['alice', 'bob'] })]);
    await applied(first, [placementChange(listing, { before: ['alice', 'bob'], after: ['alice', 'bob'] })]);
    expect(fake.requests.slice(before).map(({ method }) => method)).toEqual(['POST', 'PATCH', 'PATCH']);
  });

  it('one flag that is not as it should be does not keep the others from being read', async () => {
    const { fake, first } = await open();
    for (const key of ['one', 'two']) fake.hand.addFlag('default', { key });
    fake.fault({ kind: 'status', status: 500 }, { method: 'GET', path: '/flags/default/one' });
    await read(first, []);
    const live = await read(first, ['one', 'two'], true);
    expect(live.listings.map(({ key }) => key)).toEqual(['two']);
    expect(live.unreadable.map(({ key, problem }) => `${key} ${problem.code}`)).toEqual(['one launchdarkly-failed']);
  });

  it('a token that is not taken is a problem of the whole target, with what to do', async () => {
    const { fake, first } = await open({ settings: { token: 'api-wrong' } });
    await expect(read(first, ['one'])).rejects.toMatchObject({
      problem: { code: 'launchdarkly-token', hint: expect.stringContaining('token') },
    });
    expect(fake.requests.length).toBe(1);
    await expect(read(first, ['one'])).rejects.not.toThrow('api-wrong');
  });

  it.each([
    // No window of LaunchDarkly is longer than 10 s.
    ['a 429 that says until when', 429, { 'x-ratelimit-reset': '9000000000000' }, 10_000],
    ['a 429 that says how long', 429, { 'retry-after': '9' }, 9_000],
    ['a 503 that says how long', 503, { 'retry-after': '30' }, 30_000],
    ['a 500 that says nothing', 500, {}, undefined],
  ])('%s: whoever reads is told what the platform says', async (_name, status, headers, ms) => {
    const { fake, first } = await open();
    fake.fault({ kind: 'status', status, headers: { ...headers } });
    const error: unknown = await read(first, ['one']).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ problem: { hint: expect.stringMatching(/./) } });
    expect(retryAfterOf(error)).toBe(ms);
  });

  it('waits and goes on where it is told to be patient', async () => {
    const { fake, first } = await open({ rateLimits: { token: 5 } });
    const keys = numbered(1500);
    for (const key of keys) fake.hand.addFlag('default', { key, tags: ['optoggles-acme-test'] });
    expect((await read(first, keys)).listings).toHaveLength(1500);
    expect(fake.rateLimited).toBeLessThanOrEqual(6);
  });
});
