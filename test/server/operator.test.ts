import { afterEach, describe, expect, it } from 'vitest';
import type { Config } from '../../src/domain/config.ts';
import { createLog } from '../../src/server/log.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { createServer, type HttpServer } from '../../src/server/server.ts';
import { memoryState } from '../../src/state/store.ts';
import { createOperator } from '../../src/tasks/operator.ts';
import { fakeEngine } from '../support/engine.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const admin = 'admin-token-canary';
const reader = 'read-token-canary';

const servers: HttpServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

function start() {
  const clock = createFakeClock();
  const store = memoryState({ instance: 'test', clock });
  store.saveDefinitions([{ key: 'beta', file: 'flags/beta.yaml', text: '' }], []);
  const config = {
    sources: [{ id: 'main' }],
    targets: [{ name: 'local', environments: ['production', 'test'] }],
  } as unknown as Config;
  const heard = { overridden: 0, approved: 0 };
  const line = {
    overridden: () => void heard.overridden++,
    approved: () => void heard.approved++,
    definitions: { current: undefined, confirmed: true, scan: () => Promise.reject(new Error('no scan')) },
  };
  const engine = fakeEngine();
  const metrics = createMetrics('1.2.3');
  metrics.bind(engine);
  const lines: string[] = [];
  const stream = { write: (text: string) => void lines.push(text) };
  const server = createServer({
    engine,
    operator: createOperator({ config, store, clock, line }),
    config: {
      adminTokens: [{ name: 'oncall', token: admin }],
      readTokens: [{ name: 'dashboard', token: reader }],
      publicStatus: true,
      loopback: true,
    },
    metrics,
    log: createLog({ terminal: false, level: 'debug', secrets: [], stream }),
  });
  servers.push(server);
  async function post(url: string, body: unknown, token = admin) {
    const payload = typeof body === 'string' ? body : JSON.stringify(body);
    const headers = { authorization: `Bearer ${token}` };
    const answer = await server.inject({ method: 'POST', url, headers, payload });
    return { status: answer.statusCode, body: JSON.parse(answer.body) as Record<string, unknown> };
  }
  return { post, store, clock, heard, engine, server, lines };
}

describe('POST /api/overrides', () => {
  it('puts in force what it says, by the name of the token, and the line hears of it', async () => {
    const { post, store, clock, heard } = start();
    expect(await post('/api/overrides', { off: 'beta', environment: 'test', reason: 'an incident' })).toEqual({
      status: 200,
      body: { id: expect.stringMatching(/^[0-9a-f]{12}$/), what: 'beta is switched off in test', until: null },
    });
    const denied = await post('/api/overrides', { deny: 'canary-alice', for: '24h' });
    const until = new Date(clock.now() + 86_400_000).toISOString();
    expect(denied).toMatchObject({ status: 200, body: { until } });
    expect(denied.body.what).toBe(`user ${store.memberTag('canary-alice')} is denied`);
    expect((await post('/api/overrides', { pause: 'local' })).body.what).toBe('target local is paused');
    expect(store.overrides(clock.now()).map(({ by }) => by)).toEqual(['oncall', 'oncall', 'oncall']);
    expect(heard.overridden).toBe(3);
  });

  it.each([
    ['an unknown toggle', { off: 'bets' }, 404, 'unknown-toggle'],
    ['an unknown environment', { off: 'beta', environment: 'staging' }, 404, 'unknown-environment'],
    ['nothing of that name', { pause: 'nothing' }, 404, 'unknown-name'],
    ['a toggle, not a source', { pause: 'beta', kind: 'source' }, 404, 'unknown-name'],
    ['no user', { deny: 'a\u0000b' }, 400, 'bad-member'],
    ['two things at once', { deny: 'alice', off: 'beta' }, 400, 'bad-body'],
    ['nothing', {}, 400, 'bad-body'],
    ['no duration', { deny: 'alice', for: 'ever' }, 400, 'bad-body'],
    ['an unknown key', { deny: 'alice', fore: '1h' }, 400, 'bad-body'],
    ['no JSON', 'deny=alice', 400, 'bad-body'],
    ['a reason of two lines', { deny: 'alice', reason: 'a\nb' }, 400, 'bad-reason'],
  ])('refuses %s', async (_, body, status, code) => {
    const { post, store, clock } = start();
    const answer = await post('/api/overrides', body);
    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.body.hint).toBeTruthy();
    expect(JSON.stringify(answer)).not.toContain('alice');
    expect(store.overrides(clock.now())).toEqual([]);
  });

  it('takes admins only, another method not at all, and writes no name to the log', async () => {
    const { post, server, store, clock, lines } = start();
    expect((await post('/api/overrides', { deny: 'canary-alice' }, reader)).status).toBe(401);
    expect((await post('/api/resume', { name: 'canary-alice' }, 'wrong')).status).toBe(401);
    expect(store.overrides(clock.now())).toEqual([]);
    expect((await server.inject({ method: 'GET', url: '/api/overrides' })).statusCode).toBe(405);
    await post('/api/overrides', { deny: 'canary-alice' });
    await post('/api/resume', { name: 'canary-alice' });
    expect(lines.join('')).not.toContain('canary');
  });
});

describe('POST /api/resume', () => {
  it('takes back by name or by id', async () => {
    const { post, store, clock } = start();
    const { body } = await post('/api/overrides', { deny: 'alice' });
    await post('/api/overrides', { off: 'beta' });
    await post('/api/overrides', { pause: 'beta' });
    expect((await post('/api/resume', { name: body.id })).body).toMatchObject({ resumed: [{ id: body.id }] });
    // The toggle is one thing, whatever was said of it.
    expect((await post('/api/resume', { name: 'beta' })).body.resumed).toHaveLength(2);
    expect(store.overrides(clock.now())).toEqual([]);
    const told = [...store.auditLog()].filter(({ what }) => what === 'resumed');
    expect(told.map(({ by }) => by)).toEqual(['oncall', 'oncall', 'oncall']);
  });

  it('tells what there is where the name is of nothing, or of two things', async () => {
    const { post } = start();
    await post('/api/overrides', { deny: 'main' });
    await post('/api/overrides', { pause: 'main' });
    const unknown = await post('/api/resume', { name: 'canary-bob' });
    expect(unknown).toMatchObject({ status: 404, body: { code: 'unknown-override' } });
    expect(unknown.body.hint).toContain('source main is paused');
    expect(JSON.stringify(unknown)).not.toContain('canary');
    expect(await post('/api/resume', { name: 'main' })).toMatchObject({
      status: 400,
      body: { code: 'ambiguous-name' },
    });
    expect((await post('/api/resume', { name: 'main', kind: 'source' })).status).toBe(200);
    expect((await post('/api/resume', { name: 'main' })).status).toBe(200);
  });
});

describe('POST /api/approvals', () => {
  it('opens a window for a source, recorded with the name of the token', async () => {
    const { post, store, clock, heard } = start();
    const until = new Date(clock.now() + 900_000).toISOString();
    const asked = { source: 'main', for: '15m', reason: 'moving tenants' };
    expect(await post('/api/approvals', asked)).toEqual({ status: 200, body: { source: 'main', until } });
    expect(store.windows(clock.now())).toMatchObject([{ source: 'main', by: 'oncall', reason: 'moving tenants' }]);
    expect(heard.approved).toBe(1);
    expect([...store.auditLog()]).toMatchObject([{ what: 'approved', by: 'oncall' }]);
  });

  it('refuses a window without a reason or a time, for an unknown source, and beside an id', async () => {
    const { post, store, clock } = start();
    const asked = { source: 'main', for: '15m', reason: 'moving tenants' };
    expect((await post('/api/approvals', { ...asked, reason: '' })).status).toBe(400);
    expect((await post('/api/approvals', { source: 'main', reason: 'x' })).status).toBe(400);
    expect((await post('/api/approvals', { ...asked, id: 'b1c2' })).status).toBe(400);
    const other = await post('/api/approvals', { ...asked, source: 'other' });
    expect(other).toMatchObject({ status: 404, body: { code: 'unknown-source' } });
    expect(store.windows(clock.now())).toEqual([]);
  });
});
