import { describe, expect, it, onTestFinished } from 'vitest';
import type { JsonObject } from '../../../src/domain/json.ts';
import type { ListingDraft } from '../../../src/domain/target.ts';
import { metadataFor } from '../../../src/targets/launchdarkly/metadata.ts';
import { namesFor } from '../../../src/targets/launchdarkly/names.ts';
import { applyOne, listingChange, listingFor } from '../../support/changes.ts';
import { targetLine } from '../../support/sync-once.ts';
import { openLd } from './ld-harness.ts';

const draft: ListingDraft = {
  toggle: 'us-feature',
  target: 'ld',
  key: 'us-feature',
  contextKind: 'user',
  adopt: false,
  placements: [],
  spec: {},
};

async function open() {
  const ld = await openLd({ members: [{ _id: '5f0cd446a77cba0b4c5644a7', email: 'a@example.com', role: 'writer' }] });
  onTestFinished(() => ld.close());
  return { ...ld, first: ld.target() };
}

describe('what a flag shows', () => {
  const table: readonly (readonly [string, Partial<ListingDraft>, JsonObject])[] = [
    ['nothing said, nothing managed', {}, {}],
    ['a release is temporary', { type: 'release' }, { temporary: true }],
    ['a permission is not', { type: 'permission' }, { temporary: false }],
    ['unless its file says so', { type: 'permission', spec: { temporary: true } }, { temporary: true }],
    ['tags are sorted', { spec: { tags: ['b', 'a'] } }, { tags: ['a', 'b'] }],
    ['no tags are none', { spec: { tags: [] } }, { tags: [] }],
    ['a name for there', { name: 'Ours', spec: { name: 'Theirs' } }, { name: 'Theirs' }],
    [
      'one side',
      { spec: { clientSideAvailability: { usingMobileKey: true } } },
      { clientSideAvailability: { usingMobileKey: true } },
    ],
  ];
  for (const [name, more, expected] of table) {
    it(name, () => {
      expect(metadataFor({ ...draft, ...more }, 'us-feature')).toEqual({ metadata: expected });
    });
  }

  it('refuses keys and tags that cannot be', () => {
    for (const key of ['', '.a', 'a b', 'a,b', 'a/b', 'ä', 'x'.repeat(257), 'constructor', 'toString']) {
      const made = metadataFor(draft, key);
      expect('problem' in made && made.problem.code, key).toBe('launchdarkly-key');
    }
    for (const tag of ['optoggles-acme', 'optoggles.removed']) {
      const made = metadataFor({ ...draft, spec: { tags: [tag] } }, 'a');
      expect('problem' in made && made.problem.code, tag).toBe('launchdarkly-tag');
    }
  });

  it('is kept in step, in one write, and left alone where no file says anything', async () => {
    const { fake, first } = await open();
    const line = targetLine(first);
    const specs: readonly JsonObject[] = [
      { tags: ['b', 'a'], maintainer: '5f0cd446a77cba0b4c5644a7' },
      { tags: ['c', 'a'], temporary: true, clientSideAvailability: { usingEnvironmentId: true } },
      { clientSideAvailability: { usingEnvironmentId: false, usingMobileKey: true }, temporary: false },
    ];
    const shown: unknown[] = [];
    for (const [at, spec] of specs.entries()) {
      const want = { listings: [listingFor(first, { spec, name: `Name ${at}` })], audiences: { a1: ['alice'] } };
      const writes = fake.writes.length;
      await line.sync(want);
      if (at > 0) expect(fake.writes.length - writes).toBe(1);
      expect((await line.plan(want)).changes).toEqual([]);
      const flag = fake.flag('default', 'us-feature');
      shown.push([flag?.name, flag?.tags, flag?.temporary, flag?.maintainerId, flag?.clientSideAvailability]);
    }
    const mark = 'optoggles-acme-test';
    const member = '5f0cd446a77cba0b4c5644a7';
    expect(shown).toEqual([
      ['Name 0', ['a', 'b', mark], false, member, { usingEnvironmentId: false, usingMobileKey: false }],
      ['Name 1', ['a', 'c', mark], true, member, { usingEnvironmentId: true, usingMobileKey: false }],
      ['Name 2', ['a', 'c', mark], false, member, { usingEnvironmentId: false, usingMobileKey: true }],
    ]);
  });

  it('is put right where somebody changed it, but not where the file is silent', async () => {
    const { fake, first } = await open();
    const line = targetLine(first);
    const want = { listings: [listingFor(first)], audiences: { a1: ['alice'] } };
    await line.sync(want);
    fake.hand.patchFlag('default', 'us-feature', [
      { kind: 'updateName', value: 'Renamed by hand' },
      { kind: 'addTags', values: ['by-hand'] },
    ]);
    await line.sync(want);
    expect(fake.flag('default', 'us-feature')).toMatchObject({
      name: 'US only feature',
      tags: ['by-hand', 'optoggles-acme-test'],
    });
  });

  it('is made closed, whatever turns it on', async () => {
    const { fake, first, serves } = await open();
    await applyOne(first, listingChange(listingFor(first), 'create'));
    for (const environment of ['production', 'test']) {
      fake.hand.turn({ project: 'default', flag: 'us-feature', environment }, true);
      expect(await serves('us-feature', environment, 'anybody')).toBe(false);
    }
  });

  it('says that it was removed, and an archived one can be archived again', async () => {
    const { fake, first } = await open();
    const listing = listingFor(first);
    await applyOne(first, listingChange(listing, 'create'));
    await applyOne(first, listingChange(listing, 'retire'));
    expect(fake.flag('default', 'us-feature')?.tags).toContain('optoggles.removed');
    for (let at = 0; at < 2; at++)
      expect((await applyOne(first, listingChange(listing, 'archive'))).result).toBe('done');
    expect(fake.flag('default', 'us-feature')?.archivedDate).toBeDefined();
    await applyOne(first, listingChange(listing, 'restore'));
    expect(fake.flag('default', 'us-feature')).toMatchObject({
      tags: ['optoggles-acme-test'],
      archivedDate: undefined,
    });
  });
});

describe('names', () => {
  it('tell our mark from others', () => {
    const names = namesFor('acme', 'default');
    expect(names.tag).toBe('optoggles-acme');
    expect(names.ownerOf(['growth'])).toBe('none');
    expect(names.ownerOf(['growth', 'optoggles-acme', 'optoggles.removed'])).toBe('ours');
    expect(names.ownerOf(['optoggles-acme', 'optoggles-acme-two'])).toEqual({ mark: 'optoggles-acme-two' });
  });

  it('carry the project where it is not the target’s', () => {
    const named = namesFor('acme', 'mobile');
    const nameless = namesFor('acme', undefined);
    expect([named.remoteKey('k', undefined), named.remoteKey('k', 'mobile'), named.remoteKey('k', 'web')]).toEqual([
      'k',
      'k',
      'web/k',
    ]);
    expect([nameless.remoteKey('k', undefined), nameless.remoteKey('k', 'web')]).toEqual(['default/k', 'web/k']);
    for (const names of [named, nameless]) {
      for (const place of [
        { project: 'mobile', key: 'k' },
        { project: 'web', key: 'k' },
      ]) {
        expect(names.placeOf(names.keyOf(place))).toEqual(place);
      }
      // No flag file leads into another project by its key.
      expect(names.placeOf(names.remoteKey('web/k', 'mobile'))).toEqual({ project: 'mobile', key: 'web/k' });
    }
  });

  it('of groups are ours alone', () => {
    const names = namesFor('acme', 'default');
    const { shared, own } = names.groupsFor('0123456789abcdef0123456789abcdef', 'us-feature');
    expect(shared).toBe('optoggles-acme-0123456789abcdef');
    expect(own).toMatch(/^optoggles-acme-0123456789abcdef-[0-9a-f]{8}$/);
    expect([shared, own].every(name => names.isGroup(name))).toBe(true);
    const others = namesFor('acme-two', 'default').groupsFor('0123456789abcdef0123456789abcdef', 'us-feature');
    expect(names.isGroup(others.shared) || names.isGroup(others.own) || names.isGroup('optoggles-acme')).toBe(false);
  });
});
