import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, asyncProperty, constantFrom, uniqueArray } from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FakeOpa, startFakeOpa } from '../support/fake-opa.ts';
import { optoggles } from '../support/program.ts';
import { flagText, project } from '../support/project.ts';
import { writeFiles } from '../support/temp-folder.ts';

const key = 'a key of thirty-two characters or more';
const env = { OPTOGGLES_SNAPSHOT_KEY: key };
const policy = (rule: string) => ({ usersPolicy: { source: 'opa', package: 'app', rule } });

interface PlanText {
  readonly changes: readonly {
    readonly id: string;
    readonly granted: number;
    readonly revoked: number;
    readonly after: unknown;
  }[];
  readonly blocked: readonly unknown[];
  readonly held: readonly { readonly toggle: string; readonly problem: { readonly code: string } }[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly checksum: string;
}

async function withOpa(flags: readonly string[] = ['beta', 'gamma']): Promise<{ opa: FakeOpa; folder: string }> {
  const opa = await startFakeOpa({ token: 'opa-token' });
  onTestFinished(() => opa.close());
  const folder = project({
    config: { sources: [{ id: 'opa', type: 'opa', url: opa.url, token: '${OPA_TOKEN}', sentinels: ['data.ready'] }] },
    flags: Object.fromEntries(flags.map(name => [name, policy(name)])),
  });
  opa.set('ready', true);
  return { opa, folder };
}

const asker = { ...env, OPA_TOKEN: 'opa-token' };

async function planOf(folder: string, args: readonly string[], variables: Record<string, string>): Promise<PlanText> {
  const { stdout, stderr, code } = await optoggles(folder, ['plan', '--json', '-', ...args], variables);
  expect({ code, stderr: stdout === '' ? stderr : '' }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as PlanText;
}

describe('a plan from a snapshot', () => {
  it('has the numbers of the plan that asks policy, though nothing is asked and no secret of a source is there', async () => {
    const { opa, folder } = await withOpa();
    opa.set('app/beta', ['alice', 'bob', 'carol']);
    opa.set('app/gamma', ['alice']);
    expect((await optoggles(folder, ['apply'], asker)).code).toBe(0);
    opa.set('app/beta', ['bob', 'carol', 'dave', 'erin']);
    writeFiles(folder, { 'flags/delta.yaml': flagText('delta', policy('gamma')) });
    const live = await planOf(folder, [], asker);

    const taken = await optoggles(folder, ['snapshot', '--out', 'snapshot.json'], asker);
    expect(taken).toMatchObject({ code: 0, stdout: 'snapshot.json: 2 audiences of 1 source\n' });
    await opa.stop();
    const planned = await planOf(folder, ['--snapshot', 'snapshot.json'], env);
    const numbers = ({ changes }: PlanText) =>
      changes.map(({ id, granted, revoked, after }) => ({ id, granted, revoked, after }));
    expect(numbers(planned)).toEqual(numbers(live));
    expect(planned.changes.find(({ id }) => id.startsWith('placement beta'))).toMatchObject({ granted: 2, revoked: 1 });
    expect(planned.warnings).toMatchObject([{ code: 'snapshot-used' }]);
    expect(planned.warnings[0]?.message).toMatch(/snapshot of 20\d\d-.*Z, 0 minutes old\.$/);
  });

  it('holds no names, and hashes that nobody finds without the key', async () => {
    const { opa, folder } = await withOpa();
    opa.set('app/beta', ['alice@example.com']);
    opa.set('app/gamma', ['alice@example.com', 'bob@example.com']);
    const text = async (secret: string) =>
      (await optoggles(folder, ['snapshot'], { ...asker, OPTOGGLES_SNAPSHOT_KEY: secret })).stdout;
    const [one, other] = [await text(key), await text(`${key}!`)];
    expect(one).not.toMatch(/alice|bob|opa-token/);
    const membersIn = (json: string) =>
      (JSON.parse(json) as { audiences: { members: string[] }[] }).audiences.map(({ members }) => members);
    const [beta = [], gamma = []] = membersIn(one);
    expect(gamma).toEqual(expect.arrayContaining(beta));
    expect(gamma).toHaveLength(2);
    expect(membersIn(other).flat()).not.toEqual(expect.arrayContaining(beta));
  });

  it('says of a rule that is not in it that nobody knows, and changes nothing of its toggle', async () => {
    const { opa, folder } = await withOpa(['beta']);
    opa.set('app/beta', ['alice']);
    await optoggles(folder, ['snapshot', '--out', 'snapshot.json'], asker);
    writeFiles(folder, { 'flags/late.yaml': flagText('late', policy('late')) });
    const { held, changes } = await planOf(folder, ['--snapshot', 'snapshot.json'], env);
    expect(held).toMatchObject([{ toggle: 'late', problem: { code: 'not-in-snapshot' } }]);
    expect(changes.filter(({ id }) => id.startsWith('placement late'))).toEqual([]);
  });

  it('is told to be old after a day', async () => {
    const { opa, folder } = await withOpa(['beta']);
    opa.set('app/beta', ['alice']);
    await optoggles(folder, ['snapshot', '--out', 'snapshot.json'], asker);
    const path = join(folder, 'snapshot.json');
    const old = new Date(Date.now() - 3 * 24 * 3_600_000).toISOString();
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"takenAt": "[^"]+"/, `"takenAt": "${old}"`));
    const { warnings } = await planOf(folder, ['--snapshot', 'snapshot.json'], env);
    expect(warnings).toMatchObject([
      { code: 'snapshot-old', message: expect.stringContaining('3 days old') as string },
    ]);
  });

  it('asks what lies beside the configuration itself', async () => {
    const folder = project();
    expect(await optoggles(folder, ['snapshot', '--out', 's.json'], env)).toMatchObject({
      code: 0,
      stdout: 's.json: 0 audiences of 0 sources\n',
    });
    const { changes } = await planOf(folder, ['--snapshot', 's.json'], env);
    expect(changes.find(({ id }) => id.startsWith('placement beta'))).toMatchObject({ granted: 2 });
  });
});

describe('a snapshot is refused', () => {
  it.each([
    ['without a key', {}, 'OPTOGGLES_SNAPSHOT_KEY is not set'],
    ['with a key that could be guessed', { OPTOGGLES_SNAPSHOT_KEY: 'secret' }, 'fewer than 32 characters'],
  ])('%s', async (_, variables, says) => {
    const folder = project();
    for (const args of [['snapshot'], ['plan', '--snapshot', 's.json']]) {
      const { code, stdout, stderr } = await optoggles(folder, args, variables);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(says);
      expect(stderr).toContain('openssl rand');
    }
  });

  it('that was taken with another key, by another instance, was cut, or is none', async () => {
    const { opa, folder } = await withOpa(['beta']);
    opa.set('app/beta', ['alice', 'bob']);
    const { stdout } = await optoggles(folder, ['snapshot'], asker);
    const { members = [] } = (JSON.parse(stdout) as { audiences: { members?: string[] }[] }).audiences[0] ?? {};
    const wrong: Readonly<Record<string, string>> = {
      'taken with another key': stdout.replace(/"keyId": "\w+"/, '"keyId": "0123456789abcdef"'),
      'is of the instance other': stdout.replace('"acme"', '"other"'),
      'does not hold as many members': stdout.replace(`,"${members[1]}"`, ''),
      'has version 2': stdout.replace('"version": 1', '"version": 2'),
      'is no snapshot': '{"version":1}',
      'is no JSON': stdout.slice(0, 80),
    };
    for (const [says, text] of Object.entries(wrong)) {
      writeFiles(folder, { 's.json': text });
      const { code, stderr } = await optoggles(folder, ['plan', '--snapshot', 's.json'], env);
      expect(code, says).toBe(1);
      expect(stderr).toContain(says);
    }
    const { stderr } = await optoggles(folder, ['plan', '--snapshot', 'nowhere.json'], env);
    expect(stderr).toContain('cannot be read (ENOENT)');
  });

  it('while a source is not ready, and the one before stays', async () => {
    const { opa, folder } = await withOpa(['beta']);
    opa.set('app/beta', ['alice']);
    await optoggles(folder, ['snapshot', '--out', 's.json'], asker);
    const before = readFileSync(join(folder, 's.json'), 'utf8');
    opa.restart();
    const { code, stderr } = await optoggles(folder, ['snapshot', '--out', 's.json', '--timeout', '1s'], asker);
    expect(code).toBe(1);
    expect(stderr).toContain('source opa is not ready');
    expect(readFileSync(join(folder, 's.json'), 'utf8')).toBe(before);
  });

  it('with --show-users: there are no names in it', async () => {
    const { code, stderr } = await optoggles(project(), ['plan', '--snapshot', 's.json', '--show-users'], env);
    expect(code).toBe(64);
    expect(stderr).toContain('--show-users cannot be used with --snapshot');
  });
});

it('whoever policy and target name, the numbers are those of the plan that asks', { timeout: 60_000 }, async () => {
  const names = uniqueArray(constantFrom(...'abcdefgh'.split(''), 'ünal', '日本', '😀'), { maxLength: 12 });
  const { opa, folder } = await withOpa(['beta', 'gamma']);
  await assert(
    asyncProperty(names, names, names, async (before, beta, gamma) => {
      opa.set('app/beta', before);
      opa.set('app/gamma', gamma);
      await optoggles(folder, ['apply'], asker);
      opa.set('app/beta', beta);
      const live = await planOf(folder, [], asker);
      await optoggles(folder, ['snapshot', '--out', 's.json'], asker);
      const planned = await planOf(folder, ['--snapshot', 's.json'], env);
      const sums = ({ changes }: PlanText) => changes.map(({ id, granted, revoked }) => [id, granted, revoked]);
      // What lies in the window is known to the state alone, so only what it does not block compares.
      if (live.blocked.length === 0 && planned.blocked.length === 0) expect(sums(planned)).toEqual(sums(live));
    }),
    { numRuns: 15 },
  );
});
