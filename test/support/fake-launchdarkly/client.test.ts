import {
  AccountMembersApi,
  ApprovalsApi,
  Configuration,
  EnvironmentsApi,
  FeatureFlagsApi,
  type PatchWithComment,
  ScheduledChangesApi,
  SegmentsApi,
} from 'launchdarkly-api-typescript';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeLaunchDarkly, type FakeLaunchDarkly } from './server.ts';

const SEMANTIC = { headers: { 'Content-Type': 'application/json; domain-model=launchdarkly.semanticpatch' } };

const MEMBER = '5f0000000000000000000001';

let fake: FakeLaunchDarkly;
let configuration: Configuration;

beforeEach(async () => {
  fake = await createFakeLaunchDarkly({
    projects: [
      { key: 'default', environments: ['production', { key: 'guarded', approval: true }] },
      { key: 'other', environments: ['test'] },
    ],
    members: [{ _id: MEMBER, email: 'ann@example.com', role: 'writer' }],
    teams: ['growth'],
  });
  configuration = new Configuration({
    basePath: fake.url,
    apiKey: fake.token,
    baseOptions: { headers: { 'LD-API-Version': '20240415' } },
  });
});

afterEach(async () => {
  await fake.close();
});

/** The client's types know the JSON Patch form only. */
function semantic(instructions: readonly object[], environmentKey?: string): PatchWithComment {
  return { ...(environmentKey === undefined ? {} : { environmentKey }), instructions } as unknown as PatchWithComment;
}

describe("LaunchDarkly's own client on the fake", () => {
  it('creates, patches, reads and lists flags', async () => {
    const flags = new FeatureFlagsApi(configuration);
    const { data: made, status } = await flags.postFeatureFlag('default', {
      key: 'beta',
      name: 'Beta',
      tags: ['growth', 'optoggles-test'],
      temporary: false,
      variations: [
        { value: true, name: 'on' },
        { value: false, name: 'off' },
      ],
      defaults: { onVariation: 1, offVariation: 1 },
      clientSideAvailability: { usingEnvironmentId: true, usingMobileKey: false },
    });
    expect(status).toBe(201);
    expect(made.environments?.['production']).toMatchObject({
      on: false,
      fallthrough: { variation: 1 },
      offVariation: 1,
      targets: [],
      version: 1,
    });
    const open = made.variations[0]?._id;
    const { data: changed } = await flags.patchFeatureFlag(
      'default',
      'beta',
      semantic(
        [
          { kind: 'addTargets', variationId: open, contextKind: 'user', values: ['alice', 'bob'] },
          { kind: 'addTargets', variationId: open, contextKind: 'device', values: ['d1'] },
          { kind: 'turnFlagOn' },
        ],
        'production',
      ),
      undefined,
      SEMANTIC,
    );
    expect(changed.environments?.['production']).toMatchObject({
      on: true,
      version: 2,
      targets: [{ contextKind: 'user', variation: 0, values: ['alice', 'bob'] }],
      contextTargets: [
        { contextKind: 'user', variation: 0, values: [] },
        { contextKind: 'device', variation: 0, values: ['d1'] },
      ],
    });
    expect(changed.environments?.['guarded']?.version).toBe(1);
    expect(changed._version).toBe(2);
    const { data: one } = await flags.getFeatureFlag('default', 'beta', 'production');
    expect(Object.keys(one.environments ?? {})).toEqual(['production']);
    const { data: list } = await flags.getFeatureFlags('default');
    expect(list).toMatchObject({ totalCount: 1, items: [{ key: 'beta', tags: ['growth', 'optoggles-test'] }] });
    expect(list.items[0]).not.toHaveProperty('environments');
    const { data: summary } = await flags.getFeatureFlags('default', 'production');
    expect(summary.items[0]?.environments?.['production']).not.toHaveProperty('targets');
    expect(summary.items[0]?.environments?.['production']?._summary?.variations).toMatchObject({
      0: { targets: 2, contextTargets: 1 },
      1: { isFallthrough: true, isOff: true },
    });
    const whole = await flags.getFeatureFlags('default', 'production', undefined, 100, 0, undefined, false);
    expect(whole.data.items[0]?.environments?.['production']?.targets?.[0]?.values).toEqual(['alice', 'bob']);
  });

  it('makes the first variation the default where none is told', async () => {
    const { data } = await new FeatureFlagsApi(configuration).postFeatureFlag('default', { key: 'trap', name: 'Trap' });
    expect(data.defaults).toEqual({ onVariation: 0, offVariation: 1 });
    expect(data.environments?.['production']).toMatchObject({ on: false, fallthrough: { variation: 0 } });
    expect(data.variations.map(({ value }) => value)).toEqual([true, false]);
  });

  it('finds a maintainer, and changes settings', async () => {
    const found = await new AccountMembersApi(configuration).getMembers(20, 0, 'email:ann@example.com');
    expect(found.data.items.map(({ _id }) => _id)).toEqual([MEMBER]);
    const flags = new FeatureFlagsApi(configuration);
    await flags.postFeatureFlag('default', { key: 'beta', name: 'Beta', maintainerId: MEMBER });
    const change = async (...instructions: object[]) =>
      (await flags.patchFeatureFlag('default', 'beta', semantic(instructions), undefined, SEMANTIC)).data;
    expect((await flags.getFeatureFlag('default', 'beta')).data._maintainer?.email).toBe('ann@example.com');
    const changed = await change(
      { kind: 'updateMaintainerTeam', value: 'growth' },
      { kind: 'updateName', value: 'Beta 2' },
      { kind: 'updateDescription', value: 'second' },
      { kind: 'addTags', values: ['b', 'a'] },
      { kind: 'removeTags', values: ['b', 'c'] },
      { kind: 'makeFlagPermanent' },
      { kind: 'turnOnClientSideAvailability', value: 'usingMobileKey' },
    );
    expect(changed).toMatchObject({
      name: 'Beta 2',
      description: 'second',
      tags: ['a'],
      temporary: false,
      maintainerTeamKey: 'growth',
      clientSideAvailability: { usingMobileKey: true, usingEnvironmentId: false },
    });
    expect(changed).not.toHaveProperty('maintainerId');
    expect(await change({ kind: 'archiveFlag' })).toMatchObject({ archived: true });
    const back = await change({ kind: 'restoreFlag' }, { kind: 'updateName', value: 'Beta 3' });
    expect(back).toMatchObject({ archived: false, name: 'Beta 3' });
  });

  it('keeps segments', async () => {
    const segments = new SegmentsApi(configuration);
    const made = await segments.postSegment('default', 'production', { key: 'staff', name: 'Staff', tags: ['mine'] });
    expect([made.status, made.data.version]).toEqual([201, 1]);
    const { data } = await segments.patchSegment(
      'default',
      'production',
      'staff',
      semantic(
        [
          { kind: 'addIncludedTargets', contextKind: 'user', values: ['alice', 'bob'] },
          { kind: 'addIncludedTargets', contextKind: 'organization', values: ['acme'] },
          { kind: 'removeIncludedTargets', contextKind: 'user', values: ['bob', 'nobody'] },
          { kind: 'addExcludedTargets', contextKind: 'user', values: ['bob'] },
        ],
        'production',
      ),
      SEMANTIC,
    );
    expect(data).toMatchObject({
      included: ['alice'],
      excluded: ['bob'],
      includedContexts: [{ contextKind: 'organization', values: ['acme'] }],
      version: 2,
    });
    const { data: list } = await segments.getSegments('default', 'production');
    expect(list).toMatchObject({ totalCount: 1, items: [{ key: 'staff', included: ['alice'] }] });
    expect((await segments.getSegments('default', 'guarded')).data.totalCount).toBe(0);
    expect((await segments.deleteSegment('default', 'production', 'staff')).status).toBe(204);
  });

  it('asks for approval, withdraws, and sees what was approved', async () => {
    const flag = fake.hand.addFlag('default', { key: 'beta' });
    const approvals = new ApprovalsApi(configuration);
    const ask = (values: string[]) =>
      approvals.postApprovalRequestForFlag('default', 'beta', 'guarded', {
        description: 'optoggles-test: +1 -0',
        instructions: [
          { kind: 'addTargets', variationId: flag.variations[0]?._id, contextKind: 'user', values },
          { kind: 'turnFlagOn' },
        ],
      });
    const { data: first, status } = await ask(['alice']);
    expect(status).toBe(201);
    expect(first).toMatchObject({ status: 'pending', reviewStatus: 'pending', conflicts: [] });
    expect(fake.pendingApprovals()).toHaveLength(1);
    await approvals.deleteApprovalRequestForFlag('default', 'beta', 'guarded', first._id);
    const { data: second } = await ask(['bob']);
    const { data: list } = await approvals.getApprovalsForFlag('default', 'beta', 'guarded');
    expect(list.items.map(({ _id }) => _id)).toEqual([second._id]);
    fake.approve(second._id);
    expect(fake.config('default', 'beta', 'guarded')).toMatchObject({ on: true, targets: [{ values: ['bob'] }] });
    const all = await approvals.getApprovalRequests('projectKey equals default, status anyOf ["completed"]');
    expect(all.data.items.map(({ resourceId }) => resourceId)).toEqual(['proj/default:env/guarded:flag/beta']);
    expect((await approvals.getApprovalRequests('reviewStatus anyOf ["pending"]')).data.totalCount).toBe(0);
  });

  it('tells of conflicts, scheduled changes and environments', async () => {
    const flag = fake.hand.addFlag('default', { key: 'beta' });
    const at = { project: 'default', flag: 'beta', environment: 'guarded' };
    const approvals = new ApprovalsApi(configuration);
    await approvals.postApprovalRequestForFlag('default', 'beta', 'guarded', {
      description: 'later',
      instructions: [
        { kind: 'addTargets', variationId: flag.variations[0]?._id, contextKind: 'user', values: ['alice'] },
      ],
    });
    fake.hand.addTargets(at, false, ['alice']);
    const { data } = await approvals.getApprovalsForFlag('default', 'beta', 'guarded');
    expect(data.items[0]?.conflicts).toHaveLength(1);
    fake.hand.schedule(at, 1_900_000_000_000, [{ kind: 'turnFlagOn' }]);
    const scheduled = await new ScheduledChangesApi(configuration).getFlagConfigScheduledChanges(
      'default',
      'beta',
      'guarded',
    );
    expect(scheduled.data.items).toMatchObject([{ executionDate: 1_900_000_000_000 }]);
    const environments = new EnvironmentsApi(configuration);
    const { data: guarded } = await environments.getEnvironment('default', 'guarded');
    expect(guarded).toMatchObject({
      apiKey: fake.sdkKey('default', 'guarded'),
      approvalSettings: { required: true },
    });
    const { data: all } = await environments.getEnvironmentsByProject('default');
    expect(all.items.map(({ key }) => key)).toEqual(['production', 'guarded']);
  });
});
