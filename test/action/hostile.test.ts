import { readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { builtAction, pullPayload, type StepResult } from '../support/action-run.ts';
import { fakeGitHub } from '../support/fake-github/server.ts';
import { configText, flagText, listsText } from '../support/project.ts';
import { type PullRequestCheckout, pullRequest } from '../support/pull-request.ts';
import { tempFolder } from '../support/temp-folder.ts';

const run = builtAction();
const token = 'ghs_workflow_token';

const base = {
  'optoggles.yaml': configText(),
  'audiences.yaml': listsText({ 'app.rbac.beta': ['alice'] }),
  'flags/beta.yaml': flagText('beta'),
};

/** What a pull request starts by itself: validate, then plan. */
async function both(pull: PullRequestCheckout, inputs: Readonly<Record<string, string>> = {}) {
  const github = await fakeGitHub();
  const result = await run({
    workspace: pull.workspace,
    event: 'pull_request',
    payload: pullPayload(pull),
    inputs: { 'github-token': token, timeout: '20s', ...inputs },
    apiUrl: github.url,
  });
  return { ...result, comment: github.repository.comments.get(2)?.[0]?.body ?? '' };
}

/** Every workflow command in the log is one of ours. */
function expectInert({ log, summary }: StepResult, comment: string): void {
  for (const line of log.split('\n')) {
    if (!line.trimStart().startsWith('::')) expect(line).not.toMatch(/::\w|##\[/);
    else
      expect(line).toMatch(
        /^::(error|warning) (file=[^:]+,line=\d+,col=\d+,)?title=OPToggles%3A [a-z-]+(,file=[^:]+,line=\d+,col=\d+)?::|^::add-mask::ghs_workflow_token$/,
      );
  }
  for (const text of [summary, comment.slice(comment.indexOf('\n'))]) {
    expect(text).not.toMatch(/@(everyone|octocat|acme)/);
    expect(text).not.toMatch(/<(?!\/?(details|summary)>)/);
    expect(text).not.toMatch(/https?:\/\//);
    expect(text).not.toMatch(/\]\(/);
    expect(text).not.toMatch(/^::/m);
  }
}

const attacks = [
  '@everyone @acme/admins',
  '<img src=x onerror=alert(1)><!-- optoggles plan acme',
  '[click](https://evil.example) ![x](http://evil.example/p.png) https://evil.example www.evil.example',
  '::error::pwned\n::add-mask::e\n##[error]pwned\n::set-output name=checksum::0',
  '| a | b |\n| - | - |\n```\n# heading\n\u202e\u0007\u001b[31m',
  'GHSA-xxxx #1 GH-1 octocat/hello#1 <@1>',
];

it('injection in every field shows as text, wherever it comes out', async () => {
  const text = attacks.join(' ');
  const flags = attacks.flatMap((attack, index) => [
    [`flags/good${index}.yaml`, flagText(`good${index}`, { name: attack, description: attack, owner: attack })],
    [`flags/bad${index}.yaml`, flagText(`bad${index}`, { type: attack, [attack]: attack, expires: attack })],
    [
      `flags/policy${index}.yaml`,
      flagText(`policy${index}`, { usersPolicy: { source: attack, package: attack, rule: attack } }),
    ],
  ]);
  const pull = pullRequest(base, {
    ...(Object.fromEntries(flags) as Record<string, string>),
    'flags/@everyone <b>.yaml': flagText('x'),
    'audiences.yaml': listsText({ 'app.rbac.beta': ['alice', text], [`app.rbac.${text}`]: [text] }),
  });
  const result = await both(pull, { 'show-users': 'names' });
  expect(result.code).toBe(1);
  expect(result.summary).toContain('good0');
  expectInert(result, result.comment);
});

it('a configuration full of injection is refused in words that do nothing', async () => {
  const text = attacks.join(' ');
  const config = configText({
    instance: text,
    [text]: text,
    sources: [{ id: text, type: text, url: `https://evil.example/${text}` }],
  });
  const result = await both(pullRequest(base, { 'optoggles.yaml': config }));
  expect(result.code).toBe(1);
  expectInert(result, result.comment);
});

it.each([
  ['flags/secret.yaml', '{secret}/secret.yaml'],
  ['flags/more', '{secret}'],
  ['flags/git.yaml', '../.git/config'],
  ['flags/zero.yaml', '/dev/zero'],
  ['flags/self.yaml', 'self.yaml'],
  ['audiences.yaml', '{secret}/lists.yaml'],
  ['audiences.yaml', '.git/config'],
  ['audiences.yaml', '/dev/zero'],
  ['optoggles.yaml', '{secret}/lists.yaml'],
  ['optoggles.yaml', '/dev/zero'],
])('a link %s to %s shows nothing of what it leads to', async (link, to) => {
  const secret = tempFolder({
    'secret.yaml': 'key: topsecret\ntopsecret: 1\n',
    'lists.yaml': listsText({ 'app.rbac.beta': ['topsecret'] }),
  });
  const pull = pullRequest(base, {});
  pull.git('checkout', '-q', 'change');
  pull.git('rm', '-q', '--cached', '--ignore-unmatch', link);
  pull.git('config', 'http.extraheader', 'topsecret');
  const target = join(pull.workspace, link);
  rmSync(target, { force: true });
  symlinkSync(to.replace('{secret}', secret), target);
  pull.git('add', '-A');
  pull.git('commit', '-q', '-m', 'a link');
  const head = pull.git('rev-parse', 'HEAD');
  pull.git('checkout', '-q', '--detach', pull.base);
  pull.git('merge', '-q', '--no-ff', '-m', 'merge', head);
  const result = await both({ ...pull, head }, { 'show-users': 'names' });
  expect(result.code).toBe(1);
  expect(result.annotations.some(({ level }) => level === 'error')).toBe(true);
  expect(result.log + result.summary + result.comment).not.toMatch(/topsecret|extraheader/);
});

it('YAML bombs, deep nesting and large files are errors, soon', async () => {
  const layers = Array.from(
    { length: 20 },
    (_, index) => `a${index + 1}: &a${index + 1} [${Array(9).fill(`*a${index}`).join(', ')}]`,
  );
  const bomb = `a0: &a0 x\n${layers.join('\n')}\n`;
  const result = await both(
    pullRequest(base, {
      'flags/bomb.yaml': bomb,
      'flags/deep.yaml': `key: ${'['.repeat(100_000)}`,
      'flags/large.yaml': `key: large\nname: ${'x'.repeat(400_000)}\n`,
      'flags/binary.yaml': '\u0000\u0001\u0002',
      'audiences.yaml': bomb,
    }),
  );
  expect(result.code).toBe(1);
  for (const name of ['bomb', 'deep', 'large', 'binary']) expect(result.summary).toContain(`flags/${name}.yaml`);
});

it('a bomb in place of the configuration is an error too', async () => {
  const bomb = `version: 1\nx: ${'['.repeat(50_000)}`;
  const result = await both(pullRequest(base, { 'optoggles.yaml': bomb }));
  expect(result.code).toBe(1);
  expectInert(result, result.comment);
});

it('10,000 files are looked at in time', async () => {
  const files = Array.from({ length: 10_000 }, (_, index) => [`flags/f${index}.yaml`, flagText(`f${index}`)]);
  const result = await both(pullRequest(base, Object.fromEntries(files) as Record<string, string>), { timeout: '60s' });
  expect(result.code).toBe(0);
  expect(result.summary).toContain('10001 toggles');
  expect(result.comment.length).toBeLessThanOrEqual(65_536);
  expect(Buffer.byteLength(result.summary)).toBeLessThanOrEqual(1_024 * 1_024);
}, 300_000);

it('a policy that never ends is ended', async () => {
  const fixtures = join(import.meta.dirname, '../audience/bundle/fixtures');
  const source = { id: 'lists', type: 'bundle', path: 'bundle.tar.gz', limits: { time: '2s' } };
  const policy = (rule: string) => ({ usersPolicy: { source: 'lists', package: 'heavy', rule } });
  const bundle = readFileSync(join(fixtures, 'heavy.tar.gz'));
  const files = { ...base, 'optoggles.yaml': configText({ sources: [source] }), 'bundle.tar.gz': bundle };
  const pull = pullRequest(
    { ...files, 'flags/beta.yaml': flagText('beta', policy('fine')) },
    { 'flags/beta.yaml': flagText('beta', policy('slow')), 'flags/more.yaml': flagText('more', policy('fine')) },
  );
  const result = await both(pull, { timeout: '15s' });
  expect(result.code).toBe(0);
  expect(result.summary).toContain('took longer than 2s and was ended');
  expect(result.summary).toMatch(/`more` .*\+1 by definition/);
});
