import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { definitionsIn } from '../../src/tasks/definitions.ts';
import { createRemote } from '../../src/tasks/remote.ts';
import { openGitServer } from '../support/git-server.ts';
import { type Ended, optoggles, startOptoggles } from '../support/program.ts';
import { configText, flagText, listsText, project } from '../support/project.ts';
import { tempFolder, writeFiles } from '../support/temp-folder.ts';

const run = promisify(execFile);

const tokens = {
  adminTokens: [{ name: 'deploy', token: 'admin-token-canary' }],
  readTokens: [{ name: 'ci', token: '${READ_TOKEN}' }],
};
const env = { READ_TOKEN: 'read-token-canary' };
const lists = { 'app.rbac.beta': ['alice', 'bob'], 'app.rbac.gamma': ['bob', 'carol', 'dave'] };

/** The same configuration and other flag files, as in a checkout, without state, lists or secrets. */
function checkout(flags: Readonly<Record<string, Readonly<Record<string, unknown>>>>, more = {}): string {
  const files = Object.entries(flags).map(([key, over]) => [`flags/${key}.yaml`, flagText(key, over)] as const);
  return tempFolder({ 'optoggles.yaml': configText({ ...tokens, ...more }), ...Object.fromEntries(files) });
}

async function running(folder: string): Promise<string> {
  return startOptoggles(folder, ['run'], env).url;
}

/** A whole program runs beside each. */
const busy = { timeout: 60_000 };

describe('plan --server', busy, () => {
  it('is the plan of the flag files here by what runs there, and leaves nothing there', async () => {
    const left = { '.optoggles/plan-left-by-a-kill/flags/beta.yaml': 'x' };
    const folder = project({ config: tokens, lists, files: left });
    const url = await running(folder);
    const here = checkout({ beta: { state: 'off' }, gamma: {} });
    const { code, stdout, stderr } = await optoggles(here, ['plan', '--server', url, '--json', '-'], {
      OPTOGGLES_TOKEN: env.READ_TOKEN,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      changes: expect.arrayContaining([
        expect.objectContaining({
          toggle: 'beta',
          phase: 'off',
          after: expect.objectContaining({ on: false }) as unknown,
        }),
        expect.objectContaining({ id: 'placement gamma local production', granted: 3, causes: ['definition'] }),
      ]),
    });
    expect(stdout).not.toMatch(/alice|bob|carol/);
    expect(readdirSync(join(folder, '.optoggles')).filter(name => name.startsWith('plan-'))).toEqual([]);

    const table = await optoggles(here, ['plan', '--server', url, '--detailed-exitcode']);
    expect(table.code).toBe(2);
    expect(table.stdout).toMatch(/^gamma\s+local\s+production\s+turn on\s+0 → 3\s+\+3/m);
    const only = await optoggles(here, ['plan', '--server', url, '--only', 'beta']);
    expect(only.stdout).not.toMatch(/^gamma/m);
  });

  it('takes a toggle without a file for removed, and does not send what it cannot read', async () => {
    const url = await running(project({ config: tokens, flags: { beta: {}, gamma: {} }, lists }));
    const here = checkout({ beta: {} });
    const { stdout } = await optoggles(here, ['plan', '--server', url]);
    expect(stdout).toMatch(/^gamma .* close/m);
    writeFiles(here, { 'flags/gamma.yml': flagText('gamma') });
    const refused = await optoggles(here, ['plan', '--server', url]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^flags\/gamma\.yml:1:1: .*Rename it to gamma\.yaml\./m);
  });

  it('tells files that do not validate at their place here', async () => {
    const url = await running(project({ config: tokens, lists }));
    const here = checkout({ beta: { owner: 7 }, gamma: {} });
    const { code, stderr, stdout } = await optoggles(here, ['plan', '--server', url]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^flags\/beta\.yaml:\d+:\d+: "owner"/m);
    expect(stdout).toMatch(/^gamma .* turn on/m);
  });

  it.each([
    [['--show-users'], '--show-users cannot be used with --server'],
    [['--snapshot', 's.json'], 'cannot be used together'],
  ])('refuses %j', async (args, says) => {
    const { code, stderr } = await optoggles(project(), ['plan', '--server', 'http://127.0.0.1:9', ...args]);
    expect(code).toBe(64);
    expect(stderr).toContain(says);
  });

  it('two sets of definitions can be compared member by member, and no name is told', async () => {
    const folder = project({ config: tokens, flags: {}, lists });
    const url = await running(folder);
    const remote = createRemote({ url, token: env.READ_TOKEN, clock: systemClock, timeout: 30_000 });
    const [base, head] = [checkout({ beta: {} }), checkout({ beta: {}, gamma: {} })];
    const sets = [await definitionsIn(join(base, 'flags'), base), await definitionsIn(join(head, 'flags'), head)];
    const { plans } = await remote.plan(sets, undefined, new AbortController().signal);
    await remote.close();
    const grantedIn = (index: number, toggle: string) =>
      plans[index]?.plan.changes.flatMap(change =>
        change.kind === 'placement' && change.toggle === toggle ? [...change.granted.values()] : [],
      ) ?? [];
    expect(grantedIn(0, 'beta')).toHaveLength(2);
    expect(grantedIn(1, 'beta')).toEqual(grantedIn(0, 'beta'));
    // Bob has both.
    expect(grantedIn(1, 'gamma').filter(member => grantedIn(0, 'beta').includes(member))).toHaveLength(1);
    expect(JSON.stringify(grantedIn(1, 'gamma'))).not.toMatch(/bob|carol|dave/);
  });
});

describe('apply --server', busy, () => {
  it('brings the instance to the commit that is checked out here, and waits for what comes of it', async () => {
    const git = await openGitServer();
    onTestFinished(() => git.close());
    git.commit({ 'flags/beta.yaml': flagText('beta') });
    const config = { ...tokens, flags: { git: git.url, poll: '1h' } };
    const folder = project({ config, flags: {}, lists });
    const url = await running(folder);
    const commit = git.commit({ 'flags/gamma.yaml': flagText('gamma') });
    const args = ['apply', '--server', url];
    const here = tempFolder({ 'optoggles.yaml': configText(config) });
    // Not in one go: the server of the repository is in this process.
    await run('git', ['init', '--quiet'], { cwd: here });
    await run('git', ['fetch', '--quiet', git.url, 'main'], { cwd: here });
    await run('git', ['checkout', '--quiet', commit, '--force'], { cwd: here });

    const refused = await optoggles(here, args, { OPTOGGLES_TOKEN: env.READ_TOKEN });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('An admin token is needed here.');
    const asked: Ended = await optoggles(here, args, { OPTOGGLES_TOKEN: 'admin-token-canary' });
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    expect(asked.stdout).toMatch(
      new RegExp(`^acme at commit ${commit.slice(0, 10)}: \\d changes? written \\(\\+3 −0 users\\)`),
    );

    // Whoever comes late with an older commit is told what is in force by now.
    const older = git.commit({ 'flags/beta.yaml': flagText('beta', { name: 'Another' }) });
    const newest = git.commit({ 'flags/beta.yaml': flagText('beta', { name: 'And another' }) });
    const late = await optoggles(here, [...args, '--commit', older, '--json', '-'], {
      OPTOGGLES_TOKEN: 'admin-token-canary',
    });
    expect(late.code).toBe(0);
    expect(JSON.parse(late.stdout)).toMatchObject({ version: 1, commit: newest, left: { changes: [] } });

    const nowhere = await optoggles(here, [...args, '--commit', 'a'.repeat(40), '--timeout', '3s'], {
      OPTOGGLES_TOKEN: 'admin-token-canary',
    });
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toContain('did not take commit aaaaaaaaaa in time');

    const broken = git.commit({ flags: null });
    const held = await optoggles(here, [...args, '--commit', broken], { OPTOGGLES_TOKEN: 'admin-token-canary' });
    expect(held.code).toBe(1);
    expect(held.stderr).toContain(`Commit ${broken.slice(0, 10)} is held`);
  });

  it('says what the guard blocked, and lets it through with --approve', async () => {
    const members = Array.from({ length: 20 }, (_, index) => `user-${index}`);
    const folder = project({ config: tokens, lists: { 'app.rbac.beta': members } });
    const url = await running(folder);
    writeFiles(folder, { 'audiences.yaml': listsText({ 'app.rbac.beta': members.slice(10) }) });
    const args = ['apply', '--server', url, '--commit', 'none'];
    const admin = { OPTOGGLES_TOKEN: 'admin-token-canary' };
    const here = checkout({ beta: {} });
    const blocked = await optoggles(here, args, admin);
    expect(blocked.code).toBe(3);
    const [, id = ''] = /optoggles approve (\w+)/.exec(blocked.stdout) ?? [];
    const through = await optoggles(here, [...args, '--approve', id], admin);
    expect(through).toMatchObject({ code: 0, stderr: '' });
    expect((await optoggles(here, args, admin)).stdout).toContain('0 changes written');
  });

  it.each([
    [['--checksum', 'c'], 64, '--checksum cannot be used with --server'],
    [['--only', 'beta'], 64, '--only cannot be used with --server'],
    [['--commit', 'main'], 64, 'is no whole commit id'],
    [[], 64, 'is in no git checkout'],
  ])('refuses %j', async (args, status, says) => {
    const { code, stderr } = await optoggles(project(), ['apply', '--server', 'http://127.0.0.1:9', ...args]);
    expect(code).toBe(status);
    expect(stderr).toContain(says);
  });

  it('a folder of flags knows no commits, and another instance is not this one', async () => {
    const url = await running(project({ config: tokens, lists }));
    const admin = { OPTOGGLES_TOKEN: 'admin-token-canary' };
    const args = ['apply', '--server', url, '--commit'];
    const here = checkout({ beta: {} });
    const folder = await optoggles(here, [...args, 'b'.repeat(40)], admin);
    expect(folder).toMatchObject({ code: 1, stdout: '' });
    expect(folder.stderr).toContain('knows no commits. Configure');
    const other = checkout({ beta: {} }, { instance: 'other' });
    expect((await optoggles(other, [...args, 'none'], admin)).stderr).toContain(
      'the instance acme, and this configuration is of other',
    );
  });
});

it('what is no OPToggles is not believed', async () => {
  const server = createServer((_, response) => response.end('<html>'));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { code, stderr } = await optoggles(checkout({ beta: {} }), ['plan', '--server', url], {});
  expect(code).toBe(1);
  expect(stderr).toContain('it is no JSON');
});
