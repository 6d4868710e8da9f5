import { createHmac } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createFakeLaunchDarkly } from '../support/fake-launchdarkly/server.ts';
import { startFakeOpa } from '../support/fake-opa.ts';
import { startFakeOpal } from '../support/fake-opal.ts';
import { openGitServer } from '../support/git-server.ts';
import { type Ended, optoggles, startOptoggles } from '../support/program.ts';
import { configText, flagText } from '../support/project.ts';
import { tempFolder } from '../support/temp-folder.ts';

/**
 * Every secret that a configuration with a repository, LaunchDarkly, files of secrets and receivers of messages holds,
 * and one that only OPAL tells. What `canaries.test.ts` walks through is left out here.
 */
const secrets = {
  GIT: 'canary-token-git-0a1b',
  HOOK: 'canary-token-hook-2c3d',
  PAGER: 'canary-token-pager-4e5f',
  LD: 'canary-token-ld-6a7b',
  ADMIN: 'canary-token-admin-8c9d',
  FILE: 'canary-token-file-0e1f',
  OPA: 'canary-token-opa-2a3b',
} as const;
const member = 'canary-member-4c5d';

it('no secret and no name is in any output, in the state, or in what is sent elsewhere', async () => {
  const git = await openGitServer();
  git.token = secrets.GIT;
  const opa = await startFakeOpa({ token: secrets.OPA });
  const opal = await startFakeOpal({ token: secrets.FILE });
  // Only OPAL knows where OPA is, and its token.
  opal.policyStore = { type: 'OPA', url: opa.url, token: secrets.OPA, auth_type: 'token' };
  const ld = await createFakeLaunchDarkly({ tokens: [{ token: secrets.LD }] });
  const pager = await openReceiver();
  onTestFinished(async () => {
    await Promise.all([git.close(), opa.close(), opal.close(), ld.close()]);
  });
  const many = Array.from({ length: 20 }, (_, index) => `${member}-${index}`);
  opa.set('ready', true);
  opa.set('app/rbac/beta', many);
  git.commit({ 'flags/beta.yaml': flagOf('beta'), 'flags/gamma.yaml': flagOf('gamma') });
  const folder = tempFolder({
    'secrets/opal': secrets.FILE,
    'optoggles.yaml': configText({
      flags: { git: git.url, token: '${GIT}', webhookSecret: '${HOOK}', poll: '1h' },
      adminTokens: [{ name: 'oncall', token: '${ADMIN}' }],
      notify: [{ type: 'webhook', url: `${pager.url}/\${PAGER}` }],
      sources: [
        {
          id: 'opal',
          type: 'opal',
          url: opal.url,
          token: '${file:secrets/opal}',
          callbackUrl: 'http://127.0.0.1:9/opa_update',
          sentinels: ['data.ready'],
          resync: '300ms',
        },
      ],
      targets: [
        {
          name: 'ld',
          type: 'launchdarkly',
          token: '${LD}',
          baseUrl: ld.url,
          projKey: 'default',
          environments: { production: 'production' },
        },
        { name: 'local', type: 'flagd', path: 'out/{environment}.json', environments: ['production'] },
      ],
    }),
  });
  const { FILE: _, OPA: __, ...env } = secrets;
  const shown: string[] = [];
  const note = ({ stdout, stderr }: Pick<Ended, 'stdout' | 'stderr'>): void => void shown.push(stdout, stderr);
  const run = async (...args: string[]) =>
    note(await optoggles(folder, args, { ...env, OPTOGGLES_LOG_LEVEL: 'debug' }));

  // Before anything is there, and with every format of a plan.
  await run('validate', '--json', '-');
  for (const format of [['--json', '-'], ['--markdown'], []]) await run('plan', ...format, '--timeout', '5s');

  const running = startOptoggles(folder, ['run'], { ...env, OPTOGGLES_LOG_LEVEL: 'debug' });
  const url = await running.url;
  const look = async (): Promise<void> => {
    for (const path of ['/', '/health', '/metrics', '/api/status']) shown.push(await (await fetch(url + path)).text());
  };
  const until = async (path: string, what: RegExp): Promise<void> => {
    await expect.poll(async () => (await fetch(url + path)).text(), { timeout: 30_000, interval: 100 }).toMatch(what);
    await look();
  };
  await until('/api/status', /"in-sync"/);

  // Each peer fails, and says what it was sent.
  const lift = ld.fault({ kind: 'status', status: 500, message: `no ${many[0]} with ${secrets.LD}` });
  opa.set('app/rbac/beta', many.slice(2));
  await until('/api/status', /500/);
  lift();
  git.fault = { kind: 'garbage' };
  const body = JSON.stringify({ ref: 'refs/heads/main', repository: { default_branch: 'main' } });
  for (const secret of [secrets.HOOK, 'wrong']) {
    const signature = createHmac('sha256', secret).update(body).digest('hex');
    const headers = { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${signature}` };
    shown.push(await (await fetch(`${url}/webhooks/github`, { method: 'POST', headers, body })).text());
  }
  await look();
  git.fault = { kind: 'none' };
  git.token = 'another';
  opal.options.token = 'another';
  opa.options.token = 'another';
  await until('/api/status', /401/);
  opa.options.token = secrets.OPA;
  opal.options.token = secrets.FILE;

  // A token in the wrong place, names in odd answers, a block, an operator.
  opa.set('app/rbac/gamma', [`${member}\n`]);
  opa.set('app/rbac/beta', []);
  await until('/api/status', /"blocked":\[\{/);
  await expect.poll(() => pager.got.length, { timeout: 20_000 }).toBeGreaterThan(0);
  const admin = { authorization: `Bearer ${secrets.ADMIN}` };
  for (const path of ['/api/sync', '/api/approvals', '/api/plan']) {
    const asked = await fetch(url + path, { method: 'POST', headers: admin, body: `{"id":"${secrets.LD}"}` });
    shown.push(await asked.text());
  }
  await run('status', '--server', url);
  await run('approve', '0123456789abcdef');

  // It dies in the middle, and is started anew.
  running.kill('SIGKILL');
  note(await running.ended);
  git.token = secrets.GIT;
  await run('plan', '--json', '-', '--timeout', '3s');
  await run('apply', '--json', '-', '--timeout', '3s');
  await run('history', 'beta');
  mkdirSync(join(folder, 'broken'));
  writeFileSync(join(folder, 'optoggles.yaml'), configText({ instance: `\${LD} ${secrets.LD}` }));
  await run('validate');

  const output = shown.join('\n');
  expect(output).toContain('beta');
  for (const canary of [...Object.values(secrets), member]) expect.soft(placeOf(output, canary), canary).toBe('');
  for (const message of pager.got) expect.soft(placeOf(message, 'canary')).toBe('');
  for (const [file, bytes] of filesBelow(join(folder, '.optoggles'))) {
    for (const secret of Object.values(secrets)) expect.soft(placeOf(bytes, secret), `${secret} in ${file}`).toBe('');
  }
  expect(filesBelow(join(folder, '.optoggles')).some(([, bytes]) => bytes.includes(member))).toBe(true);
}, 150_000);

function flagOf(key: string): string {
  return flagText(key, { usersPolicy: { source: 'opal', package: 'app.rbac', rule: key } });
}

interface Receiver {
  readonly url: string;
  readonly got: readonly string[];
}

async function openReceiver(): Promise<Receiver> {
  const got: string[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', chunk => (body += String(chunk)));
    request.on('end', () => {
      got.push(body);
      response.end('ok');
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got };
}

function filesBelow(folder: string): (readonly [string, string])[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .map(file => [file, readFileSync(file, 'latin1')] as const);
}

function placeOf(text: string, what: string): string {
  const at = text.indexOf(what);
  return at < 0 ? '' : text.slice(Math.max(0, at - 160), at + 80);
}
