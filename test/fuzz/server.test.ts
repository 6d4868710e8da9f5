import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Log } from '../../src/lib/log.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { createServer, type HttpServer } from '../../src/server/server.ts';
import { type FakeEngine, fakeEngine } from '../support/engine.ts';
import { mutated, mutatedBytes, nested } from './mutate.ts';

const secret = 'canary-token-webhook';
const admin = 'canary-token-admin';
const servers: HttpServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

interface Started {
  readonly server: HttpServer;
  readonly engine: FakeEngine & { pushes: number };
  readonly errors: string[];
  readonly port: number;
}

async function start(): Promise<Started> {
  const engine = Object.assign(fakeEngine(), {
    pushes: 0,
    pushed(ref: string) {
      engine.pushes += 1;
      return ref === 'refs/heads/main';
    },
  });
  const errors: string[] = [];
  const log: Log = { ...silentLog, error: (_, message) => void errors.push(message), child: () => log };
  const metrics = createMetrics('1');
  metrics.bind(engine);
  const config = {
    adminTokens: [{ name: 'oncall', token: admin }],
    readTokens: [],
    publicStatus: false,
    loopback: true,
  };
  const limits = { slowSender: 400, closing: 200 };
  const server = createServer({ engine, config, metrics, log, webhookSecret: secret, limits });
  servers.push(server);
  const { port } = await server.listen('127.0.0.1', 0);
  return { server, engine, errors, port };
}

/** Sends bytes and gives what came back, at the latest when the server closes. */
function send(port: number, bytes: Uint8Array, patience = 1_500): Promise<string> {
  return new Promise(resolve => {
    let all = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    const late = setTimeout(() => socket.destroy(), patience);
    socket.setEncoding('latin1').on('data', (text: string) => (all += text));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(late);
      resolve(all);
    });
  });
}

function request(method: string, path: string, more: string, body = ''): string {
  return `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`;
}

const callback = request('POST', '/opa_update', 'Authorization: Bearer callback-bearer\r\n', '{"update_id":"u"}');
const approval = request('POST', '/api/approvals', `Authorization: Bearer ${admin}\r\n`, '{"id":"0123456789abcdef"}');
const status = request('GET', '/api/status', 'If-None-Match: "x"\r\n');

/** Every answer in what came back. */
function statuses(received: string): number[] {
  return [...received.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, code]) => Number(code));
}

async function stillServes({ port, errors }: Started): Promise<void> {
  expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
  expect(errors).toEqual([]);
}

describe('what strangers send', () => {
  it('is answered below 500 or cut off, and never costs the server its life', async () => {
    const started = await start();
    const texts = mutated(callback, approval, status).map(text => Buffer.from(text));
    const bytes = mutatedBytes(Buffer.from(callback));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(texts, bytes), { minLength: 6, maxLength: 6 }), async all => {
        for (const received of await Promise.all(all.map(one => send(started.port, one)))) {
          for (const code of statuses(received)) expect(code).toBeLessThan(500);
          expect(received).not.toContain('canary-token');
        }
      }),
      { numRuns: 25 },
    );
    await stillServes(started);
  });

  it('tells the engine of nothing without a bearer', async () => {
    const started = await start();
    const header = fc
      .string({ unit: 'binary', maxLength: 40 })
      .map(text => text.replaceAll('\r', '').replaceAll('\n', '').replaceAll('\0', ''));
    await fc.assert(
      fc.asyncProperty(header, async authorization => {
        fc.pre(!/^bearer\s+callback-bearer\s*$/i.test(authorization.trim()));
        const text = request('POST', '/opa_update', `Authorization: ${authorization}\r\n`, '{}');
        const received = await send(started.port, Buffer.from(text));
        for (const code of statuses(received)) expect([400, 401]).toContain(code);
      }),
      { numRuns: 80 },
    );
    expect(started.engine.callbacks).toEqual([]);
    await stillServes(started);
  });

  it.each([
    ['a request line without end', `GET /${'a'.repeat(200_000)}`],
    ['ten thousand headers', `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(10_000)}\r\n`],
    ['two lengths', 'POST /opa_update HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}'],
    [
      'a length and chunks',
      'POST /api/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/status HTTP/1.1\r\n\r\n',
    ],
    [
      'a chunk of 2^64 bytes',
      'POST /opa_update HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer callback-bearer\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nx',
    ],
    ['an upgrade', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['a proxy request', 'GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['CONNECT', 'CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a way up', 'GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['a coded way up', 'GET /%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['bad percent signs', 'GET /%E0%A4%A HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['TLS', '\u0016\u0003\u0001\u0002\u0000\u0001'],
  ])('may be %s', async (_, text) => {
    const started = await start();
    const received = await send(started.port, Buffer.from(text, 'latin1'));
    for (const code of statuses(received)) expect(code).toBeLessThan(500);
    expect(received).not.toMatch(/root:|meta-data/);
    expect(started.engine.callbacks.length).toBeLessThanOrEqual(1);
    await stillServes(started);
  });

  it('a thousand connections that say nothing do not keep others out', async () => {
    const started = await start();
    const idle = Array.from({ length: 300 }, () => {
      const socket = connect(started.port, '127.0.0.1').on('error', () => {});
      socket.write('POST /opa_update HTTP/1.1\r\n');
      return socket;
    });
    await stillServes(started);
    for (const socket of idle) socket.destroy();
  });
});

describe('what is sent to the webhook', () => {
  const push = JSON.stringify({ ref: 'refs/heads/main', repository: { default_branch: 'main' } });

  function signed(body: string, by = secret): Record<string, string> {
    return {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-hub-signature-256': `sha256=${createHmac('sha256', by).update(body).digest('hex')}`,
    };
  }

  it('counts only as it was signed', async () => {
    const { server, engine } = await start();
    await fc.assert(
      fc.asyncProperty(mutated(push), async body => {
        fc.pre(body !== push);
        const answer = await server.inject({
          method: 'POST',
          url: '/webhooks/github',
          headers: signed(push),
          payload: body,
        });
        expect(answer.statusCode).toBe(401);
      }),
      { numRuns: 80 },
    );
    expect(engine.pushes).toBe(0);
  });

  it('with a good signature asks for a look, or is no event', async () => {
    const { server, engine, errors } = await start();
    const form = `payload=${encodeURIComponent(push)}`;
    const check = async (body: string): Promise<void> => {
      const before = engine.pushes;
      const payload = body.toWellFormed();
      const answer = await server.inject({
        method: 'POST',
        url: '/webhooks/github',
        headers: signed(payload),
        payload,
      });
      expect([200, 400]).toContain(answer.statusCode);
      if (answer.statusCode === 400) expect(engine.pushes).toBe(before);
    };
    await fc.assert(fc.asyncProperty(mutated(push, form), check), { numRuns: 100 });
    for (const body of [nested('[', ']'), nested('{"ref":', '}'), '{"ref":{}}', '', `payload=${'%'.repeat(1000)}`])
      await check(body);
    expect(errors).toEqual([]);
  });
});
