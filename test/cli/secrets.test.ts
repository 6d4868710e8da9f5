import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { optoggles, startOptoggles } from '../support/program.ts';
import { listsText, project } from '../support/project.ts';

const tokens = {
  TARGET_TOKEN: 'canary-target-token',
  SOURCE_TOKEN: 'canary-source-token',
  ADMIN_TOKEN: 'canary-admin-token',
  CALLBACK_SECRET: 'canary-callback-secret',
};
const members = ['canary-alice', 'canary-bob', 'canary-carol'];
const oddMembers = [...members, 'canary-odd\u0007'];

/** A rejecting OPA that repeats what it was sent, and a platform that does the same. */
async function parrots(): Promise<{ readonly opa: string; readonly rest: string }> {
  const server = createServer((request, response) => {
    response.writeHead(401, { 'content-type': 'text/plain' });
    response.end(`no: ${request.headers.authorization}`);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { opa: `http://127.0.0.1:${port}`, rest: `http://127.0.0.1:${port}/toggles` };
}

function targetAt(endpointUrl: string): object {
  const extraHeaders = { Authorization: 'Bearer ${TARGET_TOKEN}' };
  return { name: 'rest', type: 'restapi', endpointUrl, extraHeaders, environment: 'production' };
}

const shared = {
  callbackSecret: '${CALLBACK_SECRET}',
  adminTokens: [{ name: 'oncall', token: '${ADMIN_TOKEN}' }],
};

describe('no token and no member name leaves the program', () => {
  it('when everything works, and when users change, are blocked and odd', async () => {
    const api = await openFakeRestApi({ require: { authorization: `Bearer ${tokens.TARGET_TOKEN}` } });
    onTestFinished(() => api.close());
    const lists = { 'app.rbac.beta': members };
    const folder = project({ config: { ...shared, targets: [targetAt(api.url)] }, lists });
    const said: string[] = [];
    const run = async (...args: string[]) => {
      const { stdout, stderr } = await optoggles(folder, args, { ...tokens, OPTOGGLES_LOG_LEVEL: 'debug' });
      said.push(stdout, stderr);
    };
    await run('validate');
    await run('plan');
    await run('apply', '--json', '-');
    expect(api.serves('beta', 'canary-alice')).toBe(true);
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': [] }));
    await run('plan', '--markdown');
    await run('apply', '--json', '-');
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': oddMembers }));
    await run('plan', '--json', '-', '--timeout', '300ms');
    await run('apply', '--timeout', '300ms');
    expect(said.join('')).toContain('beta');
    expect(said.join('')).not.toContain('canary');
  });

  it('when peers refuse and repeat what they were sent', async () => {
    const { opa, rest } = await parrots();
    const sources = [
      { id: 'lists', type: 'static', path: 'audiences.yaml' },
      { id: 'opa', type: 'opa', url: opa, token: '${SOURCE_TOKEN}' },
    ];
    const policy = { source: 'opa', package: 'app.rbac', rule: 'x' };
    const folder = project({
      config: { ...shared, sources, targets: [targetAt(rest)] },
      flags: { beta: {}, gamma: { usersPolicy: policy } },
      lists: { 'app.rbac.beta': members },
    });
    for (const command of ['plan', 'apply']) {
      const { stdout, stderr } = await optoggles(folder, [command, '--timeout', '2s'], tokens);
      expect(stdout).toMatch(/gamma rest production \(waiting\): source opa has not answered yet/);
      expect(stderr).toMatch(/^source opa: .*401/m);
      expect(stdout + stderr).not.toContain('canary');
    }
  });

  it('over HTTP and in the log of a running instance; nor a secret in what it keeps', async () => {
    const config = { ...shared, bind: '127.0.0.1:0' };
    const folder = project({ config, lists: { 'app.rbac.beta': members } });
    const running = startOptoggles(folder, ['run'], { ...tokens, OPTOGGLES_LOG_LEVEL: 'debug' });
    const url = await running.url;
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': oddMembers }));
    await running.says('answer-member');
    for (const path of ['/', '/api/status', '/metrics', '/health']) {
      expect(await (await fetch(url + path)).text(), path).not.toContain('canary');
    }
    running.kill();
    const { stdout, stderr } = await running.ended;
    expect(stdout + stderr).not.toContain('canary');
    for (const name of readdirSync(join(folder, '.optoggles'))) {
      const kept = readFileSync(join(folder, '.optoggles', name), 'latin1');
      for (const token of Object.values(tokens)) expect(kept, name).not.toContain(token);
    }
  });

  it('--show-users shows members, still no token', async () => {
    const folder = project({ config: shared, lists: { 'app.rbac.beta': members } });
    const { stdout, stderr } = await optoggles(folder, ['plan', '--show-users'], tokens);
    expect(stdout).toContain('canary-alice');
    for (const token of Object.values(tokens)) expect(stdout + stderr).not.toContain(token);
  });
});
