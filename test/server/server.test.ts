import { afterEach, describe, expect, it } from 'vitest';
import type { ProblemError } from '../../src/domain/problem.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createRedactor } from '../../src/lib/redact.ts';
import type { AccessConfig } from '../../src/server/access.ts';
import { createLog } from '../../src/server/log.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { createServer, type HttpServer } from '../../src/server/server.ts';
import { exampleStatus, type FakeEngine, fakeEngine } from '../support/engine.ts';

const admin = 'admin-token-canary';
const reader = 'read-token-canary';
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const config: AccessConfig = {
  adminTokens: [{ name: 'oncall', token: admin }],
  readTokens: [{ name: 'dashboard', token: reader }],
  publicStatus: false,
  loopback: true,
};

const servers: HttpServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

function start(over: Partial<AccessConfig> = {}, engine: FakeEngine = fakeEngine()) {
  const metrics = createMetrics('1.2.3');
  metrics.bind(engine);
  const server = createServer({ engine, config: { ...config, ...over }, metrics, log: silentLog });
  servers.push(server);
  return { server, engine };
}

describe('POST /opa_update', () => {
  it('answers 200 whatever the body, and tells the engine', async () => {
    const { server, engine } = start();
    const bodies = ['', '{}', 'no JSON {', '\u0000\uffff', '{"__proto__": 1}'];
    for (const payload of bodies) {
      for (const type of ['application/json', 'text/plain', 'nonsense', undefined]) {
        const headers = { ...bearer('callback-bearer'), ...(type && { 'content-type': type }) };
        const answer = await server.inject({ method: 'POST', url: '/opa_update', headers, payload });
        expect(answer.statusCode, `${type} ${payload}`).toBe(200);
        expect(answer.body).toBe('');
      }
    }
    expect(engine.callbacks).toHaveLength(bodies.length * 4);
  });

  it.each([
    ['no bearer', {}],
    ['a wrong one', bearer('wrong')],
    ['an admin token', bearer(admin)],
    ['no scheme', { authorization: 'callback-bearer' }],
    ['another scheme', { authorization: 'Basic callback-bearer' }],
    ['an empty one', { authorization: 'Bearer ' }],
  ])('answers 401 to %s', async (_, headers) => {
    const { server, engine } = start();
    const answer = await server.inject({ method: 'POST', url: '/opa_update', headers, payload: 'x'.repeat(2 ** 21) });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(engine.callbacks).toEqual([]);
  });

  it('answers 413 over 1 MiB, with and without a length, and 200 at 1 MiB', async () => {
    const { server } = start();
    const post = (payload: string) =>
      server.inject({ method: 'POST', url: '/opa_update', headers: bearer('callback-bearer'), payload });
    expect((await post('x'.repeat(2 ** 20))).statusCode).toBe(200);
    expect((await post('x'.repeat(2 ** 20 + 1))).statusCode).toBe(413);
  });

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'] as const)('answers 405 to %s', async method => {
    const { server, engine } = start();
    const answer = await server.inject({
      method: method as 'GET',
      url: '/opa_update?x=1',
      headers: bearer('callback-bearer'),
    });
    expect(answer.statusCode).toBe(405);
    expect(answer.headers.allow).toBe('POST');
    expect(engine.callbacks).toEqual([]);
  });
});

describe('health', () => {
  it.each(['/health/live', '/livez', '/readyz'])('%s is 200 in every phase', async url => {
    const { server, engine } = start();
    for (const phase of ['starting', 'ok', 'failing'] as const) {
      engine.now.health = { ...engine.now.health, phase };
      expect((await server.inject(url)).statusCode).toBe(200);
    }
  });

  it.each([
    ['starting', 503, 503],
    ['ok', 200, 200],
    ['failing', 500, 200],
  ] as const)('in phase %s /health is %d, /health/started %d', async (phase, health, started) => {
    const { server, engine } = start();
    engine.now.health = { ...engine.now.health, phase };
    const answer = await server.inject('/health');
    expect(answer.statusCode).toBe(health);
    expect(answer.json()).toMatchObject({ status: phase, blocked: 1, targets: { ok: 1, failing: 0 } });
    expect((await server.inject('/health/started')).statusCode).toBe(started);
  });

  it('answers HEAD', async () => {
    const { server } = start();
    expect((await server.inject({ method: 'HEAD', url: '/health/live' })).statusCode).toBe(200);
  });
});

describe('GET /api/status', () => {
  it('is the status, and 304 until it changes', async () => {
    const { server, engine } = start();
    const first = await server.inject('/api/status');
    expect(first.statusCode).toBe(200);
    expect(first.json()).toEqual(exampleStatus());
    const again = { url: '/api/status', headers: { 'if-none-match': String(first.headers.etag) } };
    const same = await server.inject(again);
    expect(same.statusCode).toBe(304);
    expect(same.body).toBe('');
    engine.now.status = { ...exampleStatus(), commit: 'abc' };
    expect((await server.inject(again)).json().commit).toBe('abc');
  });

  it('is made once for each status', async () => {
    const { server, engine } = start();
    let made = 0;
    engine.now.status = Object.assign(exampleStatus(), {
      toJSON() {
        made++;
        return { ...exampleStatus() };
      },
    });
    for (let i = 0; i < 5; i++) await server.inject('/api/status');
    expect(made).toBe(1);
  });

  it('never shows a secret', async () => {
    const engine = fakeEngine();
    const metrics = createMetrics('1');
    engine.now.status = { ...exampleStatus(), problems: [{ code: 'x', message: 'failed with canary-"secret' }] };
    const redact = createRedactor(['canary-"secret']);
    const server = createServer({ engine, config, metrics, log: silentLog, redact });
    servers.push(server);
    const answer = await server.inject('/api/status');
    expect(answer.json().problems[0].message).toBe('failed with •••');
  });
});

describe('who may read', () => {
  const read = async (server: HttpServer, url: string, headers: Record<string, string>) =>
    (await server.inject({ url, headers: { host: 'optoggles.example', ...headers } })).statusCode;

  it.each(['/', '/api/status'])('%s: anybody on a loopback address that is called so', async url => {
    const { server } = start();
    for (const host of ['127.0.0.1:8080', 'localhost:8080', 'LOCALHOST', '[::1]:8080', '127.0.0.1']) {
      expect(await read(server, url, { host })).toBe(200);
    }
  });

  it.each(['/', '/api/status', '/metrics'])('%s: not a page of another site that resolves to loopback', async url => {
    const { server } = start();
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '127.0.0.1@evil',
      '[::2]',
    ]) {
      expect(await read(server, url, { host }), host).toBe(401);
    }
    expect(await read(server, url, bearer(reader))).toBe(200);
  });

  it.each(['/', '/api/status'])('%s: bound elsewhere only with a token', async url => {
    const { server } = start({ loopback: false });
    expect(await read(server, url, {})).toBe(401);
    expect(await read(server, url, { host: 'localhost' })).toBe(401);
    expect(await read(server, url, bearer('wrong'))).toBe(401);
    expect(await read(server, url, bearer(admin))).toBe(200);
    expect(await read(server, url, bearer(reader))).toBe(200);
  });

  it('anybody where the status is public', async () => {
    const { server } = start({ loopback: false, publicStatus: true });
    expect(await read(server, '/', {})).toBe(200);
    expect(await read(server, '/api/status', {})).toBe(200);
  });

  it('takes no empty token, as a variable that is not set gives', async () => {
    const { server } = start({ loopback: false, adminTokens: [{ name: 'a', token: '' }], readTokens: [] });
    for (const authorization of ['Bearer ', 'Bearer', 'bearer  ', '']) {
      expect(await read(server, '/api/status', { authorization })).toBe(401);
    }
  });

  it('a browser without a token gets the page that asks for it, without data', async () => {
    const { server } = start({ loopback: false });
    const answer = await server.inject({ url: '/', headers: { accept: 'text/html,*/*' } });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['content-type']).toContain('text/html');
    expect(answer.body).toContain('Bearer token');
    expect(answer.body).not.toContain('acme-prod');
  });

  it('metrics are for any scraper where the address is not loopback', async () => {
    const { server } = start({ loopback: false });
    expect(await read(server, '/metrics', {})).toBe(200);
  });
});

describe.each(['/api/sync', '/api/approvals'])('POST %s', url => {
  it('is 403 when no admin token is configured, 401 without the right one', async () => {
    const none = start({ adminTokens: [] });
    expect((await none.server.inject({ method: 'POST', url, headers: bearer(admin) })).statusCode).toBe(403);
    const { server, engine } = start();
    for (const headers of [{}, bearer('wrong'), bearer(reader), bearer('callback-bearer')]) {
      const answer = await server.inject({ method: 'POST', url, headers, payload: '{"id":"b1c2"}' });
      expect(answer.statusCode).toBe(401);
    }
    expect([...engine.syncs, ...engine.approvals]).toEqual([]);
  });

  it('is 405 for GET', async () => {
    const { server } = start();
    const answer = await server.inject({ url, headers: bearer(admin) });
    expect([answer.statusCode, answer.headers.allow]).toEqual([405, 'POST']);
  });
});

describe('what operators may do', () => {
  const post = async (url: string, payload: string, type?: string) => {
    const { server, engine } = start();
    const headers = { ...bearer(admin), ...(type && { 'content-type': type }) };
    return { answer: await server.inject({ method: 'POST', url, headers, payload }), engine };
  };

  it('a pass over everything, in the name of the token', async () => {
    const { answer, engine } = await post('/api/sync', '');
    expect(answer.statusCode).toBe(200);
    expect(engine.syncs).toEqual(['oncall']);
  });

  it.each(['application/json', 'application/x-www-form-urlencoded', 'text/plain'])('an approval (%s)', async type => {
    const { answer, engine } = await post('/api/approvals', '{"id":"b1c2"}', type);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ id: 'b1c2', until: '2026-11-01T13:00:00.000Z' });
    expect(engine.approvals).toEqual([{ id: 'b1c2', by: 'oncall' }]);
  });

  it('404 for an id that no block has', async () => {
    expect((await post('/api/approvals', '{"id":"ffff"}')).answer.statusCode).toBe(404);
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '"b1c2"',
    '{}',
    '{"id":1}',
    '{"id":""}',
    '{"__proto__":{"id":"b1c2"}}',
    `{"id":"${'x'.repeat(201)}"}`,
  ])('400 for the body %j', async payload => {
    const { answer, engine } = await post('/api/approvals', payload);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'bad-body', hint: expect.any(String) });
    expect(engine.approvals).toEqual([]);
  });

  it('413 over 1 MiB', async () => {
    expect((await post('/api/approvals', 'x'.repeat(2 ** 20 + 1))).answer.statusCode).toBe(413);
  });
});

describe('every answer', () => {
  it('is 404 in JSON where there is nothing, before a body is read', async () => {
    const { server } = start();
    for (const url of ['/nothing', '/health/', '/..%2f..%2fetc/passwd', '/page/index.html', '/favicon.ico']) {
      const answer = await server.inject({ method: 'POST', url, payload: '{', headers: { 'content-type': 'x' } });
      expect(answer.statusCode, url).toBe(404);
      expect(answer.json()).toMatchObject({ code: 'not-found', hint: expect.any(String) });
    }
  });

  it('is 400 for an address that cannot be read', async () => {
    const { server } = start();
    const answer = await server.inject('/%zz');
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'bad-request' });
  });

  it.each(['/', '/health', '/metrics', '/api/status', '/nothing', '/page.js'])(
    '%s carries the safe headers',
    async url => {
      const { server } = start();
      const { headers } = await server.inject(url);
      expect(headers['content-security-policy']).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      );
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
      expect(headers['cache-control']).toBe('no-store');
      expect(headers).not.toHaveProperty('server');
      expect(headers).not.toHaveProperty('x-powered-by');
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    },
  );

  it('tells nothing of what broke inside; the log does, without secrets', async () => {
    const lines: string[] = [];
    const log = createLog({ terminal: false, level: 'info', secrets: [admin], stream: { write: t => lines.push(t) } });
    const engine = fakeEngine();
    engine.status = () => {
      throw new Error(`broken inside with ${admin}`);
    };
    const server = createServer({ engine, config, metrics: createMetrics('1'), log });
    servers.push(server);
    const answer = await server.inject('/api/status');
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toMatch(/broken inside|node:|\.ts|canary/);
    expect(lines.join('')).toContain('broken inside with •••');
  });
});

describe('listening', () => {
  it('says what to do when the port is taken', async () => {
    const { server } = start();
    const { port } = await server.listen('127.0.0.1', 0);
    const other = start().server;
    const error = await other.listen('127.0.0.1', port).catch((error: ProblemError) => error);
    expect(error).toMatchObject({
      problem: {
        code: 'port-in-use',
        message: `Another program listens on 127.0.0.1:${port}.`,
        hint: expect.stringContaining('"bind"'),
      },
    });
  });

  it('says so when the address is not one of this machine', async () => {
    const error = await start()
      .server.listen('192.0.2.1', 0)
      .catch((error: ProblemError) => error);
    expect(error).toMatchObject({ problem: { code: 'address-not-available' } });
  });
});
