import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { builtAction, payloadOf, pullPayload } from '../support/action-run.ts';
import { addComment } from '../support/fake-github/model.ts';
import { type FakeGitHub, fakeGitHub } from '../support/fake-github/server.ts';
import { optoggles } from '../support/program.ts';
import { configText, flagText, listsText, project } from '../support/project.ts';
import { cloned, type PullRequestCheckout, pullRequest, pushed } from '../support/pull-request.ts';

const run = builtAction();
const token = 'ghs_workflow_token';
const bot = 'github-actions[bot]';

const base = {
  'optoggles.yaml': configText(),
  'audiences.yaml': listsText({ 'app.rbac.beta': ['alice', 'bob'], 'app.rbac.new': ['carol'] }),
  'flags/beta.yaml': flagText('beta'),
};
const change = {
  'audiences.yaml': listsText({ 'app.rbac.beta': ['alice', 'dave'], 'app.rbac.new': ['carol'] }),
  'flags/new.yaml': flagText('new'),
  'flags/beta.yaml': flagText('beta', { name: 'Beta @everyone <b>' }),
};

interface RunOptions {
  readonly github?: FakeGitHub;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** `plan` on a pull request. */
function plan(pull: PullRequestCheckout, { github, inputs, env }: RunOptions = {}) {
  return run({
    workspace: pull.workspace,
    event: 'pull_request',
    payload: pullPayload(pull),
    inputs: { command: 'plan', timeout: '20s', ...(github && { 'github-token': token }), ...inputs },
    ...(env && { env }),
    ...(github && { apiUrl: github.url }),
  });
}

function commentsOf({ repository }: FakeGitHub) {
  return repository.comments.get(2) ?? [];
}

it('says who gains and who loses what, and why: in one comment, in the summary and as outputs', async () => {
  const github = await fakeGitHub();
  const pull = pullRequest(base, change);
  const result = await plan(pull, { github });
  expect(result.code).toBe(0);
  expect(result.summary).toMatchSnapshot();
  const [comment, ...others] = commentsOf(github);
  expect(others).toEqual([]);
  expect(comment?.body).toMatch(/^<!-- optoggles plan acme optoggles\.yaml sha256=[0-9a-f]{64} -->\n/);
  expect(comment?.body.slice(comment.body.indexOf('\n') + 1)).toBe(result.summary.trimEnd() + '\n');
  const { 'plan-path': path = '', checksum, ...outputs } = result.outputs;
  expect(outputs).toEqual({ changed: 'true', blocked: '0', granted: '3', revoked: '0' });
  const written = JSON.parse(readFileSync(path, 'utf8')) as { checksum: string; summary: object };
  expect(written.checksum).toBe(checksum);
  expect(written.summary).toMatchObject({ granted: 3, revoked: 0, blocked: 0 });
  expect(result.masks).toEqual([token]);
});

it('tells the same about the same: nobody is named, unless the workflow asks for it', async () => {
  const pull = pullRequest(base, change);
  const counts = await plan(pull);
  for (const name of ['alice', 'bob', 'carol', 'dave']) {
    expect(counts.log + counts.summary + readFileSync(counts.outputs['plan-path'] ?? '', 'utf8')).not.toContain(name);
  }
  const names = await plan(pull, { inputs: { 'show-users': 'names' } });
  expect(names.summary).toContain('carol');
  expect(names.log).not.toContain('carol');
});

it('keeps one comment: not written again when nothing changed, found on the third page, changed in place', async () => {
  const github = await fakeGitHub();
  for (let number = 0; number < 230; number++) addComment(github.repository, 2, 'octocat', `comment ${number}`);
  // Who is not us cannot take our place.
  const forged = addComment(github.repository, 2, 'mallory', '<!-- optoggles plan acme optoggles.yaml sha256=0 -->\n');
  const pull = pullRequest(base, change);
  await plan(pull, { github });
  expect(github.writes).toEqual(['POST /repos/Codertocat/Hello-World/issues/2/comments']);
  const ours = commentsOf(github).filter(({ user }) => user.login === bot);
  expect(ours).toHaveLength(1);
  await plan(pull, { github });
  expect(github.writes).toHaveLength(1);

  pull.git('checkout', '-q', 'change');
  pull.git('rm', '-q', 'flags/new.yaml');
  pull.git('commit', '-q', '-m', 'less');
  const head = pull.git('rev-parse', 'HEAD');
  pull.git('checkout', '-q', '--detach', pull.base);
  pull.git('merge', '-q', '--no-ff', '-m', 'merge', head);
  await plan({ ...pull, head }, { github });
  const id = ours[0]?.id;
  expect(github.writes.slice(1)).toEqual([`PATCH /repos/Codertocat/Hello-World/issues/comments/${id}`]);
  expect(commentsOf(github).filter(({ user }) => user.login === bot)).toHaveLength(1);
  expect(ours[0]?.body).not.toContain('`new`');
  expect(forged.body).toMatch(/sha256=0 -->\n$/);
});

it('two instances in one repository have a comment each', async () => {
  const github = await fakeGitHub();
  const other = Object.fromEntries(Object.entries(base).map(([path, text]) => [`other/${path}`, text]));
  const pull = pullRequest({ ...base, ...other }, change);
  await plan(pull, { github });
  await plan(pull, { github, inputs: { config: 'other/optoggles.yaml' } });
  expect(commentsOf(github)).toHaveLength(2);
  expect(commentsOf(github)[1]?.body).toContain('No toggle is defined otherwise');
});

it.each([
  ['may not write', { status: 403, body: { message: 'Resource not accessible by integration' } }, 'may not (403)'],
  [
    'reached its limit',
    { status: 403, body: { message: 'limit' }, headers: { 'x-ratelimit-remaining': '0' } },
    'rate limit',
  ],
  ['is not known', { status: 401, body: { message: 'Bad credentials' } }, 'is not known'],
  ['met a GitHub that is ill', { status: 502, body: {} }, 'answered 502'],
])('with a token that %s there is a warning and the summary, no failure', async (_, fault, words) => {
  const github = await fakeGitHub();
  github.faults.push(fault);
  const result = await plan(pullRequest(base, change), { github });
  expect(result.code).toBe(0);
  expect(result.annotations.map(({ level, text }) => [level, text.includes(words)])).toEqual([['warning', true]]);
  expect(result.summary).toContain('Who gains and who loses');
});

it('a read-only token of a fork leads to the summary; a short limit is waited for', async () => {
  const github = await fakeGitHub({ permissions: { issues: 'read', 'pull-requests': 'read' } });
  const refused = await plan(pullRequest(base, change), { github });
  expect(refused).toMatchObject({ code: 0, annotations: [{ level: 'warning' }] });
  expect(refused.annotations[0]?.text).toContain('permissions: pull-requests: write');

  const other = await fakeGitHub();
  other.faults.push({ status: 429, body: {}, headers: { 'retry-after': '1' } });
  expect(await plan(pullRequest(base, change), { github: other })).toMatchObject({ code: 0, annotations: [] });
  expect(commentsOf(other)).toHaveLength(1);
});

it('a plan that is too long for a comment is cut, with a link to the whole', async () => {
  const github = await fakeGitHub();
  const keys = Array.from({ length: 700 }, (_, index) => `toggle-number-${index}`);
  const flags = Object.fromEntries(keys.map(key => [`flags/${key}.yaml`, flagText(key)]));
  const lists = Object.fromEntries(keys.map(key => [`app.rbac.${key}`, ['alice']]));
  const pull = pullRequest({ ...base, 'audiences.yaml': listsText({ 'app.rbac.beta': ['bob'], ...lists }) }, flags);
  const result = await plan(pull, { github });
  const body = commentsOf(github)[0]?.body ?? '';
  expect(body.length).toBeGreaterThan(60_000);
  expect(body.length).toBeLessThanOrEqual(65_536);
  expect(body).toContain('[all of it](https://github.com/Codertocat/Hello-World/actions/runs/42)');
  expect(result.summary.length).toBeGreaterThan(body.length);
});

const withSecret = {
  targets: [
    {
      name: 'rest',
      type: 'restapi',
      endpointUrl: 'http://127.0.0.1:9/flags',
      environment: 'production',
      read: true,
      extraHeaders: { Authorization: 'Bearer ${REST_TOKEN}' },
    },
  ],
};

it('without secrets, as from a fork, nothing is asked: definitions only, audience unknown, no failure', async () => {
  const files = { ...base, 'optoggles.yaml': configText(withSecret) };
  const result = await plan(pullRequest(files, { 'flags/new.yaml': flagText('new') }), { env: { REST_TOKEN: '' } });
  expect(result).toMatchObject({ code: 0, outputs: { changed: 'true', granted: '', revoked: '', 'plan-path': '' } });
  expect(result.summary).toMatchSnapshot();
});

it('a target or source that does not answer makes the audience unknown, and no failure; its secret is masked', async () => {
  const secret = 'correct-horse-battery';
  const files = { ...base, 'optoggles.yaml': configText(withSecret) };
  const target = await plan(pullRequest(files, change), { env: { REST_TOKEN: secret }, inputs: { timeout: '2s' } });
  expect(target.code).toBe(0);
  expect(target.masks).toContain(secret);
  expect(
    target.log.replaceAll(`::add-mask::${secret}`, '').replaceAll(`::add-mask::Bearer ${secret}`, ''),
  ).not.toContain(secret);
  expect(target.outputs).toMatchObject({ changed: 'true', granted: '', revoked: '' });

  const opa = { sources: [{ id: 'lists', type: 'opa', url: 'http://127.0.0.1:9' }] };
  const source = await plan(pullRequest({ ...base, 'optoggles.yaml': configText(opa) }, change), {
    inputs: { timeout: '2s' },
  });
  expect(source).toMatchObject({ code: 0, annotations: [{ level: 'warning' }] });
  expect(source.summary).toContain('**Audience unknown**');
  expect(source.summary).toContain('The feature beta');
});

it('what weakens the protection stands on top, and everything is judged by the base', async () => {
  const strict = { guard: { maxRevokedShare: 0.3, window: '10m' }, onRemoved: 'disable' };
  const files = {
    ...base,
    'optoggles.yaml': configText(strict),
    'flags/beta.yaml': flagText('beta', { guard: { maxUsers: 5 } }),
  };
  const result = await plan(
    pullRequest(files, {
      'optoggles.yaml': configText({ guard: { maxRevokedShare: 1, window: '1m' }, onRemoved: 'keep' }),
      'flags/beta.yaml': flagText('beta', { guard: { allowEmpty: true } }),
    }),
  );
  expect(result.code).toBe(0);
  expect(result.summary).toMatchSnapshot();
});

it('a change of host is refused, and nothing is sent there', async () => {
  const github = await fakeGitHub();
  const moved = { targets: [{ ...withSecret.targets[0], endpointUrl: `${github.url}/flags` }] };
  const files = { ...base, 'optoggles.yaml': configText(withSecret) };
  const result = await plan(pullRequest(files, { 'optoggles.yaml': configText(moved) }), {
    env: { REST_TOKEN: 'correct-horse-battery' },
    inputs: { timeout: '1s' },
  });
  expect(result.code).toBe(1);
  expect(result.annotations).toContainEqual({
    level: 'error',
    file: 'optoggles.yaml:16',
    text: expect.stringContaining('leads to another host than on the base branch'),
  });
  expect(github.requests).toEqual([]);
});

it('needs the base: from the merge commit, or from a folder; without it, it says how to get it', async () => {
  const pull = pullRequest(base, change);
  const none = await plan({ ...pull, workspace: cloned(pull, 1) });
  expect(none.code).toBe(1);
  expect(none.annotations[0]?.text).toContain('"fetch-depth: 2"');
  const enough = await plan({ ...pull, workspace: cloned(pull, 2) });
  expect(enough).toMatchObject({ code: 0, outputs: { granted: '3' } });

  const folders = pushed({ ...base, ...change });
  folders.git('worktree', 'add', '-q', '--detach', 'base-branch', folders.base);
  const same = await plan(folders, { inputs: { 'base-path': 'base-branch' } });
  expect(same.summary).toContain('No toggle is defined otherwise');
  const outside = await plan(folders, { inputs: { 'base-path': '../..' } });
  expect(outside.annotations[0]?.text).toContain('names no folder of the workspace');
});

it('without a pull request everything is pending anyway, and no comment is written', async () => {
  const github = await fakeGitHub();
  const { workspace } = pushed(base);
  const result = await run({
    workspace,
    event: 'workflow_dispatch',
    payload: payloadOf('workflow_dispatch'),
    inputs: { command: 'plan', 'github-token': token },
    apiUrl: github.url,
  });
  expect(result.code).toBe(0);
  expect(result.summary).toContain('+2 pending anyway');
  expect(github.requests).toEqual([]);
});

it('removals, blocks, held and expired toggles, and what is switched off, each say so', async () => {
  const people = Array.from({ length: 20 }, (_, index) => `user-${index}`);
  const lists = { 'app.rbac.beta': people, 'app.rbac.gone': people.slice(0, 2), 'app.rbac.off': people.slice(0, 3) };
  const flags = { beta: {}, gone: {}, off: {} };
  const live = project({ lists, flags });
  await optoggles(live, ['apply']);
  const files = {
    'optoggles.yaml': configText(),
    'audiences.yaml': listsText(lists),
    'out/production.json': readFileSync(join(live, 'out/production.json')),
    ...Object.fromEntries(Object.keys(flags).map(key => [`flags/${key}.yaml`, flagText(key)])),
  };
  const pull = pullRequest(files, {
    'audiences.yaml': listsText({ ...lists, 'app.rbac.beta': people.slice(0, 5) }),
    'flags/gone.yaml': null,
    'flags/off.yaml': flagText('off', { state: 'off', type: 'release', expires: '2026-11-02' }),
    'flags/held.yaml': flagText('held'),
  });
  const result = await plan(pull);
  expect(result).toMatchObject({ code: 0, outputs: { blocked: '1', changed: 'true' } });
  expect(result.summary.replace(/\b[0-9a-f]{6,}\b/g, 'HASH')).toMatchSnapshot();

  // Its file stays; who has it changes.
  const over = { type: 'release', expires: '2026-11-02' };
  const lasting = { 'app.rbac.beta': people, 'app.rbac.old': people.slice(0, 1) };
  const old = { ...base, 'audiences.yaml': listsText(lasting), 'flags/old.yaml': flagText('old', over) };
  const more = listsText({ ...lasting, 'app.rbac.old': people.slice(0, 2) });
  const said = (await plan(pullRequest(old, { 'audiences.yaml': more }))).summary;
  expect(said).toContain('The toggle `old` expired on 2026-11-02.');
  const untouched = await plan(pullRequest(old, { 'flags/beta.yaml': flagText('beta', { name: 'Another' }) }));
  expect(untouched.summary).not.toContain('expired');
});
