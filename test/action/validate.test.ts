import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { builtAction, payloadOf, pullPayload } from '../support/action-run.ts';
import { configText, flagText, listsText } from '../support/project.ts';
import { type PullRequestCheckout, pullRequest, pushed } from '../support/pull-request.ts';

const run = builtAction();

const base = {
  'optoggles.yaml': configText(),
  'audiences.yaml': listsText({ 'app.rbac.beta': ['alice'] }),
  'flags/beta.yaml': flagText('beta'),
};

/** `validate` on a pull request: no token, no secret, and an address where nobody listens. */
function validate(pull: PullRequestCheckout, inputs: Readonly<Record<string, string>> = {}) {
  return run({
    workspace: pull.workspace,
    event: 'pull_request',
    payload: pullPayload(pull),
    inputs: { command: 'validate', ...inputs },
  });
}

function found(result: Awaited<ReturnType<typeof validate>>): string[] {
  return result.annotations.map(({ level, file, text }) => `${level} ${file} ${text.split('.')[0]}`);
}

it('says what is wrong on its line, and an expired toggle is a warning', async () => {
  const pull = pullRequest(base, {
    'flags/beta.yaml':
      'key: beta\nname: Beta\nowner: team\ntype: nonsense\ncreated: 2026-11-01\nusersPolicy: { source: lists, package: app.rbac, rule: beta }\n',
    'flags/old.yaml': flagText('old', { type: 'release', created: '2020-01-01', expires: '2020-02-01' }),
  });
  const result = await validate(pull);
  expect(result.code).toBe(1);
  expect(found(result)).toEqual([
    'error flags/beta.yaml:4 "type" must be one of release, experiment, operational, kill-switch, permission',
    'warning flags/old.yaml:12 The toggle "old" expired on 2020-02-01',
  ]);
  expect(result.summary).toMatchSnapshot();
});

it('an expired toggle alone fails nothing', async () => {
  const old = flagText('old', { type: 'release', created: '2020-01-01', expires: '2020-02-01' });
  expect(await validate(pullRequest(base, { 'flags/old.yaml': old }))).toMatchObject({
    code: 0,
    annotations: [{ level: 'warning', file: 'flags/old.yaml:12' }],
  });
});

it('tells what the pull request touches or causes, and all of it when asked', async () => {
  const broken = { ...base, 'flags/broken.yaml': flagText('broken', { type: 'nonsense' }) };
  const pull = pullRequest(broken, { 'flags/new.yaml': flagText('new') });
  const some = await validate(pull);
  expect(some).toMatchObject({ code: 0, annotations: [] });
  expect(some.summary).toContain('1 error or warning in files that this pull request leaves alone');
  const all = await validate(pull, { all: 'true' });
  expect(all).toMatchObject({ code: 1, annotations: [{ level: 'error', file: 'flags/broken.yaml:5' }] });

  // Whoever takes a source away breaks files that he does not touch.
  const config = configText({ sources: [{ id: 'other', type: 'static', path: 'audiences.yaml' }] });
  const crossed = await validate(pullRequest(base, { 'optoggles.yaml': config }));
  expect(crossed.code).toBe(1);
  expect(crossed.annotations[0]?.file).toMatch(/^flags\/beta\.yaml:/);
});

it('shows ten errors as annotations, and all of them in the log and the summary', async () => {
  const files = Array.from({ length: 25 }, (_, index) => [`flags/f${index}.yaml`, flagText(`f${index}`, { owner: 7 })]);
  const result = await validate(pullRequest(base, Object.fromEntries(files) as Record<string, string>));
  expect(result.code).toBe(1);
  expect(result.annotations).toHaveLength(10);
  for (let index = 0; index < 25; index++) {
    expect(result.log).toContain(`flags/f${index}.yaml`);
    expect(result.summary).toContain(`flags/f${index}.yaml`);
  }
});

it('a configuration in a folder has its places from the root of the checkout', async () => {
  const files = Object.fromEntries(Object.entries(base).map(([path, text]) => [`deploy/${path}`, text]));
  const pull = pullRequest(files, { 'deploy/flags/new.yaml': flagText('new', { type: 'x' }) });
  const result = await validate(pull, { config: 'deploy/optoggles.yaml' });
  expect(result.annotations[0]?.file).toBe('deploy/flags/new.yaml:5');
});

it('without the base it checks everything, and says that', async () => {
  const { workspace, ...repository } = pushed({
    ...base,
    'flags/broken.yaml': flagText('broken', { type: 'nonsense' }),
  });
  repository.git('commit', '-q', '--allow-empty', '-m', 'not a merge');
  const payload = pullPayload({ base: '1'.repeat(40), head: '2'.repeat(40) });
  const result = await run({ workspace, event: 'pull_request', payload, inputs: { command: 'validate' } });
  expect(result.code).toBe(1);
  expect(found(result)).toEqual([
    'error flags/broken.yaml:5 "type" must be one of release, experiment, operational, kill-switch, permission',
    'warning undefined The base branch is not there to compare with',
  ]);
});

it('a configuration or a flags folder that leads out of the checkout is refused', async () => {
  const pull = pullRequest(base, {});
  const other = pushed({ ...base, 'flags/secret.yaml': 'top secret' });
  symlinkSync(join(other.workspace, 'optoggles.yaml'), join(pull.workspace, 'linked.yaml'));
  expect(found(await validate(pull, { config: 'linked.yaml' }))).toEqual(['error undefined The configuration linked']);
  expect(found(await validate(pull, { config: '../optoggles.yaml' }))).toEqual(['error undefined The configuration ']);
});

it.each([
  ['push to another branch', 'push', 'refs/heads/feature', 0],
  ['a merge queue', 'merge_group', '', 0],
])('%s is validated', async (_, event, ref, code) => {
  const { workspace } = pushed(base);
  const result = await run({ workspace, event, ref, payload: payloadOf(event) });
  expect(result.code).toBe(code);
  expect(result.summary).toContain('## OPToggles: valid');
});

it.each([
  ['pull_request_target', {}, 'gives secrets to what strangers wrote'],
  ['issues', {}, 'does not say what to do'],
  ['pull_request', { command: 'destroy' }, 'cannot be "destroy"'],
  ['pull_request', { timeout: 'soon' }, 'is no duration'],
  ['pull_request', { command: 'apply' }, 'nobody has reviewed it yet'],
])('wrong use is one error and 64: %s %j', async (event, inputs, words) => {
  const pull = pullRequest(base, {});
  const result = await run({ workspace: pull.workspace, event, payload: pullPayload(pull), inputs });
  expect(result.code).toBe(64);
  expect(result.annotations).toHaveLength(1);
  expect(result.annotations[0]?.text).toContain(words);
});

it('a fault of ours names its place and quotes nothing', async () => {
  const { workspace } = pushed({ ...base, 'event.json': 'a canary, and no JSON' });
  const env = { GITHUB_EVENT_PATH: join(workspace, 'event.json') };
  const result = await run({ workspace, event: 'push', payload: {}, env });
  expect(result).toMatchObject({ code: 1, annotations: [{ level: 'error' }] });
  expect(result.annotations[0]?.text).toMatch(/^Internal error: SyntaxError .*report it/s);
  expect(result.log).not.toContain('canary');
});
