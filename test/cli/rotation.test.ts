import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type FakeOpa, startFakeOpa } from '../support/fake-opa.ts';
import { startFakeOpal } from '../support/fake-opal.ts';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { startOptoggles } from '../support/program.ts';
import { project } from '../support/project.ts';

type Tokens = Readonly<Record<'opal' | 'opa' | 'rest' | 'admin', string>>;

function tokens(age: string): Tokens {
  return {
    opal: `canary-${age}-opal`,
    opa: `canary-${age}-opa`,
    rest: `canary-${age}-rest`,
    admin: `canary-${age}-admin`,
  };
}

/** As the kubelet mounts a secret: files are links into a folder that is a link, and that one is swapped. */
function mount(folder: string, age: string): void {
  const place = join(folder, 'secrets');
  mkdirSync(join(place, `..${age}`), { recursive: true });
  for (const [name, token] of Object.entries(tokens(age))) {
    writeFileSync(join(place, `..${age}`, name), `${token}\n`);
    rmSync(join(place, name), { force: true });
    symlinkSync(join('..data', name), join(place, name));
  }
  symlinkSync(`..${age}`, join(place, '..next'));
  renameSync(join(place, '..next'), join(place, '..data'));
}

async function peers() {
  const required = { authorization: '' };
  const api = await openFakeRestApi({ require: required });
  const opa = await startFakeOpa({ token: '' });
  const opal = await startFakeOpal({ token: '' });
  onTestFinished(async () => {
    await Promise.all([api.close(), opa.close(), opal.close()]);
  });
  opal.policyStore = { url: opa.url, token: null, auth_type: 'none' };
  const only = (age: string) => {
    const now = tokens(age);
    required.authorization = `Bearer ${now.rest}`;
    opa.options.token = now.opa;
    opal.options.token = now.opal;
  };
  return { api, opa, opal, only };
}

function folderFor(opalUrl: string, opa: FakeOpa, restUrl: string): string {
  return project({
    config: {
      adminTokens: [{ name: 'oncall', token: '${file:secrets/admin}' }],
      sources: [
        {
          id: 'lists',
          url: opalUrl,
          token: '${file:secrets/opal}',
          advertisedAddress: '127.0.0.1:1',
          opa: { url: opa.url, token: '${file:secrets/opa}' },
          resync: '1s',
        },
      ],
      targets: [
        {
          name: 'rest',
          type: 'restapi',
          endpointUrl: restUrl,
          extraHeaders: { Authorization: 'Bearer ${file:secrets/rest}' },
          environment: 'production',
        },
      ],
    },
  });
}

it('tokens that are rotated in their files work without a restart, and the old ones are used no more', async () => {
  const { api, opa, opal, only } = await peers();
  only('old');
  opa.set('app/rbac/beta', ['alice']);
  const folder = folderFor(opal.url, opa, api.url);
  mount(folder, 'old');
  const running = startOptoggles(folder, ['run']);
  const url = await running.url;
  const sync = async (age: string) => {
    const headers = { authorization: `Bearer ${tokens(age).admin}` };
    return (await fetch(`${url}/api/sync`, { method: 'POST', headers })).status;
  };
  expect(api.toggles.get('beta')?.users).toEqual(['alice']);
  await expect.poll(() => opal.callbacks.size, { timeout: 20_000 }).toBe(1);
  expect([await sync('old'), await sync('new')]).toEqual([200, 401]);

  // First the peers take the new ones only, then the files have them.
  only('new');
  opa.set('app/rbac/beta', ['alice', 'bob']);
  opal.callbacks.clear();
  await expect.poll(async () => (await fetch(`${url}/health`)).status, { timeout: 20_000 }).toBe(500);
  expect(api.toggles.get('beta')?.users).toEqual(['alice']);
  mount(folder, 'new');

  await expect.poll(() => api.toggles.get('beta')?.users, { timeout: 20_000 }).toEqual(['alice', 'bob']);
  await expect.poll(() => opal.callbacks.size, { timeout: 20_000 }).toBe(1);
  await expect.poll(async () => (await fetch(`${url}/health`)).status, { timeout: 20_000 }).toBe(200);
  expect([await sync('old'), await sync('new')]).toEqual([401, 200]);

  running.kill('SIGTERM');
  const { code, stdout, stderr } = await running.ended;
  expect(code).toBe(0);
  expect(opal.callbacks.size).toBe(0);
  expect(stderr).toContain('a file of a secret changed');
  for (const text of [stdout, stderr]) expect(text).not.toContain('canary');
}, 90_000);

it('a file of a secret that is gone or empty for a while changes nothing', async () => {
  const { api, opa, opal, only } = await peers();
  only('old');
  opa.set('app/rbac/beta', ['alice']);
  const folder = folderFor(opal.url, opa, api.url);
  mount(folder, 'old');
  const running = startOptoggles(folder, ['run']);
  await running.url;
  rmSync(join(folder, 'secrets', '..data'));
  await running.says('secrets stay as they were');
  opa.set('app/rbac/beta', ['alice', 'bob']);
  await expect.poll(() => api.toggles.get('beta')?.users, { timeout: 20_000 }).toEqual(['alice', 'bob']);
  only('new');
  opa.set('app/rbac/beta', ['bob']);
  mount(folder, 'new');
  await expect.poll(() => api.toggles.get('beta')?.users, { timeout: 20_000 }).toEqual(['bob']);
}, 90_000);
