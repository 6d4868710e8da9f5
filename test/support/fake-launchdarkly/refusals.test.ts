import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call } from './fake-caller.ts';
import { createFakeLaunchDarkly, type FakeLaunchDarkly } from './server.ts';

const FLAG = '/api/v2/flags/default/beta';
const FLAGS = '/api/v2/flags/default';
const SEGMENTS = '/api/v2/segments/default/production';
const AT = { project: 'default', flag: 'beta', environment: 'production' };

let fake: FakeLaunchDarkly;
let on: string;
let off: string;

beforeEach(async () => {
  fake = await createFakeLaunchDarkly({
    projects: [
      {
        key: 'default',
        environments: ['production', { key: 'guarded', approval: true }, { key: 'noted', requireComments: true }],
      },
    ],
    tokens: [
      { token: 'api-all' },
      { token: 'api-reader', deny: ['*', 'viewSdkKey'] },
      { token: 'api-no-targets', deny: ['updateTargets'] },
    ],
    members: [{ _id: '5f0000000000000000000001', email: 'ann@example.com', role: 'writer' }],
  });
  const flag = fake.hand.addFlag('default', { key: 'beta', tags: ['mine'] });
  on = flag.variations[0]?._id as string;
  off = flag.variations[1]?._id as string;
  fake.hand.addTargets(AT, false, ['bob']);
  fake.hand.addFlag('default', { key: 'first' });
  fake.hand.addFlag('default', { key: 'dependent' });
  fake.hand.addPrerequisite({ ...AT, flag: 'dependent' }, 'first', true);
  fake.hand.addFlag('default', { key: 'old' });
  fake.hand.archive('default', 'old');
  fake.hand.addSegment('default', 'production', 'staff');
  fake.hand.addRule(AT, [{ attribute: 'segmentMatch', op: 'segmentMatch', values: ['staff'] }], { value: true });
});

afterEach(async () => {
  fake.takeViolations();
  await fake.close();
});

/** Everything that a refused request must leave as it was. */
function state(): string {
  const project = fake.account.projects.get('default');
  const environments = [...(project?.environments.values() ?? [])].map(one => [...one.segments.values()]);
  const flags = [...(project?.flags.values() ?? [])].map(flag => ({ ...flag, environments: [...flag.environments] }));
  return JSON.stringify([flags, environments, [...fake.account.approvals.values()], fake.account.writes]);
}

const many = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);
const patch = (instructions: readonly object[], environmentKey: string | undefined = 'production') => ({
  ...(environmentKey === undefined ? {} : { environmentKey }),
  instructions,
});
const whole = (instructions: readonly object[]) => ({ instructions });

type Case = readonly [string, number, string, string, () => unknown, Readonly<Record<string, string>>?];

const CASES: readonly Case[] = [
  ['a Bearer token', 401, 'GET', FLAG, () => undefined, { authorization: 'Bearer api-all' }],
  ['an unknown token', 401, 'GET', FLAG, () => undefined, { authorization: 'api-other' }],
  ['an unknown path', 404, 'GET', '/api/v2/nothing', () => undefined],
  ['a method that the path does not have', 405, 'PATCH', FLAGS, () => whole([{ kind: 'turnFlagOn' }])],
  ['an unknown project', 404, 'GET', '/api/v2/flags/none', () => undefined],
  ['an unknown flag', 404, 'GET', `${FLAGS}/none`, () => undefined],
  ['an unknown environment asked for', 400, 'GET', `${FLAG}?env=none`, () => undefined],
  ['an unknown environment in the path', 404, 'GET', '/api/v2/segments/default/none', () => undefined],
  ['a page of more than 100', 400, 'GET', `${FLAGS}?limit=101`, () => undefined],
  ['a filter that is none', 400, 'GET', `${FLAGS}?filter=color:red`, () => undefined],
  ['a reader that creates', 403, 'POST', FLAGS, () => ({ key: 'k', name: 'K' }), { authorization: 'api-reader' }],
  ['a reader that patches', 403, 'PATCH', FLAG, () => patch([{ kind: 'turnFlagOn' }]), { authorization: 'api-reader' }],
  [
    'a token without the one right',
    403,
    'PATCH',
    FLAG,
    () => patch([{ kind: 'turnFlagOn' }, { kind: 'addTargets', variationId: on, values: ['x'] }]),
    { authorization: 'api-no-targets' },
  ],
  ['a flag without name', 400, 'POST', FLAGS, () => ({ key: 'k' })],
  ['a flag with an empty name', 400, 'POST', FLAGS, () => ({ key: 'k', name: '' })],
  ['a flag key with a space', 400, 'POST', FLAGS, () => ({ key: 'a b', name: 'K' })],
  ['a flag key that starts with a dot', 400, 'POST', FLAGS, () => ({ key: '.a', name: 'K' })],
  ['a flag that exists', 409, 'POST', FLAGS, () => ({ key: 'beta', name: 'Beta' })],
  ['a flag that exists in the archive', 409, 'POST', FLAGS, () => ({ key: 'old', name: 'Old' })],
  ['a flag with one variation', 400, 'POST', FLAGS, () => ({ key: 'k', name: 'K', variations: [{ value: true }] })],
  [
    'variations of two types',
    400,
    'POST',
    FLAGS,
    () => ({ key: 'k', name: 'K', variations: [{ value: true }, { value: 'x' }] }),
  ],
  [
    'defaults out of range',
    400,
    'POST',
    FLAGS,
    () => ({ key: 'k', name: 'K', defaults: { onVariation: 2, offVariation: 1 } }),
  ],
  ['a tag with a colon', 400, 'POST', FLAGS, () => ({ key: 'k', name: 'K', tags: ['optoggles:x'] })],
  ['a tag of 65 letters', 400, 'PATCH', FLAG, () => whole([{ kind: 'addTags', values: ['x'.repeat(65)] }])],
  ['an unknown field', 400, 'POST', FLAGS, () => ({ key: 'k', name: 'K', tag: ['x'] })],
  ['an unknown maintainer', 400, 'PATCH', FLAG, () => whole([{ kind: 'updateMaintainerMember', value: 'nobody' }])],
  ['no JSON', 400, 'PATCH', FLAG, () => '{"instructions":'],
  ['text', 415, 'PATCH', FLAG, () => '{}', { 'content-type': 'text/plain' }],
  [
    'a semantic patch that does not say so',
    400,
    'PATCH',
    FLAG,
    () => patch([{ kind: 'turnFlagOn' }]),
    { 'content-type': 'application/json' },
  ],
  ['no instruction', 400, 'PATCH', FLAG, () => patch([])],
  ['an unknown instruction', 400, 'PATCH', FLAG, () => patch([{ kind: 'turnFlagOn' }, { kind: 'openFlag' }])],
  ['an unknown parameter', 400, 'PATCH', FLAG, () => patch([{ kind: 'turnFlagOn', value: true }])],
  ['no environment', 400, 'PATCH', FLAG, () => whole([{ kind: 'turnFlagOn' }])],
  ['an unknown environment in the body', 400, 'PATCH', FLAG, () => patch([{ kind: 'turnFlagOn' }], 'none')],
  [
    'an unknown variation',
    400,
    'PATCH',
    FLAG,
    () => patch([{ kind: 'turnFlagOn' }, { kind: 'updateOffVariation', variationId: '0' }]),
  ],
  [
    'a key that another variation has',
    400,
    'PATCH',
    FLAG,
    () => patch([{ kind: 'turnFlagOn' }, { kind: 'addTargets', variationId: on, values: ['alice', 'bob'] }]),
  ],
  ['an empty key', 400, 'PATCH', FLAG, () => patch([{ kind: 'addTargets', variationId: on, values: [''] }])],
  [
    'an impossible context kind',
    400,
    'PATCH',
    FLAG,
    () => patch([{ kind: 'addTargets', variationId: on, contextKind: 'multi', values: ['a'] }]),
  ],
  [
    'weights that are not 100,000',
    400,
    'PATCH',
    FLAG,
    () => patch([{ kind: 'updateFallthroughVariationOrRollout', rolloutWeights: { [on]: 50_000, [off]: 40_000 } }]),
  ],
  [
    'a rule with an unknown segment',
    400,
    'PATCH',
    FLAG,
    () =>
      patch([
        {
          kind: 'addRule',
          variationId: on,
          clauses: [{ attribute: 'segmentMatch', op: 'segmentMatch', values: ['none'] }],
        },
      ]),
  ],
  [
    'its own prerequisite',
    400,
    'PATCH',
    FLAG,
    () => patch([{ kind: 'addPrerequisite', key: 'beta', variationId: on }]),
  ],
  ['a change of an archived flag', 400, 'PATCH', `${FLAGS}/old`, () => patch([{ kind: 'turnFlagOn' }])],
  ['a name for an archived flag', 400, 'PATCH', `${FLAGS}/old`, () => whole([{ kind: 'updateName', value: 'x' }])],
  ['a prerequisite archived', 409, 'PATCH', `${FLAGS}/first`, () => whole([{ kind: 'archiveFlag' }])],
  ['a prerequisite deleted', 409, 'DELETE', `${FLAGS}/first`, () => undefined],
  ['no approval', 405, 'PATCH', FLAG, () => patch([{ kind: 'turnFlagOn' }], 'guarded')],
  ['no comment where one is needed', 400, 'PATCH', FLAG, () => patch([{ kind: 'turnFlagOn' }], 'noted')],
  ['a segment that exists', 409, 'POST', SEGMENTS, () => ({ key: 'staff', name: 'Staff' })],
  ['a segment with its keys at once', 400, 'POST', SEGMENTS, () => ({ key: 'k', name: 'K', included: ['a'] })],
  ['a segment without approval', 403, 'POST', '/api/v2/segments/default/guarded', () => ({ key: 'k', name: 'K' })],
  ['a segment in use deleted', 409, 'DELETE', `${SEGMENTS}/staff`, () => undefined],
  [
    '1,501 operations',
    400,
    'PATCH',
    `${SEGMENTS}/staff`,
    () => whole([{ kind: 'addIncludedTargets', contextKind: 'user', values: many(1_501) }]),
  ],
  [
    'a key on both sides of a segment',
    400,
    'PATCH',
    `${SEGMENTS}/staff`,
    () =>
      whole([
        { kind: 'addIncludedTargets', contextKind: 'user', values: ['a', 'b'] },
        { kind: 'addExcludedTargets', contextKind: 'user', values: ['b'] },
      ]),
  ],
  [
    'an approval request without description',
    400,
    'POST',
    '/api/v2/projects/default/flags/beta/environments/guarded/approval-requests',
    () => whole([{ kind: 'turnFlagOn' }]),
  ],
];

describe('the fake refuses, and nothing is done', () => {
  it.each(
    CASES.map(([what, status, method, path, body, headers = {}]) => ({ what, status, method, path, body, headers })),
  )('$what: $status', async ({ status, method, path, body, headers }) => {
    const before = state();
    const heard = await call(fake, method, path, body(), headers);
    expect([heard.status, heard.body]).toEqual([
      status,
      expect.objectContaining({ code: expect.any(String), message: expect.any(String) }),
    ]);
    expect(state()).toBe(before);
    expect(fake.requests.at(-1)).toMatchObject({ status, applied: false });
  });

  it('names the action and the resource that a token lacks, and masks the SDK key', async () => {
    const headers = { authorization: 'api-reader' };
    const { body } = await call(fake, 'PATCH', FLAG, patch([{ kind: 'turnFlagOn' }]), headers);
    expect(body).toEqual({
      code: 'forbidden',
      message: 'Access to the requested resource was denied',
      reason: { effect: 'deny' },
      access: { action: 'updateOn', resource: 'proj/default:env/production:flag/beta' },
    });
    const environment = await call(fake, 'GET', '/api/v2/projects/default/environments/production', undefined, headers);
    expect(environment.body['apiKey']).toMatch(/^sdk-\*{8}-/);
  });

  it('names the action that needs approval', async () => {
    const { body } = await call(fake, 'PATCH', FLAG, patch([{ kind: 'turnFlagOn' }], 'guarded'));
    expect(body['message']).toBe("Flag configuration updates require approval: action 'updateOn' not allowed");
  });

  it('takes a segment of 15,000 keys and not one more, but lets them go', async () => {
    for (let at = 0; at < 15_000; at += 1_500) {
      const values = Array.from({ length: 1_500 }, (_, index) => `m${at + index}`);
      const one = { kind: 'addIncludedTargets', contextKind: 'user', values };
      expect((await call(fake, 'PATCH', `${SEGMENTS}/staff`, whole([one]))).status).toBe(200);
    }
    const more = { kind: 'addIncludedTargets', contextKind: 'user', values: ['one-more'] };
    expect((await call(fake, 'PATCH', `${SEGMENTS}/staff`, whole([more]))).status).toBe(400);
    const less = { kind: 'removeIncludedTargets', contextKind: 'user', values: ['m7'] };
    expect((await call(fake, 'PATCH', `${SEGMENTS}/staff`, whole([less, more]))).status).toBe(200);
  });

  it('moves a key to another variation in one patch, and does nothing for what is not there', async () => {
    const moved = patch([
      { kind: 'removeTargets', variationId: off, values: ['bob', 'nobody'] },
      { kind: 'addTargets', variationId: on, values: ['bob'] },
    ]);
    expect((await call(fake, 'PATCH', FLAG, moved)).status).toBe(200);
    const { targets, version } = fake.config('default', 'beta', 'production') ?? {};
    expect(targets).toEqual([{ contextKind: 'user', variation: 0, values: ['bob'] }]);
    const nothing = patch([{ kind: 'removeTargets', variationId: off, values: ['nobody'] }]);
    expect((await call(fake, 'PATCH', FLAG, nothing)).status).toBe(200);
    expect(fake.config('default', 'beta', 'production')?.version).toBe(version);
    expect(fake.requests.at(-1)?.applied).toBe(false);
  });

  it('previews with dryRun and changes nothing', async () => {
    const before = state();
    const heard = await call(fake, 'PATCH', `${FLAG}?dryRun=true`, patch([{ kind: 'turnFlagOn' }]));
    expect(heard.body).toMatchObject({ environments: { production: { on: true } } });
    expect(state()).toBe(before);
  });

  it('refuses what would break a scheduled change, unless told to ignore it', async () => {
    fake.hand.schedule(AT, 1_900_000_000_000, [{ kind: 'addTargets', variationId: on, values: ['carol'] }]);
    const blocking = patch([{ kind: 'addTargets', variationId: off, values: ['carol'] }]);
    expect(await call(fake, 'PATCH', FLAG, blocking)).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('scheduled change') },
    });
    expect((await call(fake, 'PATCH', `${FLAG}?ignoreConflicts=true`, blocking)).status).toBe(200);
  });

  it('needs approval by tag only for the flags that have it', async () => {
    fake.hand.setApproval('default', 'production', ['mine']);
    const turnOn = patch([{ kind: 'turnFlagOn' }]);
    expect((await call(fake, 'PATCH', FLAG, turnOn)).status).toBe(405);
    expect((await call(fake, 'PATCH', `${FLAGS}/first`, turnOn)).status).toBe(200);
    expect((await call(fake, 'PATCH', FLAG, whole([{ kind: 'updateName', value: 'Name' }]))).status).toBe(200);
  });
});
