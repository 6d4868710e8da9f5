import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { optoggles } from '../support/program.ts';
import { flagText, listsText, project } from '../support/project.ts';

describe('plan', () => {
  it('writes nothing, neither into the target nor beside the configuration', async () => {
    const folder = project();
    const before = treeOf(folder);
    expect((await optoggles(folder, ['plan'])).code).toBe(0);
    expect(treeOf(folder)).toEqual(before);
  });

  it('shows counts, and names only with --show-users', async () => {
    const folder = project();
    const { stdout } = await optoggles(folder, ['plan']);
    expect(stdout).toMatch(/^beta\s+local\s+production\s+turn on\s+0 → 2\s+\+2\s+definition$/m);
    expect(stdout).not.toMatch(/alice|bob/);
    const named = await optoggles(folder, ['plan', '--show-users']);
    expect(named.stdout).toMatch(/\+ alice, bob/);
  });

  it('stdout is the result and stderr the log', async () => {
    const folder = project();
    const { stdout, stderr } = await optoggles(folder, ['plan', '--json', '-']);
    expect(JSON.parse(stdout)).toMatchObject({ version: 1 });
    for (const line of stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg');
  });

  it('the same input gives the same bytes, whatever the order of members and files', async () => {
    const flags = { beta: {}, gamma: {}, alpha: { usersPolicy: policyOf('beta') } };
    const lists = { 'app.rbac.beta': ['alice', 'bob', 'ünal'], 'app.rbac.gamma': ['carol'] };
    const turned = { 'app.rbac.gamma': ['carol'], 'app.rbac.beta': ['ünal', 'alice', 'bob', 'alice'] };
    const one = project({ flags, lists });
    const other = project({ flags: Object.fromEntries(Object.entries(flags).toReversed()), lists: turned });
    const plans = [];
    for (const folder of [one, one, other]) {
      plans.push((await optoggles(folder, ['plan', '--json', '-', '--show-users'])).stdout);
    }
    expect(plans[1]).toBe(plans[0]);
    // Only where the answer comes from differs: the bytes of the file.
    expect(withoutRevision(plans[2])).toBe(withoutRevision(plans[0]));
  });

  it('--json FILE beside the table', async () => {
    const folder = project();
    const { stdout } = await optoggles(folder, ['plan', '--json', 'plan.json']);
    expect(stdout).toContain('checksum ');
    expect(JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8'))).toMatchObject({ version: 1 });
  });

  it('--only shows these toggles and no removals', async () => {
    const folder = await appliedTwo();
    rmSync(join(folder, 'flags/gamma.yaml'));
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': ['alice', 'bob'] }));
    expect((await optoggles(folder, ['plan'])).stdout).toMatch(/^gamma .* close/m);
    const { stdout, code } = await optoggles(folder, ['plan', '--only', 'beta', '--detailed-exitcode']);
    expect(code).toBe(2);
    expect(stdout).toMatch(/^beta /m);
    expect(stdout).not.toContain('gamma');
  });

  it('--only leaves the other toggles alone in apply too', async () => {
    const folder = await appliedTwo();
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': ['bob'], 'app.rbac.gamma': ['bob'] }));
    const { stdout } = await optoggles(folder, ['apply', '--only', 'beta']);
    expect(stdout).toContain('beta');
    expect(stdout).not.toContain('gamma');
    const rest = await optoggles(folder, ['plan']);
    expect(rest.stdout).toMatch(/^gamma /m);
    expect(rest.stdout).not.toMatch(/^beta /m);
  });
});

describe('apply', () => {
  it('makes the target agree; the next one has nothing to do and writes nothing', async () => {
    const folder = project();
    const first = await optoggles(folder, ['apply']);
    expect(first.stdout).toMatch(/^2 changes done \(\+2 −0 users\)$/m);
    const out = join(folder, 'out/production.json');
    const before = { text: readFileSync(out, 'utf8'), ...stampOf(out) };
    expect(before.text).toContain('alice');
    const second = await optoggles(folder, ['apply']);
    expect(second).toMatchObject({ code: 0, stdout: 'Nothing to do\n' });
    expect({ text: readFileSync(out, 'utf8'), ...stampOf(out) }).toEqual(before);
  });

  it('--json - says what was done and what is left, without names', async () => {
    const { stdout } = await optoggles(project(), ['apply', '--json', '-']);
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, done: [{ result: 'done' }, { result: 'done' }] });
    expect(stdout).not.toMatch(/alice|bob/);
  });

  it('--checksum: the reviewed plan goes through the guard, another is refused', async () => {
    const many = Array.from({ length: 20 }, (_, index) => `user${index}`);
    const folder = project({ lists: { 'app.rbac.beta': many, 'app.rbac.few': ['user0'] } });
    await optoggles(folder, ['apply']);
    writeFileSync(join(folder, 'flags/beta.yaml'), flagText('beta', { usersPolicy: policyOf('few') }));
    const plan = await optoggles(folder, ['plan', '--detailed-exitcode']);
    expect(plan.code).toBe(3);
    const checksum = /^checksum (\S+)$/m.exec(plan.stdout)?.[1] ?? '';

    writeFileSync(join(folder, 'flags/beta.yaml'), flagText('beta', { usersPolicy: policyOf('few'), name: 'Another' }));
    const other = await optoggles(folder, ['apply', '--checksum', checksum]);
    expect(other.code).toBe(1);
    expect(other.stdout).not.toContain('done');

    writeFileSync(join(folder, 'flags/beta.yaml'), flagText('beta', { usersPolicy: policyOf('few') }));
    const right = await optoggles(folder, ['apply', '--checksum', checksum]);
    expect(right).toMatchObject({ code: 0, stdout: expect.stringContaining('−19') });
  });

  it('--approve ID lets one block through', async () => {
    const many = Array.from({ length: 20 }, (_, index) => `user${index}`);
    const folder = project({ lists: { 'app.rbac.beta': many } });
    await optoggles(folder, ['apply']);
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': ['user0'] }));
    const blocked = await optoggles(folder, ['apply']);
    expect(blocked.code).toBe(3);
    const id = /optoggles approve (\S+)/.exec(blocked.stdout)?.[1] ?? '';
    expect(blocked.stdout).toContain('19 of 20 users');
    // The id is a hash of what it is about: another process finds the same.
    expect((await optoggles(folder, ['plan'])).stdout).toContain(id);
    const { code, stdout } = await optoggles(folder, ['apply', '--approve', id]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/−19\s+done/);
  });

  it('optoggles approve ID, then apply', async () => {
    const folder = project({ lists: { 'app.rbac.beta': ['a', 'b', 'c'] } });
    await optoggles(folder, ['apply']);
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': [] }));
    const id = /optoggles approve (\S+)/.exec((await optoggles(folder, ['apply'])).stdout)?.[1] ?? '';
    const approved = await optoggles(folder, ['approve', id]);
    expect(approved.code).toBe(0);
    expect(approved.stdout).toMatch(new RegExp(`^${id} approved until \\d{4}-\\S+Z\\n$`));
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
  });

  it('optoggles approve --source opens a window beforehand', async () => {
    const folder = project({ lists: { 'app.rbac.beta': ['a', 'b', 'c'] } });
    await optoggles(folder, ['apply']);
    const open = ['approve', '--source', 'lists', '--for', '15m', '--reason', 'the team was dissolved'];
    expect((await optoggles(folder, open)).code).toBe(0);
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': [] }));
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
  });
});

function policyOf(rule: string): object {
  return { source: 'lists', package: 'app.rbac', rule };
}

async function appliedTwo(): Promise<string> {
  const folder = project({
    flags: { beta: {}, gamma: {} },
    lists: { 'app.rbac.beta': ['alice'], 'app.rbac.gamma': ['alice'] },
  });
  expect((await optoggles(folder, ['apply'])).code).toBe(0);
  return folder;
}

function treeOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

function stampOf(file: string): object {
  const { mtimeMs, ino } = statSync(file);
  return { mtimeMs, ino };
}

function withoutRevision(text: string | undefined): string {
  return (text ?? '').replaceAll(/"(revision|dataUpdate)": "[0-9a-f]+"/g, '');
}
