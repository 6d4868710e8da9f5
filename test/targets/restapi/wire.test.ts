import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Target } from '../../../src/domain/target.ts';
import { restapiTarget } from '../../../src/targets/restapi/index.ts';
import { applied, applyOne, listingChange, listingFor, placementChange } from '../../support/changes.ts';
import { type FakeRestApi, openFakeRestApi } from '../../support/fake-rest-api.ts';
import { targetContext } from '../../support/target-context.ts';

let fake: FakeRestApi;
const made: Target[] = [];

beforeEach(async () => {
  fake = await openFakeRestApi();
});

afterEach(async () => {
  for (const target of made.splice(0)) await target.close();
  await fake.close();
});

function open(settings: Readonly<Record<string, unknown>> = {}): Target {
  const target = restapiTarget.create({ endpointUrl: fake.url, ...settings }, targetContext());
  made.push(target);
  return target;
}

function sent(): readonly unknown[] {
  return fake.writes.map(({ method, key, text }) => `${method} ${key ?? ''} ${text}`);
}

const draftOf = (target: Target, over: object) => ({
  toggle: 'us-feature',
  target: target.name,
  key: 'us-feature',
  contextKind: 'user',
  adopt: false,
  placements: [],
  spec: {},
  ...over,
});

describe('what restapi sends', () => {
  it('creates with the fields of the flag file and its spec, without users', async () => {
    const target = open();
    await applyOne(target, listingChange(listingFor(target, { spec: { tags: ['growth'] } }), 'create'));
    expect(sent()).toEqual([
      'POST  {"key":"us-feature","name":"US only feature","description":"Shown to people who live in the US.",' +
        '"owner":"team-growth","type":"permission","tags":["growth"]}',
    ]);
  });

  it('updates with all of it and the users', async () => {
    const target = open();
    fake.toggles.set('us-feature', {});
    await applyOne(target, placementChange(listingFor(target), { after: ['bob', 'alice'] }));
    expect(sent()).toEqual([
      'PATCH us-feature {"name":"US only feature","description":"Shown to people who live in the US.",' +
        '"owner":"team-growth","type":"permission","users":["alice","bob"]}',
    ]);
  });

  it('sends the headers with every request, and JSON as such', async () => {
    const target = open({ extraHeaders: { Authorization: 'Bearer t0ken', 'X-Team': 'growth' }, read: true });
    const listing = listingFor(target);
    await applyOne(target, listingChange(listing, 'create'));
    await applyOne(target, placementChange(listing, { after: ['alice'] }));
    await target.read?.([{ key: 'us-feature', toggle: 'us-feature', environments: [] }], AbortSignal.timeout(5000));
    expect(fake.requests.map(({ method }) => method)).toEqual(['POST', 'PATCH', 'GET']);
    for (const { headers, method } of fake.requests) {
      expect(headers).toMatchObject({ authorization: 'Bearer t0ken', 'x-team': 'growth' });
      if (method !== 'GET') expect(headers['content-type']).toBe('application/json');
    }
  });

  it('sends what an old configuration says, and nothing else', async () => {
    const target = open();
    const spec = { tags: ['a'], users: ['mallory'], key: 'stolen', name: 'from the spec' };
    const shaped = target.shape(draftOf(target, { spec, key: 'us feature/ü' }));
    if ('refused' in shaped) throw new Error('refused');
    const listing = { ...listingFor(target), ...shaped.listing, placements: listingFor(target).placements };
    await applyOne(target, listingChange(listing, 'create'));
    await applyOne(target, placementChange(listing, { after: ['alice'] }));
    expect(sent()).toEqual([
      'POST  {"key":"us feature/ü","tags":["a"],"name":"from the spec"}',
      'PATCH us feature/ü {"tags":["a"],"name":"from the spec","users":["alice"]}',
    ]);
    expect(fake.requests.every(({ status }) => status < 300)).toBe(true);
  });

  it('sends users alone where there is nothing else to say', async () => {
    const target = open();
    const shaped = target.shape(draftOf(target, {}));
    if ('refused' in shaped) throw new Error('refused');
    fake.toggles.set('us-feature', {});
    const listing = { ...shaped.listing, placements: listingFor(target).placements };
    await applyOne(target, placementChange(listing, { after: ['alice'] }));
    expect(sent()).toEqual(['PATCH us-feature {"users":["alice"]}']);
  });

  it('takes a slash and a query of endpointUrl as they are', async () => {
    const target = open({ endpointUrl: `${fake.url}/?tenant=t0p` });
    expect(target.address).toBe(`restapi http://127.0.0.1:${fake.port}/toggles`);
    await applyOne(target, placementChange(listingFor(target), { after: ['alice'] }));
    expect(fake.writes.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'PATCH /toggles/us-feature?tenant=t0p',
      'POST /toggles/?tenant=t0p',
      'PATCH /toggles/us-feature?tenant=t0p',
    ]);
    fake.fault({ kind: 'status', status: 400 });
    const refused = await applyOne(target, placementChange(listingFor(target), { after: [] }));
    expect(refused.result).toBe('failed');
    expect(JSON.stringify(refused)).not.toContain('t0p');
  });

  it('creates what an update does not find, and then updates it', async () => {
    const target = open();
    const outcome = await applyOne(target, placementChange(listingFor(target), { before: ['alice'], after: ['bob'] }));
    expect(outcome.result).toBe('done');
    expect(fake.writes.map(({ method, status }) => `${method} ${status}`)).toEqual([
      'PATCH 404',
      'POST 201',
      'PATCH 200',
    ]);
    expect(fake.serves('us-feature', 'bob')).toBe(true);
  });

  it('does not bring back what was removed on both sides', async () => {
    const target = open();
    const change = placementChange(listingFor(target), { before: ['alice'], after: 'off', removal: true });
    expect((await applyOne(target, change)).result).toBe('done');
    expect(fake.writes.map(({ method, status }) => `${method} ${status}`)).toEqual(['PATCH 404']);
  });

  it('closes with an empty list: off, removed, retired', async () => {
    const target = open();
    const listing = listingFor(target);
    for (const change of [
      placementChange(listing, { before: ['alice'], after: 'off' }),
      placementChange(listing, { before: ['alice'], after: 'off', removal: true }),
      listingChange(listing, 'retire'),
    ]) {
      fake.toggles.set('us-feature', { users: ['alice'] });
      expect((await applyOne(target, change)).result).toBe('done');
      expect(fake.toggles.get('us-feature')?.users).toEqual([]);
    }
  });

  it('keeps few connections for many writes, with and without bodies in the answers', async () => {
    const target = open({ concurrency: 4 });
    const listings = Array.from({ length: 60 }, (_, index) => listingFor(target, { key: `t${index}` }));
    for (const listing of listings) fake.toggles.set(listing.key, {});
    for (let round = 0; round < 5; round++) {
      await applied(
        target,
        listings.map(listing => placementChange(listing, { after: [`user-${round}`] })),
      );
    }
    expect(fake.writes.length).toBe(300);
    // A few more than slots: an answer is there a moment before its connection is free again.
    expect(fake.sockets.opened).toBeLessThanOrEqual(16);
  });

  it('writes a list of a shared audience byte for byte into every toggle', async () => {
    const target = open();
    const members = Array.from({ length: 5000 }, (_, index) => `user-${index}-${'é𝄞"\\'.repeat(index % 3)}`);
    const changes = ['a', 'b', 'c'].map(key => placementChange(listingFor(target, { key }), { after: members }));
    const [first] = changes;
    if (first?.kind !== 'placement') throw new Error('no placement');
    const shared = changes.map(change => (change.kind === 'placement' ? { ...change, after: first.after } : change));
    for (const { key } of changes) fake.toggles.set(key, {});
    for (const outcome of (await applied(target, shared)).values()) expect(outcome.result).toBe('done');
    for (const { key } of changes) expect(new Set(fake.toggles.get(key)?.users as string[])).toEqual(new Set(members));
  });
});

describe('what restapi refuses', () => {
  it.each([
    ['users in the spec', { name: 'n', spec: { users: [] } }, /sets users/],
    ['key and users in the spec', { name: 'n', spec: { users: [], key: 'k' } }, /sets key and users/],
    ['a key that is a folder', { key: '..' }, /web address/],
    ['a key that is half a character', { key: '\ud800' }, /web address/],
    ['no key', { key: '' }, /web address/],
    ['members that are no users', { contextKind: 'organization' }, /knows users only, not organization/],
  ])('%s', (_, over, words) => {
    const target = open();
    const shaped = target.shape(draftOf(target, over));
    if (!('refused' in shaped)) throw new Error('taken');
    expect(shaped.refused).toMatchObject({ toggle: 'us-feature', target: target.name });
    expect(shaped.refused.problem.message).toMatch(words);
    expect(shaped.refused.problem.hint).toBeTruthy();
  });

  it.each(['flags.internal/toggles', 'ftp://flags.internal', 'https://flags.internal/#s3cret', 's3cret'])(
    'the address %s',
    endpointUrl => {
      expect(() => open({ endpointUrl })).toThrow(/endpointUrl is no http or https address/);
      expect(() => open({ endpointUrl })).not.toThrow(/s3cret/);
    },
  );

  it('a certificate outside the folder of the configuration', () => {
    expect(() => open({ tls: { ca: '../ca.pem' } })).toThrow(/tls.ca lies outside/);
    expect(() => open({ tls: { ca: 'certs/ca.pem' } })).toThrow(/cannot be read/);
  });

  it('what is no list of users', async () => {
    const target = open();
    const change = placementChange(listingFor(target), { after: ['alice'] });
    if (change.kind !== 'placement') throw new Error('no placement');
    const everyone = { ...change, after: { on: true, who: { kind: 'everyone' as const } } };
    expect(await applyOne(target, everyone)).toMatchObject({ result: 'refused', problem: { code: 'not-a-list' } });
    expect(await applyOne(target, listingChange(listingFor(target), 'update'))).toMatchObject({ result: 'refused' });
    expect(fake.writes).toEqual([]);
  });
});

describe('the schemas of restapi', () => {
  const ajv = new Ajv2020({ strict: true, keywords: ['patternErrorMessage'] });
  const settings = ajv.compile(restapiTarget.settings);
  const spec = ajv.compile(restapiTarget.spec);

  it.each([
    [{ endpointUrl: 'https://flags.internal/toggles' }, true],
    [{ endpointUrl: 'https://x', extraHeaders: { 'X-A': 'b' }, environment: 'e', read: true, timeout: '5s' }, true],
    [{ endpointUrl: 'https://x', concurrency: 4, tls: { ca: 'ca.pem', cert: 'c.pem', key: 'k.pem' } }, true],
    [{}, false],
    [{ endpointUrl: 'https://x', extraHeaders: { 'X A': 'b' } }, false],
    [{ endpointUrl: 'https://x', timeout: 5 }, false],
    [{ endpointUrl: 'https://x', concurrency: 0 }, false],
    [{ endpointUrl: 'https://x', tls: { certificate: 'c.pem' } }, false],
    [{ endpointUrl: 'https://x', headers: {} }, false],
  ])('settings %o: %s', (value, fits) => {
    expect(settings(value)).toBe(fits);
  });

  it('a spec is free, but for users', () => {
    expect(spec({ tags: ['a'], anything: { at: 'all' } })).toBe(true);
    expect(spec({ users: ['mallory'] })).toBe(false);
  });
});

describe('what restapi says of itself', () => {
  it('names its environment, if the entry does', () => {
    expect(restapiTarget.environments({ environment: 'production' })).toEqual(['production']);
    expect(restapiTarget.environments({})).toBeUndefined();
  });

  it('has an address without user, password and query', () => {
    const target = open({ endpointUrl: 'https://user:password@flags.internal:8443/toggles/?token=secret' });
    expect(target.address).toBe('restapi https://flags.internal:8443/toggles');
  });

  it('has the same identity under another name of its environment', () => {
    const target = open();
    expect(target.remoteEnvironment('production')).toBe(target.remoteEnvironment('test'));
  });
});
