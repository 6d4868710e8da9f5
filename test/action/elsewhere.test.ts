import { expect, it, onTestFinished } from 'vitest';
import { builtAction, payloadOf, pullPayload } from '../support/action-run.ts';
import { startFakeOpa } from '../support/fake-opa.ts';
import { openGitServer } from '../support/git-server.ts';
import { optoggles, startOptoggles } from '../support/program.ts';
import { configText, flagText, listsText, project } from '../support/project.ts';
import { type PullRequestCheckout, pullRequest, pushed } from '../support/pull-request.ts';
import { tempFolder } from '../support/temp-folder.ts';

const run = builtAction();
/** Each starts several programs. */
const busy = { timeout: 90_000 };
const key = 'a key of thirty-two characters or more';
const tokens = {
  adminTokens: [{ name: 'deploy', token: '${ADMIN_TOKEN}' }],
  readTokens: [{ name: 'ci', token: '${READ_TOKEN}' }],
};
const env = { ADMIN_TOKEN: 'admin-token-canary', READ_TOKEN: 'read-token-canary' };
const lists = { 'app.rbac.beta': ['alice', 'bob'], 'app.rbac.gamma': ['bob', 'carol', 'dave'] };

function plan(
  pull: PullRequestCheckout,
  inputs: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string>>,
) {
  return run({
    workspace: pull.workspace,
    event: 'pull_request',
    payload: pullPayload(pull),
    inputs: { command: 'plan', timeout: '20s', ...inputs },
    env: variables,
  });
}

it('a snapshot on the base branch answers for policy that the job cannot reach', busy, async () => {
  const opa = await startFakeOpa();
  onTestFinished(() => opa.close());
  opa.set('ready', true);
  opa.set('app/beta', ['alice', 'bob']);
  opa.set('app/gamma', ['bob', 'carol', 'dave']);
  const policy = (rule: string) => ({ usersPolicy: { source: 'opa', package: 'app', rule } });
  const sources = [{ id: 'opa', type: 'opa', url: opa.url, token: '${OPA_TOKEN}', sentinels: ['data.ready'] }];
  const base = {
    'optoggles.yaml': configText({ sources }),
    'flags/beta.yaml': flagText('beta', policy('beta')),
    'flags/gamma.yaml': flagText('gamma', { ...policy('gamma'), state: 'off' }),
  };
  const variables = { OPTOGGLES_SNAPSHOT_KEY: key };
  const { stdout } = await optoggles(tempFolder(base), ['snapshot'], { ...variables, OPA_TOKEN: 'opa-token' });
  await opa.stop();
  const change = {
    'flags/gamma.yaml': flagText('gamma', policy('gamma')),
    // What a pull request brings along does not count.
    'snapshot.json': stdout.replace('"count":3', '"count":9'),
  };
  const pull = pullRequest({ ...base, 'snapshot.json': stdout }, change);
  const result = await plan(pull, { snapshot: 'snapshot.json' }, variables);
  expect(result.annotations.filter(({ level }) => level === 'error')).toEqual([]);
  expect(result.code).toBe(0);
  expect(result.outputs).toMatchObject({ granted: '5', revoked: '0' });
  expect(result.summary).toMatch(/\+3 by definition/);
  expect(result.summary).toMatch(/\+2 pending anyway/);
  expect(result.summary).toMatch(/by a snapshot of .* old/);
  expect(result.masks).toContain(key);

  const fork = await plan(pull, { snapshot: 'snapshot.json' }, {});
  expect(fork.code).toBe(0);
  expect(fork.outputs).toMatchObject({ granted: '', 'plan-path': '' });
  expect(fork.summary).toContain('Audience unknown');
  const brought = await plan(pull, { snapshot: `${pull.workspace}/snapshot.json` }, variables);
  expect(brought.code).toBe(64);
});

it('a running instance answers for the job, which needs a token of it and nothing else', busy, async () => {
  const url = await startOptoggles(project({ config: tokens, lists }), ['run'], env).url;
  const base = { 'optoggles.yaml': configText(tokens), 'flags/beta.yaml': flagText('beta') };
  const pull = pullRequest(
    { ...base, 'audiences.yaml': listsText(lists) },
    { 'flags/gamma.yaml': flagText('gamma'), 'audiences.yaml': listsText({ 'app.rbac.beta': [] }) },
  );
  const result = await plan(pull, { server: url }, { OPTOGGLES_TOKEN: env.READ_TOKEN });
  expect(result.code).toBe(0);
  expect(result.summary).toMatch(/\+3 by definition/);
  expect(result.summary).toContain('answers by its own policy and data');
  expect(result.summary + result.log).not.toMatch(/alice|bob|carol|dave/);
  expect(result.masks).toContain(env.READ_TOKEN);

  const alone = await plan(pull, { server: 'http://127.0.0.1:9' }, {});
  expect(alone.code).toBe(0);
  expect(alone.summary).toContain('Audience unknown');
  expect(alone.outputs).toMatchObject({ changed: 'true', granted: '' });
  const both = await plan(pull, { server: url, snapshot: 's.json' }, {});
  expect(both.code).toBe(64);
});

it('apply brings a running instance to the commit that was pushed', busy, async () => {
  const git = await openGitServer();
  onTestFinished(() => git.close());
  git.commit({ 'flags/beta.yaml': flagText('beta') });
  const config = { ...tokens, flags: { git: git.url, poll: '1h' } };
  const everybody = { ...lists, 'app.rbac.nobody': [] };
  const url = await startOptoggles(project({ config, flags: {}, lists: everybody }), ['run'], env).url;
  const sha = git.commit({ 'flags/gamma.yaml': flagText('gamma') });
  const { workspace } = pushed({ 'optoggles.yaml': configText(config) });
  const apply = (variables: Readonly<Record<string, string>>) =>
    run({
      workspace,
      event: 'push',
      payload: payloadOf('push'),
      inputs: { command: 'apply', server: url, timeout: '20s' },
      env: { GITHUB_SHA: sha, ...variables },
    });
  const refused = await apply({ OPTOGGLES_TOKEN: env.READ_TOKEN });
  expect(refused.code).toBe(1);
  expect(refused.log).toContain('An admin token is needed here');
  const done = await apply({ OPTOGGLES_TOKEN: env.ADMIN_TOKEN });
  expect(done.annotations).toEqual([]);
  expect(done.code).toBe(0);
  expect(done.outputs).toMatchObject({ changed: 'true', granted: '3', revoked: '0', blocked: '0' });
  const again = await apply({ OPTOGGLES_TOKEN: env.ADMIN_TOKEN });
  expect(again.outputs).toMatchObject({ changed: 'false', granted: '0' });

  const nobody = { usersPolicy: { source: 'lists', package: 'app.rbac', rule: 'nobody' } };
  const emptied = git.commit({ 'flags/beta.yaml': flagText('beta', nobody) });
  const blocked = await apply({ OPTOGGLES_TOKEN: env.ADMIN_TOKEN, GITHUB_SHA: emptied });
  expect(blocked).toMatchObject({ code: 3, outputs: { blocked: '1' }, annotations: [{ level: 'error' }] });
  expect(blocked.annotations[0]?.text).toMatch(/Blocked by the guard: .*run "apply" with the input "approve: \w+"/);
});
