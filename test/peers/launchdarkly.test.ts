import { init, type LDClient } from '@launchdarkly/node-server-sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeLaunchDarkly, type FakeLaunchDarkly } from '../support/fake-launchdarkly/server.ts';
import { type History, recordHistory, servedIn } from '../targets/launchdarkly/history.ts';
import { configText, flagFiles, type Optoggles, startOptoggles } from './optoggles.ts';
import { LISTS, PEOPLE, RBAC } from './rbac.ts';
import { createUndo, type Stack, startStack } from './stack.ts';
import { until } from './until.ts';

/** Real OPAL and OPA at one end, LaunchDarkly's own SDK at the other, and the line between them. */
const undo = createUndo();
let stack: Stack;

const RULES = { 'us-feature': 'us_users', 'us-banner': 'us_users', 'staff-tools': 'employees', 'team-a': 'team_a' };
const keys = Object.keys(RULES);
/** More than individual targets are for: they stand in a segment. */
const employees = Array.from({ length: 1_150 }, (_, at) => `employee-${at}@example.com`);
const strangers = ['nobody', 'ALICE', 'alice ', 'employee-1', 'employee-1@example.co'];

interface Installation {
  readonly program: Optoggles;
  readonly fake: FakeLaunchDarkly;
  readonly sdk: LDClient;
  readonly history: History;
}

const forms: Readonly<Record<string, (port: number, fake: FakeLaunchDarkly) => Readonly<Record<string, string>>>> = {
  'the new configuration': (port, fake) => ({
    'optoggles.yaml': configText({
      port,
      opal: stack.client.url,
      opa: stack.opa.url,
      targets: {},
      more: {
        targets: [
          {
            name: 'ld',
            type: 'launchdarkly',
            token: fake.token,
            baseUrl: fake.url,
            projKey: 'default',
            environments: { production: 'production' },
          },
        ],
      },
    }),
    ...flagFiles(RULES),
  }),
  'the old configuration': (port, fake) => ({
    'config.yaml': `bind: 127.0.0.1:${port}
sources:
  - id: example-opal
    url: ${stack.client.url}
    advertisedAddress: 127.0.0.1:${port}
target:
  targetType: launchdarkly
  targetSpec:
    launchdarklyToken: ${fake.token}
    baseUrl: ${fake.url}
toggles:
${Object.entries(RULES)
  .map(
    ([key, rule]) => `  - key: ${key}
    usersPolicy: { source: example-opal, package: app.rbac, rule: ${rule} }
    spec: { name: "The feature ${key}", projKey: default, environments: [production] }
`,
  )
  .join('')}`,
  }),
};

async function install(name: string): Promise<Installation> {
  const fake = await createFakeLaunchDarkly();
  undo.later(() => fake.close());
  const history = recordHistory(fake, 'production');
  const config = name === 'the old configuration' ? 'config.yaml' : 'optoggles.yaml';
  const program = await startOptoggles(undo, port => forms[name]?.(port, fake) ?? {}, { config });
  const sdk = init(fake.sdkKey('default', 'production'), {
    baseUri: fake.url,
    streamUri: fake.streamUrl,
    sendEvents: false,
    diagnosticOptOut: true,
    logger: { error() {}, warn() {}, info() {}, debug() {} },
  });
  undo.later(() => sdk.close());
  await sdk.waitForInitialization({ timeout: 20 });
  return { program, fake, sdk, history };
}

/** What OPA itself answers, by toggle. */
async function policy(): Promise<Readonly<Record<string, readonly string[]>>> {
  const found = Object.entries(RULES).map(async ([key, rule]) => {
    const { result } = (await stack.opa.getData(`app/rbac/${rule}`)) as { result?: readonly string[] };
    return [key, [...(result ?? [])].sort()] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

/** Everybody who was ever known here. */
const known = new Set<string>([
  ...Object.keys(PEOPLE),
  ...LISTS.team_a,
  ...employees,
  ...strangers,
  'gina',
  'newcomer',
]);

async function served({ sdk }: Installation): Promise<Readonly<Record<string, readonly string[] | 'missing'>>> {
  const found: Record<string, readonly string[] | 'missing'> = {};
  for (const key of keys) {
    const inside: string[] = [];
    let isThere = true;
    for (const member of known) {
      const value: unknown = await sdk.variation(key, { kind: 'user', key: member }, null);
      if (value === true) inside.push(member);
      if (value === null) isThere = false;
    }
    found[key] = isThere ? inside.sort() : 'missing';
  }
  return found;
}

/** Waits until the SDK says of everybody what OPA says. */
async function untilTheyAgree(one: Installation, has: Readonly<Record<string, number>>): Promise<void> {
  const agree = async () => {
    const [should, is] = [await policy(), await served(one)];
    for (const [key, count] of Object.entries(has)) if (should[key]?.length !== count) return false;
    return JSON.stringify(is) === JSON.stringify(should);
  };
  await until('the SDK and OPA agree', agree, { timeoutMs: 40_000, everyMs: 100 }).catch(async error => {
    const [should, is] = [await policy(), await served(one)];
    const counts = (all: Readonly<Record<string, readonly string[] | 'missing'>>) =>
      Object.entries(all).map(([key, members]) => `${key}: ${members === 'missing' ? members : members.length}`);
    const log = (await one.program.log()).split('\n').slice(-25).join('\n');
    throw new Error(`OPA: ${counts(should).join(', ')}; SDK: ${counts(is).join(', ')}\n${log}`, { cause: error });
  });
}

/** After every single write since the last call, everybody who is in both is served it, and nobody who is in neither. */
async function nobodyElse(
  { history }: Installation,
  before: Readonly<Record<string, readonly string[]>>,
  after: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  for (const state of history.take()) {
    const now = await servedIn(state, keys, [...known]);
    for (const key of keys) {
      const inside = new Set(now[key]);
      const [had, has] = [new Set(before[key]), new Set(after[key])];
      const wrong = [...known].filter(one => had.has(one) === has.has(one) && inside.has(one) !== has.has(one));
      expect({ key, wrong }).toEqual({ key, wrong: [] });
    }
  }
}

const nothing = Object.fromEntries(keys.map(key => [key, []]));

beforeAll(async () => {
  stack = await startStack(undo, { 'rbac.rego': RBAC }, { people: PEOPLE, lists: { ...LISTS, employees } });
});
afterAll(() => undo.all());

for (const name of Object.keys(forms)) {
  describe(`${name}, from OPAL to LaunchDarkly’s SDK`, () => {
    let one: Installation;
    beforeAll(async () => {
      await stack.putPeople(PEOPLE);
      await stack.repo.commit({ 'rbac.rego': `${RBAC}\n# as it was, for ${name}\n` });
      one = await install(name);
    });
    afterAll(async () => void (await one.program.stop()));

    it('starts: everybody of policy, and nobody else, after every write', async () => {
      await untilTheyAgree(one, { 'us-feature': 3, 'staff-tools': 1_150, 'team-a': 1 });
      await until('all is in sync', async () =>
        (await one.program.status()).toggles.every(is => is.state === 'in-sync'),
      );
      await nobodyElse(one, nothing, await policy());
      expect(await one.program.get('/health')).toBe(200);
      expect(one.fake.config('default', 'staff-tools', 'production')?.targets).toEqual([]);
    });

    it('follows an update of data: one comes, one goes', async () => {
      const first = await policy();
      await stack.publish('gina', { country: 'US' });
      await untilTheyAgree(one, { 'us-feature': 4 });
      const second = await policy();
      await nobodyElse(one, first, second);
      await stack.publish('carol', { country: 'CA' });
      await untilTheyAgree(one, { 'us-feature': 3 });
      await nobodyElse(one, second, await policy());
      const writes = one.fake.writes.length;
      await stack.putLists({ ...LISTS, employees: [...employees, 'newcomer'] });
      await untilTheyAgree(one, { 'staff-tools': 1_151 });
      expect(one.fake.writes.slice(writes).map(({ path }) => path.split('/')[3])).toEqual(['segments']);
      await stack.putLists({ ...LISTS, employees });
      await untilTheyAgree(one, { 'staff-tools': 1_150 });
      one.history.take();
    });

    it('follows an update of policy', async () => {
      const before = await policy();
      await stack.repo.commit({ 'rbac.rego': RBAC.replace('== "US"', 'in {"US", "CA"}') });
      await untilTheyAgree(one, { 'us-feature': 5 });
      await nobodyElse(one, before, await policy());
    });

    it('an OPA that comes back empty takes nothing from anybody, and is followed once it has its data', async () => {
      const before = await policy();
      const writes = one.fake.writes.length;
      await stack.opa.stop();
      await stack.opa.startAgain();
      // OPAL brings the policy first, and set rules then answer nobody.
      await stack.repo.commit({ 'rbac.rego': `${RBAC.replace('== "US"', 'in {"US", "CA"}')}\n# ${name}\n` });
      await until(
        'OPA has its policy',
        async () => 'result' in ((await stack.opa.getData('app/rbac/us_users')) as object),
      );
      // It has looked meanwhile, and does not believe it.
      await until('the source is suspect', async () => (await one.program.sourceState()) === 'suspect');
      const reload = await fetch(`${stack.client.url}/data-updater/trigger`, { method: 'POST' });
      expect(reload.ok).toBe(true);
      await untilTheyAgree(one, { 'us-feature': 5, 'staff-tools': 1_150 });
      await until('the source is ready', async () => (await one.program.sourceState()) === 'ready');
      await nobodyElse(one, before, before);
      expect(one.fake.writes.length).toBe(writes);
      await stack.publish('alice', null);
      await untilTheyAgree(one, { 'us-feature': 4 });
    });

    it('keeps its secrets', async () => {
      const log = await one.program.log();
      expect(log).not.toContain(one.fake.token);
      expect(log).not.toMatch(/alice|employee-1@/);
    });
  });
}
