import { chmodSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { optoggles, runOptoggles, startOptoggles } from '../support/program.ts';
import { configText, listsText, project } from '../support/project.ts';

const many = Array.from({ length: 20 }, (_, index) => `user${index}`);

describe('a running instance', () => {
  it('prints what it did as a table, serves, and ends cleanly on SIGTERM; a second start writes nothing', async () => {
    const folder = project();
    const first = startOptoggles(folder, ['run']);
    const url = await first.url;
    expect(first.stdout).toMatch(/^beta\s+local\s+production\s+turn on\s+2\s+\+2\s+done$/m);
    expect(first.stdout).toMatch(/^beta\s+local\s+production\s+in-sync\s+2/m);
    for (const path of ['/', '/health', '/health/started', '/health/live', '/readyz', '/metrics', '/api/status']) {
      expect((await fetch(url + path)).status, path).toBe(200);
    }
    first.kill('SIGTERM');
    expect((await first.ended).code).toBe(0);
    expect(first.stderr).toContain('"msg":"stopping"');
    await expect(fetch(`${url}/health/live`)).rejects.toThrow('fetch failed');

    const before = outOf(folder);
    const second = startOptoggles(folder, ['run']);
    await second.url;
    expect(second.stdout).toMatch(/^Nothing to do$/m);
    second.kill('SIGINT');
    expect((await second.ended).code).toBe(0);
    expect(outOf(folder)).toEqual(before);
  });

  it('with a toggle that is held it does not keep the table back', async () => {
    const lists = { 'app.rbac.beta': ['alice'] };
    const folder = project({ flags: { beta: {}, gamma: {} }, lists });
    const running = startOptoggles(folder, ['run']);
    await running.says('"msg":"serving ');
    const begin = performance.now();
    await running.url;
    // Ten seconds are what it would wait at most.
    expect(performance.now() - begin).toBeLessThan(8_000);
    expect(running.stdout).toMatch(/^beta\s+local\s+production\s+in-sync\s+1/m);
    expect(running.stdout).toMatch(/^gamma\s+local\s+production\s+held/m);
  });

  it('has the state for itself: apply and a second run say so and exit 1; plan and status work beside it', async () => {
    const folder = project();
    const running = startOptoggles(folder, ['run']);
    const url = await running.url;
    for (const command of ['apply', 'run']) {
      const { code, stderr } = await runOptoggles(folder, [command]);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        new RegExp(`^The state folder \\S+ is in use by process ${running.child.pid} on .+ since .+Z\\. Stop`, 'm'),
      );
    }
    const plan = await optoggles(folder, ['plan', '--detailed-exitcode']);
    expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining('No changes') });
    const status = await optoggles(folder, ['status', '--server', url]);
    expect(status).toMatchObject({ code: 0, stdout: expect.stringMatching(/^beta\s+local\s+production\s+in-sync/m) });
    const json = await optoggles(folder, ['status', '--server', url, '--json', '-']);
    expect(JSON.parse(json.stdout)).toMatchObject({ instance: 'acme', toggles: [{ key: 'beta', users: 2 }] });
  });

  it('sees an approval of another process within 2 s', async () => {
    const folder = project({ lists: { 'app.rbac.beta': many } });
    const running = startOptoggles(folder, ['run']);
    await running.url;
    replace(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': ['user0'] }));
    await running.says('optoggles approve ');
    const id = /optoggles approve ([0-9a-z]+)/.exec(running.stderr)?.[1] ?? '';
    const approved = await runOptoggles(folder, ['approve', id]);
    const at = Date.now();
    expect(approved.code).toBe(0);
    await running.says('beta local production +0 −19');
    expect(Date.now() - at).toBeLessThan(2_000);
    expect(await optoggles(folder, ['approve', id])).toMatchObject({ code: 64 });
  });

  it('says that a changed configuration waits for a restart', async () => {
    const folder = project();
    const running = startOptoggles(folder, ['run']);
    const url = await running.url;
    await running.says('beta local production +2');
    replace(join(folder, 'optoggles.yaml'), configText({ onRemoved: 'keep' }));
    await expect.poll(async () => (await statusOf(url)).restartNeeded, { timeout: 5_000 }).toBe(true);
    const { stdout } = await optoggles(folder, ['status', '--server', url]);
    expect(stdout).toContain('The configuration changed: it is read at the next start.');
    expect(running.stderr).toContain('optoggles.yaml changed: it is read at the next start');
  });

  it('serves, waits and keeps what is there while a source and a target are down', async () => {
    const sources = [{ id: 'lists', type: 'opa', url: 'http://127.0.0.1:1', poll: '1s' }];
    const targets = [{ name: 'rest', type: 'restapi', endpointUrl: 'http://127.0.0.1:1/toggles', read: true }];
    const folder = project({ config: { sources, targets } });
    const running = startOptoggles(folder, ['run']);
    await running.says('127.0.0.1:1');
    // It does not wait for the first table to serve.
    const url = /"msg":"serving (http:[^"]+)"/.exec(running.stderr)?.[1] ?? '';
    expect((await fetch(`${url}/health`)).status).toBe(503);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(running.stdout).toBe('');
    running.kill();
    expect((await running.ended).code).toBe(0);
  });
});

describe('what keeps it from starting is one clear line and exit 1', () => {
  it('a taken port', async () => {
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const bind = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, stderr, stdout } = await runOptoggles(project({ config: { bind } }), ['run']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(oneLine(stderr)).toMatch(new RegExp(`^Another program listens on ${bind}\\. Stop it`));
  });

  it('a state of a newer OPToggles', async () => {
    const folder = project();
    await optoggles(folder, ['apply']);
    const db = new DatabaseSync(join(folder, '.optoggles/state.db'));
    db.exec('PRAGMA user_version = 999999');
    db.close();
    for (const command of ['run', 'apply', 'plan']) {
      const { code, stderr } = await optoggles(folder, [command]);
      expect(code, command).toBe(1);
      expect(oneLine(stderr), command).toMatch(/^The state \S+ was written by OPToggles .*Run OPToggles/);
    }
  });

  it('a state that is no state', async () => {
    const folder = project({ files: { '.optoggles/state.db': 'not a database at all\n'.repeat(300) } });
    const { code, stderr } = await optoggles(folder, ['run']);
    expect(code).toBe(1);
    expect(oneLine(stderr)).toMatch(/cannot be used.*backup/);
  });

  it('a state folder that is a file', async () => {
    const folder = project({ files: { '.optoggles': 'x' } });
    const { code, stderr } = await optoggles(folder, ['run']);
    expect(code).toBe(1);
    expect(oneLine(stderr)).toMatch(/\.optoggles\b.*stateDir/);
  });

  it.skipIf(process.getuid?.() === 0)('a state folder that cannot be written', async () => {
    const folder = project();
    chmodSync(folder, 0o555);
    onTestFinished(() => chmodSync(folder, 0o755));
    const { code, stderr } = await optoggles(folder, ['run']);
    expect(code).toBe(1);
    expect(oneLine(stderr)).toMatch(/stateDir/);
  });

  it('a configuration that is missing, or not even YAML', async () => {
    const folder = project();
    expect(oneLine((await optoggles(folder, ['run', '--config', 'other.yaml'])).stderr)).toMatch(
      /other\.yaml does not exist\. .*--config/,
    );
    writeFileSync(join(folder, 'optoggles.yaml'), 'version: 1\n\tx: y\n');
    const { code, stderr } = await optoggles(folder, ['run']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^optoggles\.yaml:2:1: /);
    rmSync(join(folder, 'optoggles.yaml'));
    expect(oneLine((await optoggles(folder, ['run'])).stderr)).toMatch(/^There is no configuration/);
  });
});

function outOf(folder: string): object {
  const file = join(folder, 'out/production.json');
  const { mtimeMs, ino } = statSync(file);
  return { text: readFileSync(file, 'utf8'), mtimeMs, ino };
}

function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

function oneLine(text: string): string {
  expect(text).toMatch(/^[^\n]+\n$/);
  return text;
}

async function statusOf(url: string): Promise<{ readonly restartNeeded: boolean }> {
  return (await (await fetch(`${url}/api/status`)).json()) as { restartNeeded: boolean };
}
