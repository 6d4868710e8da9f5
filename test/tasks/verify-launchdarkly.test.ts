import { describe, expect, it, onTestFinished } from 'vitest';
import type { VerifyJson } from '../../src/report/verify-schema.ts';
import type { FlagAt, Hand } from '../support/fake-launchdarkly/hand.ts';
import { createFakeLaunchDarkly } from '../support/fake-launchdarkly/server.ts';
import { optoggles } from '../support/program.ts';
import { project } from '../support/project.ts';

const beta: FlagAt = { project: 'default', flag: 'beta', environment: 'production' };
const everybodyElse = 42;

async function applied() {
  const fake = await createFakeLaunchDarkly();
  onTestFinished(() => fake.close());
  const target = {
    name: 'ld',
    type: 'launchdarkly',
    token: fake.token,
    baseUrl: fake.url,
    sdkUrl: fake.url,
    streamUrl: fake.streamUrl,
    projKey: 'default',
    environments: { production: 'production', test: 'test' },
  };
  const folder = project({
    config: { targets: [target] },
    flags: { beta: {}, gamma: {} },
    lists: { 'app.rbac.beta': ['alice', 'bob'], 'app.rbac.gamma': ['carol'] },
  });
  expect((await optoggles(folder, ['apply', '--timeout', '30s'])).code).toBe(0);
  return { fake, folder };
}

async function verified(folder: string) {
  const strangers = String(everybodyElse);
  const { code, stdout } = await optoggles(folder, ['verify', '--json', '-', '--strangers', strangers]);
  const { placements } = JSON.parse(stdout) as VerifyJson;
  const differing = placements.filter(({ verdict }) => verdict !== 'agrees');
  return {
    code,
    placements: placements.length,
    found: differing.map(({ toggle, environment, mismatches }) => {
      return [toggle, environment, ...mismatches.map(({ kind, count }) => `${count} ${kind}`)].join(' ');
    }),
    causes: differing.flatMap(({ mismatches }) => mismatches.map(({ cause }) => cause)),
  };
}

const faults: readonly (readonly [string, (hand: Hand) => void, string, RegExp])[] = [
  ['somebody added by hand', hand => hand.addTargets(beta, true, ['eve']), '1 let-in', /^its list there names them/],
  ['somebody removed', hand => hand.removeTargets(beta, true, ['bob']), '1 kept-out', /^its list there does not name/],
  [
    'somebody among the targets of the other variation',
    hand => {
      hand.removeTargets(beta, true, ['bob']);
      hand.addTargets(beta, false, ['bob']);
    },
    '1 kept-out',
    /./,
  ],
  [
    'an open fallthrough',
    hand => hand.setFallthrough(beta, { value: true }),
    `${everybodyElse} let-in`,
    /^not its list: the default serves true/,
  ],
  [
    'a rule',
    hand => {
      const clause = { contextKind: 'user', attribute: 'key', op: 'startsWith', values: ['Ali'], negate: false };
      hand.addRule(beta, [clause], { value: true });
    },
    '1 let-in',
    /^not its list: .*rule/i,
  ],
  ['an off by hand', hand => hand.turn(beta, false), '2 kept-out', /^it is switched off there/],
  ['a deleted flag', hand => hand.deleteFlag('default', 'beta'), `${everybodyElse + 2} not-served`, /not there/],
];

describe("verify asks LaunchDarkly's own SDK", () => {
  it('agrees where nothing is wrong', async () => {
    const { folder } = await applied();
    expect(await verified(folder)).toMatchObject({ code: 0, placements: 4, found: [] });
  });

  it.each(faults)('finds %s, and nothing else', async (name, plant, expected, cause) => {
    const { fake, folder } = await applied();
    plant(fake.hand);
    const { code, found, causes } = await verified(folder);
    expect(code).toBe(1);
    const where = name === 'a deleted flag' ? ['production', 'test'] : ['production'];
    expect(found).toEqual(where.map(environment => `beta ${environment} ${expected}`));
    for (const one of causes) expect(one).toMatch(cause);
  });
});
