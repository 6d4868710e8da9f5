import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { startFakeOpa } from '../support/fake-opa.ts';
import { startFakeOpal } from '../support/fake-opal.ts';
import { type Ended, runOptoggles, startOptoggles } from '../support/program.ts';
import { flagText, project } from '../support/project.ts';

/** Each kind of secret that a configuration holds. */
const secrets = {
  OPAL_TOKEN: 'canary-opal-token-1a2b',
  OPA_TOKEN: 'canary-opa-token-3c4d',
  PLAIN_TOKEN: 'canary-plain-token-5e6f',
  HEADER: 'canary-header-7a8b',
  CALLBACK: 'canary-callback-9c0d',
  ADMIN: 'canary-admin-token-1e2f',
  READ: 'canary-read-token-3a4b',
  PASSWORD: 'canary-password-5c6d',
  QUERY: 'canary-query-7e8f',
};
const member = 'member-canary-0f1e';
const stranger = 'member-canary-2d3c';

it('secrets and names of members are in no output, whatever goes wrong', async () => {
  const api = await openFakeRestApi();
  const opa = await startFakeOpa({ token: secrets.OPA_TOKEN });
  const plain = await startFakeOpa({ token: secrets.PLAIN_TOKEN });
  const opal = await startFakeOpal({ token: secrets.OPAL_TOKEN });
  onTestFinished(async () => {
    await Promise.all([api.close(), opa.close(), plain.close(), opal.close()]);
  });
  opal.policyStore = { type: 'OPA', url: opa.url, token: secrets.OPA_TOKEN, auth_type: 'token' };
  const many = Array.from({ length: 20 }, (_, index) => `${member}-${index}`);
  opa.set('ready', true);
  opa.set('app/rbac/beta', many);
  plain.set('app/rbac/gamma', [`${member}-g`]);
  const endpoint = new URL(api.url);
  endpoint.username = 'someone';
  endpoint.password = secrets.PASSWORD;
  const folder = project({
    config: {
      callbackSecret: '${CALLBACK}',
      adminTokens: [{ name: 'oncall', token: '${ADMIN}' }],
      readTokens: [{ name: 'board', token: '${READ}' }],
      sources: [
        {
          id: 'opal',
          type: 'opal',
          url: opal.url,
          token: '${OPAL_TOKEN}',
          callbackUrl: `http://127.0.0.1:9/opa_update?key=\${QUERY}`,
          sentinels: ['data.ready'],
        },
        { id: 'plain', type: 'opa', url: plain.url, token: '${PLAIN_TOKEN}', poll: '200ms' },
      ],
      targets: [
        {
          name: 'rest',
          type: 'restapi',
          endpointUrl: `${endpoint.href}?key=\${QUERY}`.replace(secrets.PASSWORD, '${PASSWORD}'),
          extraHeaders: { Authorization: 'Bearer ${HEADER}', 'X-Key': '${HEADER}' },
          environment: 'production',
          read: true,
        },
      ],
    },
    flags: {
      beta: { usersPolicy: { source: 'opal', package: 'app.rbac', rule: 'beta' } },
      gamma: { usersPolicy: { source: 'plain', package: 'app.rbac', rule: 'gamma' } },
    },
  });
  const said: string[] = [];
  const note = ({ stdout, stderr }: Pick<Ended, 'stdout' | 'stderr'>): void => void said.push(stdout, stderr);

  note(await runOptoggles(folder, ['validate'], {}));
  note(await runOptoggles(folder, ['plan'], { ...secrets, OPTOGGLES_LOG_LEVEL: 'debug' }));
  const running = startOptoggles(folder, ['run'], { ...secrets, OPTOGGLES_LOG_LEVEL: 'debug' });
  const url = await running.url;

  const looks = async (): Promise<void> => {
    for (const path of ['/', '/health', '/metrics', '/api/status', '/health/started']) {
      said.push(await (await fetch(url + path)).text());
    }
  };
  const until = async (path: string, what: RegExp): Promise<void> => {
    await expect.poll(async () => (await fetch(url + path)).text(), { timeout: 20_000 }).toMatch(what);
    await looks();
  };
  await until('/api/status', /"in-sync".*"in-sync"/);

  // Everything that can go wrong, one after the other, each with names or secrets near at hand.
  opa.set('app/rbac/beta', [`${member}-0`]);
  await opal.fire();
  await until('/api/status', /"blocked"/);
  plain.set('app/rbac/gamma', [`${stranger}\n`]);
  await until('/api/status', /control character/);
  plain.set('app/rbac/gamma', { [stranger]: stranger });
  await until('/api/status', /not true or false/);
  plain.set('app/rbac/gamma', stranger);
  await until('/api/status', /answered a string/);
  plain.options.answer = (_, response) => {
    response
      .writeHead(500)
      .end(JSON.stringify({ code: 'internal', message: `no ${stranger} with Bearer ${secrets.PLAIN_TOKEN}` }));
    return true;
  };
  await until('/api/status', /500/);
  plain.options.answer = undefined;
  plain.set('app/rbac/gamma', [`${member}-g`, stranger]);
  for (const status of [400, 401, 403, 404, 409, 422, 429, 500, 503]) {
    const echo = `{"error":"${stranger} ${secrets.HEADER} ${secrets.PASSWORD} ${secrets.QUERY}"}`;
    const writes = api.writes.length;
    const lift = api.fault({ kind: 'status', status, body: echo }, { method: 'PATCH' });
    plain.set('app/rbac/gamma', [`${member}-g`, `${stranger}-${status}`]);
    await fetch(`${url}/api/sync`, { method: 'POST', headers: { authorization: `Bearer ${secrets.ADMIN}` } });
    await api.waitFor(() => api.writes.length > writes);
    await looks();
    lift();
  }
  opal.options.token = 'another';
  opa.options.token = 'another';
  await opal.fire();
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Bearer ${secrets.READ}` }]) {
    for (const path of ['/api/sync', '/api/approvals', '/opa_update']) {
      said.push(await (await fetch(url + path, { method: 'POST', headers, body: `{"id":"${stranger}"}` })).text());
    }
  }
  writeFileSync(join(folder, 'flags/gamma.yaml'), flagText('gamma', { usersPolicy: secrets.ADMIN }));
  await until('/api/status', /gamma\.yaml/);
  note(await runOptoggles(folder, ['status', '--server', url], secrets));
  note(await runOptoggles(folder, ['plan', '--json', '-', '--timeout', '300ms'], secrets));
  note(await runOptoggles(folder, ['plan', '--markdown', '--timeout', '300ms'], secrets));
  running.kill();
  const ended = await running.ended;
  expect(ended.code).toBe(0);
  note(ended);
  note(await runOptoggles(folder, ['apply', '--json', '-', '--timeout', '300ms'], secrets));

  const output = said.join('\n');
  expect(output).toContain('beta');
  for (const [name, secret] of Object.entries(secrets)) {
    if (name !== 'ADMIN') expect.soft(placeOf(output, secret), name).toBe('');
  }
  // It was put into a flag file as well, whose mistakes are shown; as a token it is nowhere else.
  expect.soft(placeOf(output, secrets.ADMIN), 'ADMIN').toBe('');
  expect.soft(placeOf(output, member), 'a member').toBe('');
  expect.soft(placeOf(output, stranger), 'a stranger').toBe('');

  const kept = readdirSync(join(folder, '.optoggles')).map(file =>
    readFileSync(join(folder, '.optoggles', file), 'latin1'),
  );
  for (const [name, secret] of Object.entries(secrets)) {
    if (name !== 'ADMIN') expect.soft(placeOf(kept.join('\n'), secret), `${name} in the state`).toBe('');
  }
  expect(kept.join('\n')).toContain(member);
}, 90_000);

function placeOf(text: string, what: string): string {
  const at = text.indexOf(what);
  return at < 0 ? '' : text.slice(Math.max(0, at - 120), at + 80);
}
