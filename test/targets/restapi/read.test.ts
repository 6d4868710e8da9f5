import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Live } from '../../../src/domain/listing.ts';
import type { Target } from '../../../src/domain/target.ts';
import { restapiTarget } from '../../../src/targets/restapi/index.ts';
import { applyOne, listingFor, placementChange } from '../../support/changes.ts';
import { type FakeRestApi, openFakeRestApi } from '../../support/fake-rest-api.ts';
import { targetContext } from '../../support/target-context.ts';

let fake: FakeRestApi;
let target: Target;

beforeEach(async () => {
  fake = await openFakeRestApi();
  const settings = {
    endpointUrl: fake.url,
    extraHeaders: { Authorization: 't0ken-of-ours' },
    read: true,
    timeout: '1s',
  };
  target = restapiTarget.create(settings, targetContext());
});

afterEach(async () => {
  await target.close();
  await fake.close();
});

function read(...keys: string[]): Promise<Live> {
  if (target.read === undefined) throw new Error('cannot be read');
  const want = keys.map(key => ({ key, toggle: key, environments: ['production'] }));
  return target.read(want, AbortSignal.timeout(10_000));
}

async function placementOf(toggle: object) {
  fake.toggles.set('us-feature', { ...toggle });
  const { listings } = await read('us-feature');
  return listings[0]?.placements[0];
}

describe('what restapi reads', () => {
  it('leaves out what is not there, and sorts the rest', async () => {
    fake.toggles.set('b', { users: ['bob'] }).set('a', { users: [] });
    const live = await read('b', 'missing', 'a');
    expect(live.listings.map(({ key }) => key)).toEqual(['a', 'b']);
    expect(live.unreadable).toEqual([]);
  });

  it('takes doubles and any order of users', async () => {
    const placement = await placementOf({ users: ['bob', 'alice', 'bob'] });
    expect(placement?.seen).toBe('read');
    expect(placement?.who.kind === 'members' && [...placement.who.members.values()]).toEqual(['alice', 'bob']);
  });

  it.each([
    ['missing', {}],
    ['null', { users: null }],
    ['a text', { users: 'alice' }],
    ['an object', { users: { alice: true } }],
    ['not only strings', { users: ['alice', 7] }],
  ])('knows nothing where users is %s', async (_, toggle) => {
    expect(await placementOf(toggle)).toMatchObject({ seen: 'unknown' });
  });

  it('compares only the fields that are wanted and shown', async () => {
    const { metadata } = listingFor(target, { spec: { tags: ['growth'] } });
    fake.toggles.set('us-feature', { name: 'renamed by hand', tags: ['growth'], stage: 3, users: [] });
    const { listings } = await read('us-feature');
    expect(listings[0]?.metadata).toEqual({ ...metadata, name: 'renamed by hand' });
  });

  it('writes over what the target keeps its own way once, and then lets it be', async () => {
    const wanted = listingFor(target, { spec: { tags: ['b', 'a'] } });
    const metadata = async () => (await read('us-feature')).listings[0]?.metadata;
    const keepsOwnWay = () => {
      fake.toggles.set('us-feature', { ...fake.toggles.get('us-feature'), tags: ['a', 'b'] });
    };
    const write = placementChange(wanted, { before: [], after: [], writesMetadata: true });
    fake.toggles.set('us-feature', { users: [] });
    await applyOne(target, write);
    keepsOwnWay();
    expect(await metadata()).toEqual({ ...wanted.metadata, tags: ['a', 'b'] });
    // Read again before anything could be written: still a difference.
    expect(await metadata()).toEqual({ ...wanted.metadata, tags: ['a', 'b'] });
    await applyOne(target, write);
    keepsOwnWay();
    expect(await metadata()).toEqual(wanted.metadata);
    fake.toggles.set('us-feature', { ...fake.toggles.get('us-feature'), name: 'by hand' });
    expect((await metadata())?.name).toBe('by hand');
  });

  it('says nothing of the fields of a toggle that nobody wants', async () => {
    fake.toggles.set('us-feature', { name: 'left over', users: [] });
    expect((await read('us-feature')).listings[0]).not.toHaveProperty('metadata');
  });

  it.each([403, 404.5, 500, 502])('one toggle that answers %d alone is unreadable', async status => {
    fake.toggles.set('a', { users: [] }).set('b', { users: [] });
    const body = status === 404.5 ? '["no object"]' : 'alice';
    fake.fault({ kind: 'status', status: status === 404.5 ? 200 : status, body }, { key: 'a' });
    const live = await read('a', 'b');
    expect(live.listings.map(({ key }) => key)).toEqual(['b']);
    expect(live.unreadable.map(({ key }) => key)).toEqual(['a']);
    expect(live.unreadable[0]?.problem.hint).toBeTruthy();
    expect(JSON.stringify(live.unreadable)).not.toMatch(/alice|t0ken/);
  });

  it('one toggle that does not answer in time is unreadable', async () => {
    fake.toggles.set('a', { users: [] }).set('b', { users: [] });
    fake.fault({ kind: 'hang' }, { key: 'a' });
    const live = await read('a', 'b');
    expect(live.listings.map(({ key }) => key)).toEqual(['b']);
    expect(live.unreadable).toMatchObject([{ key: 'a', problem: { code: 'timeout' } }]);
  });

  it.each([401, 405, 429, 302])('%d is the answer of the target as a whole', async status => {
    fake.fault({ kind: 'status', status, headers: { location: '/elsewhere' } });
    await expect(read('a', 'b')).rejects.toMatchObject({
      problem: { message: expect.stringContaining(String(status)) },
    });
  });

  it.each([429, 500, 502, 503, 504])('%d with a time is the target as a whole, and the time is kept', async status => {
    fake.fault({ kind: 'status', status, headers: { 'retry-after': '7' } });
    await expect(read('a', 'b')).rejects.toMatchObject({ retryAfter: 7000 });
  });

  it('a target that is down cannot be read', async () => {
    await fake.close();
    await expect(read('a', 'b')).rejects.toMatchObject({ problem: { code: 'unreachable' } });
  });

  it('can only be read where the entry says so', () => {
    const writeOnly = restapiTarget.create({ endpointUrl: fake.url }, targetContext());
    expect('read' in writeOnly).toBe(false);
  });
});
