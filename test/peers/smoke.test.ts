import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type DataServer, startDataServer } from './data-server.ts';
import { createPolicyRepo, type PolicyRepo } from './git-policy.ts';
import { type Opa, startOpa } from './opa.ts';
import { createOpalSecurity, type OpalClient, type OpalServer, startOpalClient, startOpalServer } from './opal.ts';
import { until } from './until.ts';

const REGO = `package app.rbac
import rego.v1

us_users contains name if {
  some name, user in data.example.users
  user.country == "US"
}
`;

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).toReversed()) await undo();
});

function owned<T extends { stop(): Promise<unknown> }>(thing: T): T {
  cleanup.push(() => thing.stop());
  return thing;
}

/** Counts what OPAL reports. */
async function startListener(): Promise<{ url: string; bodies: unknown[] }> {
  const bodies: unknown[] = [];
  const server: Server = createServer((request, response) => {
    let text = '';
    request.on('data', chunk => (text += String(chunk)));
    request.on('end', () => {
      bodies.push({ authorization: request.headers.authorization, body: JSON.parse(text) });
      response.end('{}');
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  cleanup.push(async () => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/opa_update`, bodies };
}

async function register(client: OpalClient, url: string, bearer?: string): Promise<Response> {
  return fetch(`${client.url}/callbacks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) },
    body: JSON.stringify({
      key: 'smoke',
      url,
      config: { method: 'post', process_data: false, headers: { authorization: 'Bearer mine' } },
    }),
  });
}

interface Base {
  data: DataServer;
  repo: PolicyRepo;
  server: OpalServer;
}

async function startBase(security?: ReturnType<typeof createOpalSecurity>): Promise<Base> {
  const data = owned(await startDataServer());
  data.set('/users', { alice: { country: 'US' }, bob: { country: 'FR' } });
  const repo = await createPolicyRepo({ 'rbac.rego': REGO });
  cleanup.push(() => repo.remove());
  const server = owned(
    await startOpalServer({
      policy: repo.url,
      data: [{ url: data.url('/users'), dst_path: '/example/users' }],
      ...(security && { security }),
    }),
  );
  return { data, repo, server };
}

async function usersOf(opaUrl: string): Promise<unknown> {
  const response = await fetch(`${opaUrl}/v1/data/app/rbac/us_users?strict-builtin-errors=true`);
  return ((await response.json()) as { result?: unknown }).result;
}

describe('real OPA', () => {
  it('answers, and forgets everything when it starts again', async () => {
    const opa: Opa = owned(await startOpa());
    await opa.putPolicy('rbac', REGO);
    await opa.putData('example/users', { alice: { country: 'US' } });
    expect(await opa.getData('app/rbac/us_users')).toEqual({ result: ['alice'] });
    const first = await (await fetch(`${opa.url}/v1/config`)).json();
    await opa.stop();
    await expect(fetch(`${opa.url}/health`)).rejects.toThrow();
    await opa.startAgain();
    expect(await opa.getData('app/rbac/us_users')).toEqual({});
    expect(await (await fetch(`${opa.url}/v1/config`)).json()).not.toEqual(first);
  });
});

describe('real OPAL', () => {
  it('brings a data update and a policy update to its OPA and reports both', async () => {
    const { repo, server } = await startBase();
    const client = owned(await startOpalClient({ server }));
    await until('base data is there', async () => ((await usersOf(client.opaUrl)) as string[]).includes('alice'));
    const listener = await startListener();
    expect((await register(client, listener.url)).status).toBe(200);

    const id = await server.publish([{ url: '', dst_path: '/example/users/carol', data: { country: 'US' } }]);
    await until('the data update is reported', () => listener.bodies.length > 0);
    expect(listener.bodies[0]).toMatchObject({ authorization: 'Bearer mine', body: { update_id: id } });
    expect(await usersOf(client.opaUrl)).toEqual(['alice', 'carol']);

    const commit = await repo.commit({ 'rbac.rego': REGO.replace('"US"', '"FR"') });
    await until('the policy update is reported', () => listener.bodies.find(got => reported(got, commit)));
    expect(await usersOf(client.opaUrl)).toEqual(['bob']);

    await client.stop();
    await client.startAgain();
    expect((await fetch(`${client.url}/callbacks/smoke`)).status).toBe(404);
    await until('base data is there again', async () => ((await usersOf(client.opaUrl)) as string[]).includes('bob'));
  });

  it('feeds an OPA outside, in secure mode, and takes only a listener token for callbacks', async () => {
    const security = createOpalSecurity();
    const opa = owned(await startOpa());
    const { server } = await startBase(security);
    const client = owned(await startOpalClient({ server, opa: opa.url, security }));
    await until('base data is there', async () => ((await usersOf(opa.url)) as string[]).includes('alice'));
    const listener = await startListener();
    expect((await register(client, listener.url)).status).toBe(401);
    expect((await register(client, listener.url, await server.token('client'))).status).toBe(401);
    expect((await register(client, listener.url, await server.token('listener'))).status).toBe(200);
    await server.publish([{ url: '', dst_path: '/example/users/carol', data: { country: 'US' } }]);
    await until('the data update is reported', () => listener.bodies.length > 0);
    expect(await usersOf(opa.url)).toEqual(['alice', 'carol']);
  });
});

function reported(got: unknown, commit: string): boolean {
  return (got as { body: { policy_hash: unknown } }).body.policy_hash === commit;
}
