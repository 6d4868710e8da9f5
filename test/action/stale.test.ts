import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { builtAction } from '../support/action-run.ts';
import { addIssue } from '../support/fake-github/model.ts';
import { type FakeGitHub, fakeGitHub } from '../support/fake-github/server.ts';
import { configText, flagText } from '../support/project.ts';
import { pushed } from '../support/pull-request.ts';

const run = builtAction();
const bot = 'github-actions[bot]';

const past = { type: 'release', created: '2020-01-01', expires: '2020-02-01' };
const files = {
  'optoggles.yaml': configText(),
  'flags/gone.yaml': flagText('gone', { ...past, owner: 'team-a' }),
  'flags/old.yaml': flagText('old', { created: '2020-01-01', owner: 'team-a' }),
  'flags/lost.yaml': flagText('lost', { created: '2020-01-01', expires: '2999-01-01', owner: 'unknown' }),
  'flags/fine.yaml': flagText('fine', { created: '2020-01-01', expires: '2999-01-01', owner: 'team-b' }),
};

function stale(workspace: string, github: FakeGitHub) {
  return run({
    workspace,
    event: 'schedule',
    payload: { schedule: '0 6 * * 1' },
    inputs: { 'github-token': 'ghs_workflow_token' },
    apiUrl: github.url,
  });
}

function issuesOf({ repository }: FakeGitHub) {
  return repository.issues.filter(({ user }) => user.login === bot);
}

it('opens an issue per owner, changes it in place, and closes it when nothing is left', async () => {
  const github = await fakeGitHub();
  for (let number = 0; number < 120; number++) addIssue(github.repository, bot, 'another workflow', `text ${number}`);
  const forged = addIssue(
    github.repository,
    'mallory',
    'Stale',
    '<!-- optoggles stale acme optoggles.yaml team-a sha256=0 -->',
  );
  const { workspace } = pushed(files);
  const first = await stale(workspace, github);
  expect(first).toMatchObject({ code: 0, annotations: [] });
  expect(first.summary).toMatchSnapshot();
  const [one, two, ...more] = issuesOf(github).slice(120);
  expect(more).toEqual([]);
  expect([one?.title, two?.title]).toEqual(['Stale toggles of team-a (acme)', 'Stale toggles without an owner (acme)']);
  expect(one?.body).toMatchSnapshot();

  const writes = github.writes.length;
  await stale(workspace, github);
  expect(github.writes).toHaveLength(writes);

  rmSync(join(workspace, 'flags/gone.yaml'));
  writeFileSync(join(workspace, 'flags/lost.yaml'), flagText('lost', { expires: '2999-01-01', owner: 'team-a' }));
  await stale(workspace, github);
  expect(one).toMatchObject({ state: 'open' });
  expect(one?.body).not.toContain('gone');
  expect(two).toMatchObject({ state: 'closed' });
  expect(issuesOf(github)).toHaveLength(122);

  // Whoever closes it has seen it: it is opened again for another reason only.
  if (one !== undefined) one.state = 'closed';
  await stale(workspace, github);
  expect(one?.state).toBe('closed');
  writeFileSync(join(workspace, 'flags/new.yaml'), flagText('new', { ...past, owner: 'team-a' }));
  await stale(workspace, github);
  expect(one?.state).toBe('open');
  expect(forged.body).toMatch(/sha256=0 -->$/);
});

it('closes nothing while a file cannot be read', async () => {
  const github = await fakeGitHub();
  const { workspace } = pushed(files);
  await stale(workspace, github);
  writeFileSync(join(workspace, 'flags/gone.yaml'), 'key: [');
  writeFileSync(join(workspace, 'flags/old.yaml'), 'key: [');
  expect(await stale(workspace, github)).toMatchObject({
    code: 0,
    annotations: [{ level: 'warning' }, { level: 'warning' }],
  });
  expect(issuesOf(github).map(({ state }) => state)).toEqual(['open', 'open']);
  rmSync(join(workspace, 'flags'), { recursive: true });
  expect(await stale(workspace, github)).toMatchObject({ code: 1 });
  expect(issuesOf(github).map(({ state }) => state)).toEqual(['open', 'open']);
});

it.each([
  ['a repository without issues', (github: FakeGitHub) => void (github.repository.hasIssues = false), 'switched off'],
  ['a token that may not', (github: FakeGitHub) => void delete github.repository.permissions.issues, 'issues: write'],
])('%s leads to the summary and a warning', async (_, spoil, words) => {
  const github = await fakeGitHub();
  spoil(github);
  const result = await stale(pushed(files).workspace, github);
  expect(result).toMatchObject({ code: 0, annotations: [{ level: 'warning' }] });
  expect(result.annotations[0]?.text).toContain(words);
  expect(result.summary).toContain('3 stale toggles');
});

it('an owner and a file of any name make no link, no mention and no second issue', async () => {
  const github = await fakeGitHub();
  const owner = '@everyone --> <b>) [x](https://evil.example) ::error::x';
  const { workspace } = pushed({ 'optoggles.yaml': configText(), 'flags/a.yaml': flagText('a', { ...past, owner }) });
  await stale(workspace, github);
  await stale(workspace, github);
  const [issue, ...more] = issuesOf(github);
  expect(more).toEqual([]);
  expect(issue?.body.slice(issue.body.indexOf('\n'))).not.toMatch(/@everyone|<b>|evil\.example\)/);
  expect(issue?.body.split('\n')[0]).toMatch(
    /^<!-- optoggles stale acme optoggles\.yaml [^ >]+ sha256=[0-9a-f]{64} -->$/,
  );
});
