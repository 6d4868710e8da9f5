import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { builtAction, pullPayload } from '../support/action-run.ts';
import { configText, flagText, listsText } from '../support/project.ts';
import { type PullRequestCheckout, pullRequest } from '../support/pull-request.ts';
import { tempFolder } from '../support/temp-folder.ts';

const run = builtAction();
const fixtures = join(import.meta.dirname, 'fixtures');
/** `opa build -t wasm -e optoggles -o ../rules.tar.gz rules.rego data.json`, in `fixtures/rules`. */
const packed = readFileSync(join(fixtures, 'rules.tar.gz'));
const rego = readFileSync(join(fixtures, 'rules/rules.rego'));
const data = readFileSync(join(fixtures, 'rules/data.json'));

const killSwitch = (rule: string) =>
  flagText('stop', { type: 'kill-switch', usersPolicy: { source: 'lists', package: 'app.rbac', rule } });
const base = {
  'optoggles.yaml': configText(),
  'audiences.yaml': listsText({ 'app.rbac.staff': ['alice', 'bob'], 'app.rbac.all': ['alice', 'carol'] }),
  'flags/stop.yaml': killSwitch('staff'),
};

function plan(pull: PullRequestCheckout, rules: string, env: Readonly<Record<string, string>> = {}) {
  return run({
    workspace: pull.workspace,
    event: 'pull_request',
    payload: pullPayload(pull),
    inputs: { command: 'plan', timeout: '20s', rules },
    env,
  });
}

it('a plan that a rule denies fails the check with its message; one that passes does not', async () => {
  const files = { ...base, 'rules.tar.gz': packed };
  const denied = await plan(pullRequest(files, { 'flags/stop.yaml': killSwitch('all') }), 'rules.tar.gz');
  expect(denied.code).toBe(1);
  expect(denied.annotations.map(({ level, text }) => `${level} ${text}`)).toEqual([
    'error stop: somebody outside staff would have this kill switch So say the rules in rules.tar.gz on the base branch.',
  ]);
  expect(denied.summary).toContain('**Denied by rules**\n> - it says: stop&#58; somebody outside staff');
  expect(denied.summary + denied.log).not.toContain('carol');

  const allowed = await plan(pullRequest(files, { 'flags/stop.yaml': killSwitch('staff') }), 'rules.tar.gz');
  expect(allowed).toMatchObject({ code: 0, annotations: [] });
});

it('the rules are those of the base branch, whatever the pull request does to them', async () => {
  const files = { ...base, 'rules.tar.gz': packed };
  const gone = { 'flags/stop.yaml': killSwitch('all'), 'rules.tar.gz': null };
  expect(await plan(pullRequest(files, gone), 'rules.tar.gz')).toMatchObject({ code: 1 });
  const fresh = await plan(
    pullRequest(base, { 'rules.tar.gz': packed, 'flags/stop.yaml': killSwitch('all') }),
    'rules.tar.gz',
  );
  expect(fresh).toMatchObject({ code: 0, annotations: [{ level: 'warning' }] });
  expect(fresh.annotations[0]?.text).toContain('are not on the base branch');
});

it('rules that cannot be asked allow nothing', async () => {
  const broken = await plan(pullRequest({ ...base, 'rules.tar.gz': 'no bundle' }, {}), 'rules.tar.gz');
  expect(broken).toMatchObject({ code: 1, annotations: [{ level: 'error' }] });
  // Another package than ours.
  const other = readFileSync(join(import.meta.dirname, '../audience/bundle/fixtures/heavy.tar.gz'));
  const without = await plan(pullRequest({ ...base, 'rules.tar.gz': other }, {}), 'rules.tar.gz');
  expect(without.code).toBe(1);
  expect(without.annotations[0]?.text).toContain('neither "deny" nor "warn"');
  const folder = await plan(pullRequest({ ...base, 'rules/rules.rego': rego }, {}), 'rules', { PATH: tempFolder() });
  expect(folder.code).toBe(1);
  expect(folder.annotations[0]?.text).toContain('there is no "opa" to compile them');
});

/** An `opa` that gives this bundle, whatever it is asked to build. */
function fakeOpa(bundle: string): Readonly<Record<string, string>> {
  const folder = tempFolder();
  const script = `#!/bin/sh
if [ "$1" = version ]; then echo "Version: 1.22.0"; exit 0; fi
while [ $# -gt 0 ]; do if [ "$1" = -o ]; then cp "${bundle}" "$2"; exit 0; fi; shift; done
exit 1
`;
  writeFileSync(join(folder, 'opa'), script, { mode: 0o755 });
  return { PATH: `${folder}:/usr/bin:/bin` };
}

it('a folder of Rego is compiled where there is opa', async () => {
  const files = { ...base, 'rules/rules.rego': rego, 'rules/data.json': data };
  const env = fakeOpa(join(fixtures, 'rules.tar.gz'));
  const pull = pullRequest(files, { 'flags/stop.yaml': killSwitch('all') });
  expect(await plan(pull, 'rules', env)).toMatchObject({ code: 1, annotations: [{ level: 'error' }] });
});

it('a bundle that is not what opa builds of the files beside it is refused by validate', async () => {
  const source = { id: 'lists', type: 'bundle', path: 'rules/rules.tar.gz' };
  const config = configText({ sources: [source] });
  const files = { ...base, 'optoggles.yaml': config, 'rules/rules.rego': rego, 'rules/rules.tar.gz': packed };
  const pull = pullRequest(files, {});
  const validate = (env: Readonly<Record<string, string>>) =>
    run({
      workspace: pull.workspace,
      event: 'pull_request',
      payload: pullPayload(pull),
      inputs: { command: 'validate' },
      env,
    });
  expect(await validate(fakeOpa(join(fixtures, 'rules.tar.gz')))).toMatchObject({ code: 0, annotations: [] });
  const heavy = join(import.meta.dirname, '../audience/bundle/fixtures/heavy.tar.gz');
  expect(await validate(fakeOpa(heavy))).toMatchObject({
    code: 1,
    annotations: [{ level: 'error', file: 'rules/rules.tar.gz:1' }],
  });
  expect(await validate({ PATH: tempFolder() })).toMatchObject({ code: 0, annotations: [] });
});

it('rules are told when not every audience is known', async () => {
  const opa = { id: 'lists', type: 'opa', url: 'http://127.0.0.1:9' };
  const files = { ...base, 'optoggles.yaml': configText({ sources: [opa] }), 'rules.tar.gz': packed };
  const pull = pullRequest(files, { 'flags/stop.yaml': killSwitch('all') });
  const result = await run({
    workspace: pull.workspace,
    event: 'pull_request',
    payload: pullPayload(pull),
    inputs: { command: 'plan', timeout: '2s', rules: 'rules.tar.gz' },
  });
  expect(result.code).toBe(1);
  expect(result.annotations.filter(({ level }) => level === 'error')).toMatchObject([
    { text: expect.stringContaining('not every audience is known') },
  ]);
});
