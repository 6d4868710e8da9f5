import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startFakeOpa } from '../support/fake-opa.ts';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { optoggles } from '../support/program.ts';
import { configText, flagText, listsText, project } from '../support/project.ts';

describe('64, wrong use', () => {
  it.each([
    [['nothing']],
    [[]],
    [['plan', '--frobnicate']],
    [['plan', 'surplus']],
    [['plan', '--json']],
    [['plan', '--timeout', '5']],
    [['plan', '--timeout', 'soon']],
    [['apply', '--timeout', '-1s']],
    [['apply', '--checksum']],
    [['approve']],
    [['approve', 'a1', '--source', 'lists', '--for', '5m', '--reason', 'r']],
    [['approve', '--source', 'lists']],
    [['approve', '--source', 'nobody', '--for', '5m', '--reason', 'r']],
    [['run', '--only', 'beta']],
  ])('optoggles %j', async args => {
    const { code, stdout, stderr } = await optoggles(project(), args);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toMatch(/\S/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it.each([[['nothing']], [['plan', '--frobnicate']], [['plan', '--json']], [['off']]])(
    'optoggles %j says where to look',
    async args => {
      const { stderr } = await optoggles(project(), args);
      expect(stderr).toMatch(/^error: .+\noptoggles --help tells the commands, optoggles COMMAND --help the options/);
    },
  );

  it.each([
    [
      ['plan', '--timeout', '5'],
      '--timeout: "5" is no duration. Write a whole number and its unit, up to 99h: 90s, 5m, 1h.\n',
    ],
    [
      ['off', 'beta', '--for', '168h'],
      '--for: "168h" is no duration. Write a whole number and its unit, up to 99h: 90s, 5m, 1h.\n',
    ],
  ])('optoggles %j names the option', async (args, said) => {
    expect((await optoggles(project(), args)).stderr).toBe(said);
  });

  it('an approval of what is not blocked', async () => {
    const folder = project();
    const { code, stderr } = await optoggles(folder, ['apply', '--approve', 'nothing-of-that-id']);
    expect(code).toBe(64);
    expect(stderr).toContain('Nothing with the id nothing-of-that-id is blocked. optoggles plan shows');
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    const later = await optoggles(folder, ['approve', 'nothing-of-that-id']);
    expect(later.code).toBe(64);
    expect(later.stderr).toContain('Nothing with the id nothing-of-that-id is blocked.');
  });

  it('a toggle in --only that there is not', async () => {
    const { code, stderr } = await optoggles(project(), ['plan', '--only', 'bet']);
    expect(code).toBe(64);
    expect(stderr).toMatch(/bet\b.*beta/);
  });
});

describe('1, failed', () => {
  it.each([
    [['validate', '--json', 'nowhere/result.json'], 'nowhere/result.json cannot be written (ENOENT).'],
    [['history', '--export', 'nowhere/audit.jsonl'], 'nowhere/audit.jsonl cannot be written (ENOENT).'],
    [['snapshot', '--out', 'optoggles.yaml/snapshot'], 'optoggles.yaml/snapshot cannot be written (EEXIST).'],
  ])('a result that cannot be written: %j', async (args, said) => {
    const folder = project();
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    const { code, stderr } = await optoggles(folder, args, { OPTOGGLES_SNAPSHOT_KEY: 'k'.repeat(40) });
    expect(code).toBe(1);
    expect(stderr).toContain(`${said} Name a file in a folder that is there`);
  });

  it.each([['validate'], ['plan'], ['apply']])('%s with an invalid flag file', async command => {
    const folder = project({ files: { 'flags/broken.yaml': 'key: broken\nname: [\n' } });
    const { code, stderr } = await optoggles(folder, [command]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^flags\/broken\.yaml:\d+:\d+: .+\. .+\.$/m);
  });

  it('an invalid file does not keep the others from being applied', async () => {
    const folder = project({ files: { 'flags/broken.yaml': 'nothing: true\n' } });
    const { code, stdout } = await optoggles(folder, ['apply']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^beta\s+local\s+production\s+turn on\s+2\s+\+2\s+done$/m);
  });

  it.each([['plan'], ['apply']])('%s with a target that is unreachable until the time limit', async command => {
    const folder = project({ config: { targets: [restTarget('http://127.0.0.1:1/toggles', { read: true })] } });
    const { code, stderr } = await optoggles(folder, [command, '--timeout', '2s']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/target rest: .*127\.0\.0\.1:1\b/);
  });

  it.each([['plan'], ['apply']])('%s with a source that is unreachable until the time limit', async command => {
    const sources = [{ id: 'lists', type: 'opa', url: 'http://127.0.0.1:1' }];
    const { code, stderr } = await optoggles(project({ config: { sources } }), [command, '--timeout', '2s']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/source lists: .*127\.0\.0\.1:1\b/);
  });

  it.each([['plan'], ['apply']])('%s with a source that refuses the token until the time limit', async command => {
    const opa = await startFakeOpa({ token: 'the-right-one' });
    onTestFinished(() => opa.close());
    const sources = [{ id: 'lists', type: 'opa', url: opa.url, token: 'canary-token' }];
    const { code, stderr } = await optoggles(project({ config: { sources } }), [command, '--timeout', '2s']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^source lists: .*answered 401.*OPA refuses the token.*token of source lists/m);
    expect(stderr).not.toContain('canary-token');
  });

  it.each([['plan'], ['apply']])('%s with a source that hangs: it ends at the time limit', async command => {
    const server = createServer(() => {});
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const sources = [{ id: 'lists', type: 'opa', url: `http://127.0.0.1:${port}` }];
    const { code, stderr } = await optoggles(project({ config: { sources } }), [command, '--timeout', '2s']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^source lists: it has not answered in time\. See what keeps it busy/m);
  });

  it('a write that fails', async () => {
    const api = await openFakeRestApi();
    onTestFinished(() => api.close());
    api.fault({ kind: 'status', status: 503 }, { method: 'PATCH' });
    const folder = project({ config: { targets: [restTarget(api.url)] } });
    const { code, stderr, stdout } = await optoggles(folder, ['apply', '--timeout', '2s']);
    expect(code).toBe(1);
    expect(stderr.match(/turn on|answered 503/g)?.length).toBeGreaterThan(1);
    // Tried more than once, told once.
    expect(stdout.match(/\bfailed\b.*503/g)).toHaveLength(1);
    expect(stdout).toContain('1 failed');
  });

  it('0: a write that fails at first is not told as failed', async () => {
    const api = await openFakeRestApi();
    onTestFinished(() => api.close());
    api.fault({ kind: 'status', status: 503 }, { method: 'PATCH', times: 1 });
    const folder = project({ config: { targets: [restTarget(api.url)] } });
    const { code, stdout } = await optoggles(folder, ['apply', '--timeout', '20s']);
    expect(code).toBe(0);
    expect(stdout).not.toContain('failed');
    expect(stdout).toContain('2 changes done (+2 −0 users)');
  });

  it('4 and not 1: a source that is reached and answers nonsense', async () => {
    const server = createServer((_, response) => response.end('<html>'));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const sources = [{ id: 'lists', type: 'opa', url: `http://127.0.0.1:${port}` }];
    const folder = project({ config: { sources } });
    const { code, stdout } = await optoggles(folder, ['apply', '--timeout', '2s']);
    expect(code).toBe(4);
    expect(stdout).toMatch(/beta local production \(failed\): .*something else seems to answer there/);
  });

  it('a target that cannot tell what it holds', async () => {
    const folder = project({ files: { 'out/production.json': '{' } });
    const { code, stderr } = await optoggles(folder, ['apply', '--timeout', '2s']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^out\/production\.json:1:2: target local: .+ Correct the flag file/m);
  });

  it('a checksum of another plan', async () => {
    const folder = project();
    const { code, stderr } = await optoggles(folder, ['apply', '--checksum', 'not-this-one']);
    expect(code).toBe(1);
    expect(stderr).toContain('The changes are not those that were reviewed');
  });
});

describe('3, blocked; also with changes beside it', () => {
  it('plan --detailed-exitcode and apply say 3, plan says 0', async () => {
    const folder = await blockedProject();
    expect((await optoggles(folder, ['plan', '--detailed-exitcode'])).code).toBe(3);
    expect((await optoggles(folder, ['plan'])).code).toBe(0);
    const { code, stdout } = await optoggles(folder, ['apply']);
    expect(code).toBe(3);
    expect(stdout).toContain('Blocked by the guard');
    expect(stdout).toMatch(/optoggles approve [0-9a-z]+/);
  });
});

describe('4, held', () => {
  it('plan --detailed-exitcode and apply say 4, plan says 0', async () => {
    const folder = project();
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    writeFileSync(join(folder, 'audiences.yaml'), listsText({}));
    expect((await optoggles(folder, ['plan', '--detailed-exitcode'])).code).toBe(4);
    expect((await optoggles(folder, ['plan'])).code).toBe(0);
    const { code, stdout } = await optoggles(folder, ['apply']);
    expect(code).toBe(4);
    expect(stdout).toContain('Held');
  });

  it('a rule that is undefined from the start is created with nobody, and held', async () => {
    const folder = project({ lists: {} });
    const { code, stdout } = await optoggles(folder, ['apply']);
    expect(code).toBe(4);
    expect(stdout).toMatch(/^beta\s+local\s+production\s+create/m);
    expect((await optoggles(folder, ['apply'])).code).toBe(4);
  });
});

describe('2, pending', () => {
  it('only from plan --detailed-exitcode', async () => {
    const folder = project();
    expect((await optoggles(folder, ['plan', '--detailed-exitcode'])).code).toBe(2);
    expect((await optoggles(folder, ['plan'])).code).toBe(0);
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    expect((await optoggles(folder, ['plan', '--detailed-exitcode'])).code).toBe(0);
  });
});

describe('0', () => {
  it.each([[['--help']], [['plan', '--help']], [['--version']]])('%j', async args => {
    const { code, stdout, stderr } = await optoggles(project(), args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/\S/);
  });

  it('a removed toggle is closed, the folder may then be empty', async () => {
    const flags = { beta: {}, gamma: {} };
    const lists = { 'app.rbac.beta': ['alice'], 'app.rbac.gamma': ['bob'] };
    const folder = project({ flags, lists });
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    rmSync(join(folder, 'flags/gamma.yaml'));
    const { code, stdout } = await optoggles(folder, ['apply']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^gamma\s+local\s+production\s+close/m);
    writeFileSync(join(folder, 'flags/gamma.yaml'), flagText('gamma'));
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
  });
});

describe('a configuration that cannot be used', () => {
  it.each([
    ['missing', undefined, /does not exist.*--config/],
    ['no YAML', '{ version: 1', /^optoggles\.yaml:\d+:\d+: /],
    [
      'a duplicate key',
      'version: 1\nversion: 1\n',
      /^optoggles\.yaml:2:1: The key "version" is already given at 1:1\. /m,
    ],
    ['an unknown key', configText({ instances: 'x' }), /"?instances"?.*instance/],
    ['an unknown kind', configText({ targets: [{ name: 'x', type: 'flagdd' }] }), /flagdd.*flagd/],
    ['a secret that is not set', configText({ callbackSecret: '${NOT_SET}' }), /NOT_SET/],
  ])('%s: one clear line a problem, exit 1', async (_, text, says) => {
    const folder = project(text === undefined ? {} : { files: { 'optoggles.yaml': text } });
    for (const command of ['plan', 'apply', 'run', 'status']) {
      const config = text === undefined ? ['--config', 'nowhere.yaml'] : [];
      const { code, stdout, stderr } = await optoggles(folder, [command, ...config]);
      expect({ command, code, stdout }).toEqual({ command, code: 1, stdout: '' });
      expect(stderr).toMatch(says);
      expect(stderr).not.toMatch(/\n\s+at /);
    }
  });

  it('none at all', async () => {
    const folder = project();
    rmSync(join(folder, 'optoggles.yaml'));
    const { code, stderr } = await optoggles(folder, ['plan']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^There is no configuration: looked for .*--config\.\n$/);
  });
});

/** Ten had it; now one does: over the guard. Another toggle has a harmless change. */
async function blockedProject(): Promise<string> {
  const many = Array.from({ length: 10 }, (_, index) => `user${index}`);
  const folder = project({
    flags: { beta: {}, gamma: {} },
    lists: { 'app.rbac.beta': many, 'app.rbac.gamma': ['alice'] },
  });
  expect((await optoggles(folder, ['apply'])).code).toBe(0);
  const lists = { 'app.rbac.beta': ['user0'], 'app.rbac.gamma': ['alice', 'bob'] };
  writeFileSync(join(folder, 'audiences.yaml'), listsText(lists));
  return folder;
}

function restTarget(endpointUrl: string, more: Readonly<Record<string, unknown>> = {}): object {
  return { name: 'rest', type: 'restapi', endpointUrl, environment: 'production', ...more };
}
