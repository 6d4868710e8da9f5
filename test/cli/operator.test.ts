import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { optoggles, type Running, startOptoggles } from '../support/program.ts';
import { listsText, project } from '../support/project.ts';

const many = Array.from({ length: 20 }, (_, index) => `user${index}`);
const token = 'admin-token-canary';
const admins = { adminTokens: [{ name: 'oncall', token: '${ADMIN}' }] };
const env = { ADMIN: token };

function held(folder: string): string {
  return readFileSync(join(folder, 'out/production.json'), 'utf8');
}

async function running(folder: string): Promise<Running & { readonly at: string }> {
  const instance = startOptoggles(folder, ['run'], env);
  return Object.assign(instance, { at: await instance.url });
}

describe('beside a running instance, through the state', () => {
  it('off, deny and resume are seen within 2 s, shown by status and plan, and kept across a restart', async () => {
    const flags = { beta: {}, gamma: {} };
    const lists = { 'app.rbac.beta': ['alice', 'bob'], 'app.rbac.gamma': ['canary-carol', 'dave'] };
    const folder = project({ flags, lists });
    const first = await running(folder);
    const off = await optoggles(folder, ['off', 'beta', '--reason', 'an incident', '--by', 'erin']);
    const at = Date.now();
    expect(off).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^beta is switched off\n {2}to take it back: /),
    });
    await first.says('beta local production +0 −2');
    expect(Date.now() - at).toBeLessThan(2_000);
    const deny = await optoggles(folder, ['deny', 'canary-carol', '--for', '24h']);
    expect(deny.stdout).toMatch(/^user h:[0-9a-f]{16} is denied until \S+Z\n/);
    await expect.poll(() => held(folder), { timeout: 5_000 }).not.toContain('canary-carol');
    expect(held(folder)).toContain('dave');

    const status = await optoggles(folder, ['status', '--server', first.at]);
    expect(status.stdout).toMatch(/^beta +local +production +off .* switched off by erin since /m);
    expect(status.stdout).toContain('Against git and policy\n  beta is switched off, by erin since ');
    const plan = await optoggles(folder, ['plan', '--detailed-exitcode']);
    const explained = await optoggles(folder, ['explain', 'beta', 'alice']);
    expect(explained.stdout).toContain('beta is switched off, by erin since ');
    expect(explained.stdout).not.toContain('against policy');
    expect((await optoggles(folder, ['verify'])).code).toBe(0);
    expect(plan).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('beta is switched off, by erin: an incident'),
    });
    const outputs = [off, deny, status, plan].map(({ stdout, stderr }) => stdout + stderr).join('');
    expect(outputs.replaceAll('canary-carol --for', '') + first.stderr + first.stdout).not.toContain('canary');
    first.kill();
    await first.ended;

    const second = await running(folder);
    expect(held(folder)).not.toContain('canary-carol');
    expect(second.stdout).toMatch(/^beta +local +production +off/m);
    expect(await optoggles(folder, ['resume', 'beta'])).toMatchObject({
      code: 0,
      stdout: 'over: beta is switched off\n',
    });
    expect((await optoggles(folder, ['resume', 'canary-carol'])).code).toBe(0);
    await expect.poll(() => held(folder), { timeout: 5_000 }).toContain('canary-carol');
    expect(held(folder)).toContain('alice');
    second.kill();
    await second.ended;
    const history = await optoggles(folder, ['history', '--export', '-']);
    for (const what of ['"off"', '"denied"', '"resumed"']) expect(history.stdout).toContain(what);
    expect(history.stdout).not.toContain('canary');
  });

  it('apply goes by it too', async () => {
    const folder = project();
    await optoggles(folder, ['apply']);
    await optoggles(folder, ['deny', 'alice']);
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    expect(held(folder)).not.toContain('alice');
    await optoggles(folder, ['pause', 'lists']);
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': ['zoe'] }));
    expect((await optoggles(folder, ['apply'])).code).toBe(4);
    expect(held(folder)).toContain('bob');
  });

  it('what is not there is wrong use, and nothing is written', async () => {
    const folder = project();
    expect(await optoggles(folder, ['off', 'beta'])).toMatchObject({ code: 64 });
    expect(readdirSync(folder)).not.toContain('.optoggles');
    await optoggles(folder, ['apply']);
    for (const args of [
      ['off', 'bets'],
      ['off', 'beta', '--environment', 'staging'],
      ['pause', 'nothing'],
      ['pause', 'beta', '--kind', 'user'],
      ['resume', 'canary-zoe'],
      ['deny', ''],
      ['deny', 'zoe', '--for', 'ever'],
    ]) {
      const { code, stderr } = await optoggles(folder, args);
      expect(code, args.join(' ')).toBe(64);
      expect(stderr).not.toContain('canary');
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
    expect((await optoggles(folder, ['plan'])).stdout).not.toContain('Against git');
  });
});

describe('with --server', () => {
  it('off, deny, pause, resume and approve are done at once, by the name of the token', async () => {
    const folder = project({ config: admins, lists: { 'app.rbac.beta': many } });
    const instance = await running(folder);
    const there = ['--server', instance.at];
    // Nothing of the installation is where the operator is.
    const elsewhere = project({ files: {} });
    const told = { OPTOGGLES_TOKEN: token };
    const deny = await optoggles(elsewhere, ['deny', 'user7', ...there], told);
    expect(deny).toMatchObject({ code: 0, stdout: expect.stringMatching(/^user h:[0-9a-f]{16} is denied\n/) });
    await expect.poll(() => held(folder), { timeout: 5_000 }).not.toContain('"user7"');
    const off = await optoggles(elsewhere, ['off', 'beta', ...there, '--reason', 'an incident'], told);
    expect(off.code).toBe(0);
    await expect.poll(() => held(folder), { timeout: 5_000 }).not.toContain('"user8"');
    expect((await optoggles(elsewhere, ['resume', 'beta', ...there], told)).code).toBe(0);
    await expect.poll(() => held(folder), { timeout: 5_000 }).toContain('"user8"');

    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': ['user0'] }));
    await instance.says('optoggles approve ');
    const status = await optoggles(elsewhere, ['status', ...there], told);
    expect(status.stdout).toContain('nothing else changed with it');
    const id = /optoggles approve ([0-9a-z]+)/.exec(status.stdout)?.[1] ?? '';
    expect(await optoggles(elsewhere, ['approve', 'nothing', ...there], told)).toMatchObject({ code: 64 });
    expect(await optoggles(elsewhere, ['approve', id, ...there], told)).toMatchObject({ code: 0 });
    await instance.says('beta local production +0 −18');
    const window = ['approve', '--source', 'lists', '--for', '15m', '--reason', 'moving tenants', ...there];
    expect((await optoggles(elsewhere, window, told)).stdout).toMatch(/^lists approved until /);
    const { stdout } = await optoggles(folder, ['history', '--export', '-'], env);
    const lines = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter(line => line.what === 'approved').map(({ by }) => by)).toEqual(['oncall', 'oncall']);
    expect(lines.filter(line => ['denied', 'off', 'resumed'].includes(String(line.what))).map(({ by }) => by)).toEqual([
      'oncall',
      'oncall',
      'oncall',
    ]);
  });

  it('a wrong token, an unknown toggle and an instance that is not there are one clear line', async () => {
    const folder = project({ config: admins });
    const instance = await running(folder);
    const wrong = await optoggles(folder, ['off', 'beta', '--server', instance.at], { OPTOGGLES_TOKEN: 'wrong' });
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('adminTokens') });
    const unknown = await optoggles(folder, ['off', 'bets', '--server', instance.at], env);
    expect(unknown).toMatchObject({ code: 64, stderr: expect.stringContaining('Did you mean "beta"?') });
    const gone = await optoggles(folder, ['off', 'beta', '--server', 'http://127.0.0.1:1'], env);
    expect(gone.code).toBe(1);
    for (const { stderr } of [wrong, unknown, gone]) {
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(stderr).not.toContain(token);
    }
  });
});
