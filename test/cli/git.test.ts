import { createHmac } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type GitServer, openGitServer } from '../support/git-server.ts';
import { optoggles, startOptoggles } from '../support/program.ts';
import { configText, flagText, listsText } from '../support/project.ts';
import { tempFolder } from '../support/temp-folder.ts';

const env = { GIT_TOKEN: 'git-token-canary-1', HOOK: 'hook-secret-canary-2' };
let server: GitServer;

beforeEach(async () => {
  server = await openGitServer();
  onTestFinished(() => server.close());
  server.token = env.GIT_TOKEN;
});

function folderWith(
  more: Readonly<Record<string, unknown>> = {},
  config: Readonly<Record<string, unknown>> = {},
): string {
  const flags = { git: server.url, token: '${GIT_TOKEN}', webhookSecret: '${HOOK}', poll: '1h', ...more };
  return tempFolder({
    'optoggles.yaml': configText({ ...config, flags }),
    'audiences.yaml': listsText({ 'app.rbac.beta': ['alice'], 'app.rbac.gamma': ['bob'] }),
  });
}

interface Row {
  readonly what: string;
  readonly commit?: string;
}

interface Status {
  readonly commit: string | null;
  readonly problems: readonly { readonly code: string }[];
  readonly toggles: readonly { readonly key: string; readonly state: string }[];
}

async function until<Result>(look: () => Promise<Result>, isIt: (found: Result) => boolean): Promise<Result> {
  for (let left = 200; ; left--) {
    const found = await look();
    if (isIt(found) || left === 0) return found;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

describe('flags from a repository', () => {
  it('a running instance follows pushes by webhook, holds a bad commit, and shows no secret', async () => {
    const first = server.commit({ 'flags/beta.yaml': flagText('beta') });
    const folder = folderWith();
    const running = startOptoggles(folder, ['run'], env);
    const url = await running.url;
    const status = async () => (await (await fetch(`${url}/api/status`)).json()) as Status;
    const health = async () => (await (await fetch(`${url}/health`)).json()) as { flags: string };
    expect(await status()).toMatchObject({ commit: first, problems: [], toggles: [{ key: 'beta', state: 'in-sync' }] });
    expect(running.stderr).toMatch(new RegExp(`"toggle":"beta".*"commit":"${first}"`));

    const hook = () => {
      const body = JSON.stringify({ ref: 'refs/heads/main', repository: { default_branch: 'main' } });
      const signature = `sha256=${createHmac('sha256', env.HOOK).update(body).digest('hex')}`;
      const headers = { 'x-github-event': 'push', 'x-hub-signature-256': signature };
      return fetch(`${url}/webhooks/github`, { method: 'POST', body, headers });
    };
    const second = server.commit({ 'flags/gamma.yaml': flagText('gamma') });
    expect((await hook()).status).toBe(200);
    const now = await until(
      status,
      ({ toggles }) => toggles.length === 2 && toggles.every(one => one.state === 'in-sync'),
    );
    expect(now).toMatchObject({ commit: second, toggles: [{ state: 'in-sync' }, { state: 'in-sync' }] });
    expect(await health()).toMatchObject({ flags: 'ok' });

    server.commit({ flags: null });
    await hook();
    const held = await until(status, ({ problems }) => problems.length > 0);
    expect(held).toMatchObject({ commit: second, problems: [{ code: 'commit-held' }], toggles: [{}, {}] });
    expect(await health()).toMatchObject({ status: 'ok', flags: 'held' });
    await running.says('"code":"commit-held"');

    const third = server.commit({ 'flags/beta.yaml': flagText('beta'), 'flags/gamma.yaml': flagText('gamma') });
    await hook();
    expect(await until(status, ({ commit }) => commit === third)).toMatchObject({ commit: third, problems: [] });

    server.token = 'another';
    server.commit({ 'flags/beta.yaml': flagText('beta', { state: 'off' }) });
    await hook();
    const refused = await until(status, ({ problems }) => problems.length > 0);
    expect(refused).toMatchObject({ commit: third, problems: [{ code: 'git-access' }] });
    expect(await health()).toMatchObject({ flags: 'failing' });

    running.kill();
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(0);
    const state = readdirSync(join(folder, '.optoggles'), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
      .join('\n');
    const encoded = Buffer.from(`x-access-token:${env.GIT_TOKEN}`).toString('base64');
    const database = new DatabaseSync(join(folder, '.optoggles/state.db'), { readOnly: true });
    const rows = database
      .prepare('SELECT entry FROM audit')
      .all()
      .map(({ entry }) => JSON.parse(String(entry)) as Row);
    database.close();
    const commits = rows.filter(({ what }) => what === 'commit').map(({ commit }) => commit);
    expect(commits).toEqual([first, second, third]);
    for (const secret of [...Object.values(env), encoded]) expect(`${stdout}${stderr}${state}`).not.toContain(secret);
  });

  it('a clone that kill -9 left half-written is recognized and made anew', async () => {
    server.commit({ 'flags/beta.yaml': flagText('beta') });
    const folder = folderWith();
    server.fault = { kind: 'stall' };
    const killed = startOptoggles(folder, ['run'], env);
    await until(
      async () => server.requests.length,
      count => count > 0,
    );
    killed.kill('SIGKILL');
    await killed.ended;
    server.fault = { kind: 'none' };
    const { code, stderr } = await optoggles(folder, ['apply'], env);
    expect(stderr).not.toContain('"level":"error"');
    expect(code).toBe(0);
    expect(existsSync(join(folder, 'out/production.json'))).toBe(true);
    expect(statSync(join(folder, '.optoggles/flags')).mode & 0o077).toBe(0);
  });

  it('plan and apply fetch once; without the server they stay with the last commit and exit 1', async () => {
    const commit = server.commit({ 'flags/beta.yaml': flagText('beta') });
    const folder = folderWith();
    const plan = await optoggles(folder, ['plan', '--detailed-exitcode'], env);
    expect(plan).toMatchObject({ code: 2, stdout: expect.stringContaining('beta') });
    expect(plan.stdout).toContain(`\ncommit ${commit}\n`);
    expect(existsSync(join(folder, '.optoggles'))).toBe(false);
    expect((await optoggles(folder, ['apply'], env)).code).toBe(0);
    await server.stop();
    const stale = await optoggles(folder, ['apply'], env);
    expect(stale).toMatchObject({ code: 1, stderr: expect.stringContaining('stays in force') });
  });

  it('validate checks what it can fetch, and needs neither secret nor network', async () => {
    server.commit({ 'flags/beta.yaml': flagText('beta', { nme: 'typo' }) });
    const folder = folderWith();
    const found = await optoggles(folder, ['validate'], env);
    expect(found).toMatchObject({ code: 1, stderr: expect.stringContaining('Unknown key "nme"') });
    expect(found.stderr).toMatch(/^flags\/beta\.yaml:\d+:\d+: /m);
    const blind = await optoggles(folder, ['validate']);
    expect(blind).toMatchObject({ code: 0, stderr: expect.stringContaining('The flag files were not checked: ') });
    const rest = { type: 'restapi', endpointUrl: 'http://127.0.0.1:1/toggles', environment: 'production' };
    const extraHeaders = { Authorization: 'Bearer ${NOT_SET}' };
    const others = folderWith({}, { targets: [{ name: 'rest', ...rest, extraHeaders }] });
    expect((await optoggles(others, ['validate'], env)).stderr).toContain('Unknown key "nme"');
    await server.stop();
    const offline = await optoggles(folder, ['validate'], env);
    expect(offline).toMatchObject({ code: 0, stderr: expect.stringContaining('The flag files were not checked: ') });
    expect(existsSync(join(folder, '.optoggles'))).toBe(false);
  });

  it('the installed git does the same', async () => {
    const commit = server.commit({ 'flags/beta.yaml': flagText('beta') });
    const folder = folderWith({ driver: 'cli', ref: 'main' });
    const { code, stderr } = await optoggles(folder, ['apply'], env);
    expect(stderr).toContain(commit);
    expect(code).toBe(0);
    expect(stderr).not.toContain(env.GIT_TOKEN);
  });

  it.each([
    ['ssh without an installed git', { git: 'ssh://git@host.example/x.git' }, 'git-ssh'],
    ['ssh with a token', { git: 'git@host.example:x.git', driver: 'cli' }, 'git-ssh'],
    ['http', { git: 'http://host.example/x.git' }, 'git-http'],
    ['a password', { git: 'https://me:geheim@host.example/x.git' }, 'git-url-secret'],
    ['no address', { git: '/srv/flags.git' }, 'git-url'],
    ['an option', { git: '--upload-pack=touch /tmp/x' }, 'git-url'],
    ['a file', { git: 'file:///srv/flags.git', driver: 'cli' }, 'git-url'],
    ['a way out', { git: 'https://host.example/x.git', path: 'a/../../b' }, 'outside-folder'],
    ['a ref that is an option', { git: 'https://host.example/x.git', ref: '--x' }, 'bad-form'],
    ['haste', { git: 'https://host.example/x.git', poll: '10ms' }, 'out-of-range'],
  ])('refuses %s with one error', async (_, more, code) => {
    const { stdout } = await optoggles(folderWith(more), ['validate', '--json', '-']);
    const { problems } = JSON.parse(stdout) as { problems: { code: string; hint?: string; at?: { line: number } }[] };
    expect(problems).toEqual([expect.objectContaining({ code, hint: expect.any(String), at: expect.anything() })]);
    expect(stdout).not.toContain('geheim');
  });
});
