import { afterEach, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import type { RemoteServices } from '../../src/server/remote.ts';
import { createServer, type HttpServer } from '../../src/server/server.ts';
import { ProblemError } from '../../src/domain/problem.ts';
import { planJson } from '../../src/report/json.ts';
import { fakeEngine } from '../support/engine.ts';
import { planOf } from '../support/plans.ts';

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const json = { 'content-type': 'application/json' };
const body = JSON.stringify({ version: 1, definitions: [{ folder: 'flags', files: [{ path: 'a.yaml', text: 'x' }] }] });
const answer = { version: 1, at: '2026-11-21T00:00:00.000Z', instance: 'acme', plans: [] } as const;

const servers: HttpServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

function start(over: Partial<RemoteServices> = {}): HttpServer {
  const services: RemoteServices = {
    plan: async () => ({ ...answer, plans: [{ plan: planJson(planOf()), failed: [], warnings: [] }] }),
    sync: () => Promise.reject(new Error('a fault')),
    ...over,
  };
  const server = createServer({
    engine: fakeEngine(),
    config: {
      adminTokens: [{ name: 'deploy', token: 'admin-token' }],
      readTokens: [{ name: 'ci', token: 'read-token' }],
      publicStatus: true,
      loopback: false,
    },
    metrics: createMetrics('1'),
    log: silentLog,
    redact: text => text.replaceAll('canary', '•••'),
    services,
    limits: { patience: 20 },
  });
  servers.push(server);
  return server;
}

it('a plan needs a token, even where everybody may see the status', async () => {
  const server = start();
  const ask = (headers: Record<string, string>) =>
    server.inject({ method: 'POST', url: '/api/plan', headers: { ...json, ...headers }, payload: body });
  expect((await ask({})).statusCode).toBe(401);
  expect((await ask(bearer('wrong'))).statusCode).toBe(401);
  for (const token of ['read-token', 'admin-token']) expect((await ask(bearer(token))).statusCode).toBe(200);
});

it.each([
  ['no JSON', 'no JSON {'],
  ['nothing', ''],
  ['no definitions', '{"version":1,"definitions":[]}'],
  ['a path that leads elsewhere', body.replace('a.yaml', '../../a.yaml')],
  ['an absolute path', body.replace('a.yaml', '/etc/a.yaml')],
  ['a hidden file', body.replace('a.yaml', 'x/.a.yaml')],
  ['another separator', body.replace('a.yaml', '..\\\\a.yaml')],
  ['a folder that leads elsewhere', body.replace('"flags"', '".."')],
])('400 for %s', async (_, payload) => {
  const asked: unknown[] = [];
  const server = start({
    plan: async request => {
      asked.push(request);
      return { ...answer, plans: [] };
    },
  });
  const headers = { ...json, ...bearer('read-token') };
  const { statusCode, body: text } = await server.inject({ method: 'POST', url: '/api/plan', headers, payload });
  expect(statusCode).toBe(400);
  expect(JSON.parse(text)).toMatchObject({ code: 'bad-body' });
  expect(asked).toEqual([]);
});

it('400 for what a page of another site could send without leave', async () => {
  const headers = { 'content-type': 'text/plain', ...bearer('read-token') };
  const { statusCode } = await start().inject({ method: 'POST', url: '/api/plan', headers, payload: body });
  expect(statusCode).toBe(400);
});

it('what takes longer is asked for again by its id, by those who may', async () => {
  let finish = (): void => {};
  const made = new Promise<void>(resolve => {
    finish = resolve;
  });
  const server = start({
    plan: async () => {
      await made;
      return { ...answer, plans: [], instance: 'canary' };
    },
  });
  const headers = { ...json, ...bearer('read-token') };
  const first = await server.inject({ method: 'POST', url: '/api/plan', headers, payload: body });
  expect(first.statusCode).toBe(202);
  const { id } = first.json<{ id: string }>();
  const again = (token: Record<string, string>) => server.inject({ url: `/api/jobs/${id}`, headers: token });
  expect((await again(bearer('read-token'))).statusCode).toBe(202);
  expect((await again({})).statusCode).toBe(401);
  finish();
  const done = await again(bearer('read-token'));
  expect(done.statusCode).toBe(200);
  expect(done.json()).toMatchObject({ version: 1, instance: '•••' });
  expect((await server.inject({ url: '/api/jobs/nothing', headers: bearer('read-token') })).statusCode).toBe(404);
});

it('429 where as much as may is at work already, and its end makes room', async () => {
  let finish = (): void => {};
  const made = new Promise<void>(resolve => {
    finish = resolve;
  });
  const server = start({ plan: () => made.then(() => ({ ...answer, plans: [] })) });
  const ask = () =>
    server.inject({
      method: 'POST',
      url: '/api/plan',
      headers: { ...json, ...bearer('read-token') },
      payload: body,
    });
  const statuses = (await Promise.all(Array.from({ length: 9 }, ask))).map(({ statusCode }) => statusCode);
  expect(statuses.toSorted((a, b) => a - b)).toEqual([...Array<number>(8).fill(202), 429]);
  finish();
  await made;
  expect((await ask()).statusCode).toBe(200);
});

it('a sync of a commit is for admins; its result is for nobody else', async () => {
  const payload = JSON.stringify({ commit: 'c'.repeat(40) });
  const refusal = new ProblemError({ code: 'commit-not-there', message: 'It is not there.', hint: 'Push it.' });
  const server = start({
    sync: async () => {
      await new Promise(resolve => setTimeout(resolve, 60));
      throw refusal;
    },
  });
  const ask = (token: string) => server.inject({ method: 'POST', url: '/api/sync', headers: bearer(token), payload });
  expect((await ask('read-token')).statusCode).toBe(401);
  const first = await ask('admin-token');
  expect(first.statusCode).toBe(202);
  const url = `/api/jobs/${first.json<{ id: string }>().id}`;
  expect((await server.inject({ url, headers: bearer('read-token') })).statusCode).toBe(404);
  const wait = async (): Promise<{ statusCode: number; code?: string }> => {
    const { statusCode, body: text } = await server.inject({ url, headers: bearer('admin-token') });
    if (statusCode === 202) return wait();
    return { statusCode, ...(JSON.parse(text) as { code?: string }) };
  };
  expect(await wait()).toMatchObject({ statusCode: 409, code: 'commit-not-there' });
  const fault = await start().inject({ method: 'POST', url: '/api/sync', headers: bearer('admin-token'), payload });
  expect(fault.statusCode).toBe(500);
  expect(fault.body).not.toContain('a fault');
});
