import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type FakeOpa, startFakeOpa } from '../support/fake-opa.ts';
import { startFakeOpal } from '../support/fake-opal.ts';
import { optoggles, startOptoggles } from '../support/program.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { type Ld, openLd } from '../targets/launchdarkly/ld-harness.ts';

const token = 'api-canary-launchdarkly';
const project = 'shop';
const toggles = ['us-feature', 'billing', 'new-one'] as const;
const people = ['alice', 'bob', 'carol', 'dave', 'stranger'];

async function policies(): Promise<{ opa: FakeOpa; opal: string }> {
  const opa = await startFakeOpa();
  const opal = await startFakeOpal();
  onTestFinished(async () => {
    await Promise.all([opal.close(), opa.close()]);
  });
  opal.policyStore = { type: 'OPA', url: opa.url, auth_type: 'none', token: null };
  opa.set('app/rbac/us_users', ['alice', 'bob']);
  opa.set('app/rbac/payers', ['carol']);
  return { opa, opal: opal.url };
}

/** An account with flags of before: one with others in it, one switched off and without a mark, one that is not there. */
async function account(): Promise<Ld> {
  const environments = ['production', 'test'];
  const ld = await openLd({
    projects: [
      { key: 'default', environments },
      { key: project, environments },
    ],
    tokens: [{ token }],
  });
  onTestFinished(() => ld.close());
  const { hand } = ld.fake;
  const at = (flag: string, environment: string) => ({ project, flag, environment });
  hand.addFlag(project, { key: 'us-feature', name: 'An old name', tags: ['kept'], description: 'Of before' });
  hand.addTargets(at('us-feature', 'production'), true, ['alice', 'dave']);
  hand.turn(at('us-feature', 'production'), true);
  hand.addTargets(at('us-feature', 'test'), false, ['mallory']);
  hand.addFlag(project, { key: 'billing' });
  hand.addFlag(project, { key: 'left-alone' });
  return ld;
}

function oldConfig(opal: string, ld: Ld): string {
  // Keys in any case, as viper took them.
  return JSON.stringify({
    Bind: '127.0.0.1:0',
    sources: [{ ID: 'example-opal', URL: opal, token: '', advertisedaddress: '127.0.0.1:9' }],
    target: { targettype: 'launchdarkly', targetSpec: { LaunchdarklyToken: token, baseUrl: ld.fake.url } },
    toggles: [
      {
        key: 'us-feature',
        userspolicy: { source: 'example-opal', package: 'app.rbac', rule: 'us_users' },
        spec: { name: 'US only', projkey: project, Environments: ['production', 'test'] },
      },
      {
        key: 'billing',
        usersPolicy: { source: 'example-opal', package: 'app.rbac', rule: 'payers' },
        spec: { name: 'Billing', projKey: project, environments: ['test'] },
      },
      {
        key: 'new-one',
        usersPolicy: { source: 'example-opal', package: 'app.rbac', rule: 'us_users' },
        spec: { name: 'New', projKey: project, environments: ['production'] },
      },
    ],
  });
}

async function served(ld: Ld): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const key of toggles) {
    for (const environment of ['production', 'test']) {
      for (const person of people) {
        found.push([key, environment, person, await servedTo(ld, key, environment, person)]);
      }
    }
  }
  return found;
}

async function servedTo(ld: Ld, key: string, environment: string, person: string): Promise<unknown> {
  return ld.serves(`${project}/${key}`, environment, person);
}

function yes(found: readonly unknown[]): string[] {
  return found.filter(one => (one as unknown[])[3] === true).map(one => (one as unknown[]).slice(0, 3).join(' '));
}

const expected = [
  'us-feature production alice',
  'us-feature production bob',
  'us-feature test alice',
  'us-feature test bob',
  'billing test carol',
  'new-one production alice',
  'new-one production bob',
];

const once = ['--timeout', '10s'] as const;

it('plans and applies the old configuration as it is: adoption implied, environments from the specs', async () => {
  const { opal } = await policies();
  const ld = await account();
  const folder = tempFolder({ 'config.yaml': oldConfig(opal, ld) });
  const plan = await optoggles(folder, ['plan', '--detailed-exitcode', ...once]);
  expect(plan).toMatchObject({ code: 2 });
  expect(plan.stdout).not.toContain('left-alone');
  expect(ld.fake.writes).toEqual([]);
  expect(await optoggles(folder, ['apply', ...once])).toMatchObject({ code: 0 });
  expect(yes(await served(ld))).toEqual(expected);
  expect(ld.fake.flag(project, 'us-feature')).toMatchObject({ name: 'US only', description: 'Of before' });
  expect(ld.fake.flag(project, 'us-feature')?.tags).toEqual(['kept', expect.stringMatching(/^optoggles-legacy-/)]);
  expect(ld.fake.flag(project, 'left-alone')?.tags).toEqual([]);
  expect(ld.fake.config(project, 'billing', 'production')?.on).toBe(false);
  expect(await optoggles(folder, ['plan', '--detailed-exitcode', ...once])).toMatchObject({ code: 0 });
});

it('switches on again what somebody switched off, and runs until it is told to stop', async () => {
  const { opal, opa } = await policies();
  const ld = await account();
  const folder = tempFolder({ 'config.yaml': oldConfig(opal, ld) });
  expect(await optoggles(folder, ['apply', ...once])).toMatchObject({ code: 0 });
  ld.fake.hand.turn({ project, flag: 'us-feature', environment: 'production' }, false);
  opa.set('app/rbac/payers', ['carol', 'dave']);
  const running = startOptoggles(folder, ['run']);
  await running.url;
  await ld.fake.waitFor(fake => {
    const isOn = fake.config(project, 'us-feature', 'production')?.on;
    const has = fake.config(project, 'billing', 'test')?.targets.some(({ values }) => values.includes('dave'));
    return isOn === true && has === true;
  });
  running.kill();
  expect((await running.ended).code).toBe(0);
  expect(yes(await served(ld)).sort()).toEqual([...expected, 'billing test dave'].sort());
  expect(running.stdout + running.stderr).not.toContain(token);
});

it('migrate writes a new form with the same plan, and the same answers in the end', async () => {
  const { opal } = await policies();
  const [old, next] = [await account(), await account()];
  const oldFolder = tempFolder({ 'config.yaml': oldConfig(opal, old) });
  const newFolder = tempFolder({ 'config.yaml': oldConfig(opal, old) });
  const migrated = await optoggles(newFolder, ['migrate']);
  expect(migrated).toMatchObject({ code: 0 });
  expect(migrated.stderr).toContain('set these in the environment: LAUNCHDARKLY_TOKEN');
  expect(migrated.stdout + migrated.stderr).not.toContain(token);
  const written = readFileSync(join(newFolder, 'optoggles.yaml'), 'utf8');
  expect(written).not.toContain(token);
  const env = { LAUNCHDARKLY_TOKEN: token };
  expect(await optoggles(newFolder, ['validate'])).toMatchObject({ code: 0 });

  const plan = ['plan', '--json', '-', ...once];
  const [before, after] = [await optoggles(oldFolder, plan), await optoggles(newFolder, plan, env)];
  expect([before.code, after.code]).toEqual([0, 0]);
  expect(JSON.parse(after.stdout)).toEqual(JSON.parse(before.stdout));

  // The same on an account of its own: there the old form, here the new one.
  writeFileSync(join(newFolder, 'optoggles.yaml'), written.replaceAll(old.fake.url, next.fake.url));
  expect(await optoggles(oldFolder, ['apply', ...once])).toMatchObject({ code: 0 });
  expect(await optoggles(newFolder, ['apply', ...once], env)).toMatchObject({ code: 0 });
  const answers = await served(next);
  expect(answers).toEqual(await served(old));
  expect(yes(answers)).toEqual(expected);

  // And the new form goes on where the old one was: nothing is left to do for anybody's users.
  writeFileSync(join(newFolder, 'optoggles.yaml'), written);
  const left = await optoggles(newFolder, ['plan', '--detailed-exitcode', ...once], env);
  expect(left).toMatchObject({ code: 0 });
});
