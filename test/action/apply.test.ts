import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { builtAction, payloadOf } from '../support/action-run.ts';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { configText, flagText, listsText } from '../support/project.ts';
import { pushed } from '../support/pull-request.ts';

const run = builtAction();

const files = {
  'optoggles.yaml': configText(),
  'audiences.yaml': listsText({ 'app.rbac.beta': ['alice', 'bob'], 'app.rbac.new': ['carol'] }),
  'flags/beta.yaml': flagText('beta'),
  'flags/new.yaml': flagText('new'),
};

/** What a push to the default branch starts. */
function push(
  workspace: string,
  inputs: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
) {
  const payload = payloadOf('push');
  return run({
    workspace,
    event: 'push',
    ref: 'refs/heads/master',
    payload,
    env,
    inputs: { timeout: '20s', ...inputs },
  });
}

it('a push to the default branch is applied: the full state of what was checked out', async () => {
  const { workspace } = pushed(files);
  const first = await push(workspace);
  expect(first).toMatchObject({
    code: 0,
    annotations: [],
    outputs: { changed: 'true', granted: '3', revoked: '0', blocked: '0' },
  });
  expect(first.summary).toMatchSnapshot();
  const flags = JSON.parse(readFileSync(join(workspace, 'out/production.json'), 'utf8')) as { flags: object };
  expect(Object.keys(flags.flags)).toEqual(['beta', 'new']);
  const second = await push(workspace);
  expect(second).toMatchObject({ code: 0, outputs: { changed: 'false', granted: '0' } });
  expect(second.summary).toContain('Nothing to do');
});

it('a checksum lets through only what was reviewed', async () => {
  const { workspace } = pushed(files);
  const planned = await run({ workspace, event: 'workflow_dispatch', payload: {}, inputs: { command: 'plan' } });
  writeFileSync(
    join(workspace, 'flags/third.yaml'),
    flagText('third', { usersPolicy: { source: 'lists', package: 'app.rbac', rule: 'new' } }),
  );
  const refused = await push(workspace, { checksum: planned.outputs.checksum ?? '' });
  expect(refused).toMatchObject({ code: 1, annotations: [{ level: 'error' }] });
  expect(refused.annotations[0]?.text).toContain('not those that were reviewed');
  const again = await run({ workspace, event: 'workflow_dispatch', payload: {}, inputs: { command: 'plan' } });
  expect(await push(workspace, { checksum: again.outputs.checksum ?? '' })).toMatchObject({ code: 0 });
});

it('what the guard blocks fails the step, on the file of its toggle, until somebody approves it', async () => {
  const { workspace } = pushed(files);
  await push(workspace);
  writeFileSync(join(workspace, 'audiences.yaml'), listsText({ 'app.rbac.beta': [], 'app.rbac.new': ['carol'] }));
  const blocked = await push(workspace);
  expect(blocked).toMatchObject({ code: 3, annotations: [{ level: 'error', file: 'flags/beta.yaml:1' }] });
  expect(blocked.annotations[0]?.text).not.toContain('optoggles approve');
  const [, id = ''] = /"approve: ([0-9a-z-]+)"/.exec(blocked.annotations[0]?.text ?? '') ?? [];
  const approved = await push(workspace, { approve: id });
  expect(approved).toMatchObject({ code: 0, outputs: { revoked: '2', blocked: '0' } });
  expect(await push(workspace, { approve: 'nonsense' })).toMatchObject({ code: 64 });
});

it('a partial failure is told toggle by toggle; the rest is done', async () => {
  const api = await openFakeRestApi();
  const secret = 'correct-horse-battery';
  const target = {
    name: 'rest',
    type: 'restapi',
    endpointUrl: api.url,
    environment: 'production',
    extraHeaders: { 'x-token': '${REST_TOKEN}' },
  };
  const { workspace } = pushed({ ...files, 'optoggles.yaml': configText({ targets: [target] }) });
  api.fault({ kind: 'status', status: 500, body: `<b>::error::@all ${secret}</b>` }, { key: 'beta', method: 'PATCH' });
  const result = await push(workspace, { timeout: '4s' }, { REST_TOKEN: secret });
  await api.close();
  expect(result.code).toBe(1);
  expect(result.annotations.map(({ level, file }) => `${level} ${file}`)).toEqual(['error flags/beta.yaml:1']);
  expect(api.serves('new', 'carol')).toBe(true);
  expect(api.serves('beta', 'alice')).not.toBe(true);
  expect(result.outputs).toMatchObject({ changed: 'true', granted: '1' });
  expect(result.masks).toContain(secret);
  expect(result.log.split('\n').filter(line => line.includes(secret) && !line.startsWith('::add-mask::'))).toEqual([]);
  expect(result.summary).not.toContain(secret);
});

it('missing secrets are an error with their place, and nothing is written', async () => {
  const flagd = { name: 'local', type: 'restapi', endpointUrl: 'http://127.0.0.1:9', environment: 'production' };
  const targets = [{ ...flagd, extraHeaders: { 'x-token': '${REST_TOKEN}' } }];
  const { workspace } = pushed({ ...files, 'optoggles.yaml': configText({ targets }) });
  const result = await push(workspace);
  expect(result.code).toBe(1);
  expect(result.annotations).toMatchObject([{ level: 'error', file: expect.stringMatching(/^optoggles\.yaml:\d+$/) }]);
});
