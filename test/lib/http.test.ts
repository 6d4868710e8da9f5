import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { toProblem } from '../../src/domain/problem.ts';
import { createHttpClient, type HttpClient, type HttpClientOptions } from '../../src/lib/http.ts';
import { HttpError } from '../../src/lib/http-error.ts';
import { freePort } from '../support/free-port.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const canary = 'canary-secret-9f2';
let server: Server;
let origin: string;
let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;
let clients: HttpClient[] = [];

beforeEach(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => answer(request, response, Buffer.concat(chunks).toString()));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  answer = (_, response) => response.end('{"ok":true}');
});

afterEach(async () => {
  await Promise.all(clients.map(client => client.close()));
  clients = [];
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

function client(options: Partial<HttpClientOptions> = {}): HttpClient {
  const made = createHttpClient({ name: 'target t', baseUrl: origin, timeout: 10_000, maxBytes: 1000, ...options });
  clients.push(made);
  return made;
}

async function errorOf(promise: Promise<unknown>): Promise<HttpError> {
  const error = await promise.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );
  if (!(error instanceof HttpError)) throw error;
  expect(error.problem.hint).toBeTruthy();
  expect(`${JSON.stringify(error.problem)} ${error.stack} ${String(error.cause)}`).not.toContain(canary);
  expect(toProblem(error)).toBe(error.problem);
  return error;
}

describe('a request', () => {
  it('carries method, path, headers and JSON; the answer has status, headers and body', async () => {
    let seen: unknown;
    answer = (request, response, body) => {
      const { authorization, 'content-type': type, 'x-a': a } = request.headers;
      seen = [request.method, request.url, authorization, type, a, body];
      response.writeHead(201, { 'x-b': 'two' }).end('"ü"');
    };
    const response = await client({ headers: { Authorization: 'Bearer one', 'X-A': 'client' } }).send({
      method: 'POST',
      path: '/v1/data?a=1',
      headers: { 'X-a': 'request' },
      json: { input: 'é' },
    });
    expect(seen).toEqual(['POST', '/v1/data?a=1', 'Bearer one', 'application/json', 'request', '{"input":"é"}']);
    expect([response.status, response.ok, response.header('x-b'), response.json()]).toEqual([201, true, 'two', 'ü']);
  });

  it.each([
    ['', '/key', '/key'],
    ['/', '/key', '/key'],
    ['/prefix', '/key', '/prefix/key'],
    ['/prefix/', '/key', '/prefix/key'],
    ['/hook?token=1', '/key', '/hook/key?token=1'],
    ['/hook?a=1', '/key?b=2', '/hook/key?a=1&b=2'],
    ['/hook?a=1', undefined, '/hook?a=1'],
    ['', undefined, '/'],
  ])('to base %j and path %j goes to %j', async (base, path, expected) => {
    let url: string | undefined;
    answer = (request, response) => {
      url = request.url;
      response.end('{}');
    };
    await client({ baseUrl: origin + base }).send(path === undefined ? {} : { path });
    expect(url).toBe(expected);
  });

  it('turns user and password of the address into a header, and never shows them', async () => {
    let header: string | undefined;
    answer = (request, response) => {
      header = request.headers.authorization;
      response.writeHead(500).end();
    };
    const baseUrl = origin.replace('//', `//me:${canary}@`);
    const error = await errorOf(client({ baseUrl }).json({ path: '/x' }));
    expect(header).toBe(`Basic ${Buffer.from(`me:${canary}`).toString('base64')}`);
    expect(error.problem.message).toContain(`(GET ${new URL(origin).host}/x)`);
  });

  it('keeps its connections', async () => {
    let connections = 0;
    server.on('connection', () => connections++);
    const one = client();
    for (let index = 0; index < 20; index++) await one.json({ path: '/' });
    // A second one when the first is not yet back in the pool.
    expect(connections).toBeLessThanOrEqual(2);
  });

  it('shows each piece of the body as it arrives', async () => {
    answer = (_, response) => {
      response.write('first');
      setImmediate(() => response.end('second'));
    };
    const seen: string[] = [];
    const response = await client().send({ path: '/', onChunk: chunk => seen.push(chunk.toString()) });
    expect(seen.join('')).toBe('firstsecond');
    expect(response.text()).toBe('firstsecond');
  });

  it('asks for gzip only when told, and counts its unpacked size', async () => {
    const asked: unknown[] = [];
    answer = (request, response) => {
      asked.push(request.headers['accept-encoding']);
      const packed = request.headers['accept-encoding'] === 'gzip';
      const body = JSON.stringify('x'.repeat(request.url === '/bomb' ? 100_000 : 10));
      if (packed) response.setHeader('content-encoding', 'gzip');
      response.end(packed ? gzipSync(body) : body);
    };
    expect(await client().json({ path: '/' })).toBe('x'.repeat(10));
    expect(await client().json({ path: '/', gzip: true })).toBe('x'.repeat(10));
    const error = await errorOf(client().json({ path: '/bomb', gzip: true }));
    expect([error.problem.code, error.status]).toEqual(['too-large', 200]);
    expect(asked).toEqual([undefined, 'gzip', 'gzip']);
  });
});

describe('what goes wrong', () => {
  it.each([301, 302, 303, 307, 308])('a redirect (%i) is refused, and where it leads is not told', async status => {
    let asked = 0;
    answer = (_, response) => {
      asked++;
      response.writeHead(status, { location: `http://127.0.0.1:1/${canary}` }).end();
    };
    const error = await errorOf(client().send({ path: '/' }));
    expect([error.problem.code, error.status, asked]).toEqual(['redirect-refused', status, 1]);
  });

  it.each([
    [401, undefined],
    [404, undefined],
    [429, '7'],
    [501, undefined],
    [503, '7'],
  ])('status %i', async (status, retryAfter) => {
    answer = (_, response) => {
      if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
      response.writeHead(status).end(canary);
    };
    const error = await errorOf(client().json({ path: `/a?token=${canary}` }));
    expect(error.problem.code).toBe('http-status');
    expect(error.problem.message).toBe(`target t: answered ${status} (GET ${new URL(origin).host}/a).`);
    expect([error.status, error.retryAfter, error.sent]).toEqual([status, retryAfter && 7000, true]);
  });

  it('a body that is no JSON is not quoted', async () => {
    answer = (_, response) => response.end(`<html>${canary}`);
    expect((await errorOf(client().json({ path: '/' }))).problem.code).toBe('bad-json');
  });

  it('a secret in the path is masked', async () => {
    answer = (_, response) => response.writeHead(404).end();
    const error = await errorOf(client({ secrets: [canary] }).json({ path: `/hooks/${canary}` }));
    expect(error.problem.message).toContain('/hooks/•••');
  });

  it('too large, whether it says so or not', async () => {
    for (const announced of [true, false]) {
      answer = (_, response) => {
        if (announced) response.setHeader('content-length', 2000);
        response.end('x'.repeat(2000));
      };
      const error = await errorOf(client().send({ path: '/' }));
      expect([error.problem.code, error.status, error.sent]).toEqual(['too-large', 200, true]);
    }
    expect((await client().send({ path: '/', maxBytes: 2000 })).bytes().length).toBe(2000);
  });

  it('nobody listens', async () => {
    const port = await freePort();
    const error = await errorOf(client({ baseUrl: `http://127.0.0.1:${port}` }).send({ path: '/' }));
    expect(error.problem.message).toBe(`target t: nobody listens at 127.0.0.1:${port} (GET 127.0.0.1:${port}/).`);
    expect([error.problem.code, error.sent]).toEqual(['unreachable', false]);
  });

  it('nobody listens on IPv6', async () => {
    const port = await freePort();
    const error = await errorOf(client({ baseUrl: `http://[::1]:${port}` }).send({ path: '/' }));
    expect(error.problem.code).toBe('unreachable');
    expect(error.problem.message).toContain(`[::1]:${port}`);
  });

  it('a GET whose kept connection is closed goes again once, a PATCH does not', async () => {
    const asked: (string | undefined)[] = [];
    answer = (request, response) => {
      asked.push(request.method);
      if (asked.length === 1) response.destroy();
      else response.end('{}');
    };
    expect((await client().send({ path: '/' })).status).toBe(200);
    asked.length = 0;
    const error = await errorOf(client().send({ method: 'PATCH', path: '/' }));
    expect([error.problem.code, error.sent]).toEqual(['unreachable', true]);
    expect(asked).toEqual(['PATCH']);
  });

  it('a connection closed before, and in the middle of, the answer', async () => {
    answer = (_, response) => response.destroy();
    expect(await errorOf(client().send({ path: '/' }))).toMatchObject({ problem: { code: 'unreachable' }, sent: true });
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half');
      setImmediate(() => response.destroy());
    };
    expect(await errorOf(client().send({ path: '/' }))).toMatchObject({ problem: { code: 'unreachable' }, sent: true });
  });

  it('not HTTP', async () => {
    const other = createTcpServer(socket => socket.end('220 mail\r\n'));
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
    const baseUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const error = await errorOf(client({ baseUrl }).send({ path: '/' }));
    expect(error.problem.message).toMatch(/does not speak HTTP/);
    other.close();
  });

  it('http where https is wanted', async () => {
    const error = await errorOf(client({ baseUrl: origin.replace('http:', 'https:') }).send({ path: '/' }));
    expect(error.problem.code).toBe('tls');
  });

  it('no answer, or half of one, within the time limit', async () => {
    for (const half of [false, true]) {
      const clock = createFakeClock();
      const asked = new Promise<void>(resolve => {
        answer = (_, response) => {
          if (half) response.write('half');
          resolve();
        };
      });
      const one = client({ clock, timeout: 3000 });
      const failing = errorOf(one.send({ path: '/' }));
      await asked;
      await clock.advance(2999);
      expect(clock.waiting).toBe(1);
      await clock.advance(1);
      const error = await failing;
      expect([error.problem.code, error.sent, clock.waiting]).toEqual(['timeout', true, 0]);
      expect(error.problem.message).toContain('within 3 s');
    }
  });

  it('an abort is the reason of the caller', async () => {
    const stop = new AbortController();
    answer = () => stop.abort('because');
    await expect(client().send({ path: '/', signal: stop.signal })).rejects.toBe('because');
    await expect(client().send({ path: '/', signal: stop.signal })).rejects.toBe('because');
  });

  it.each(['not a url', `ftp://me:${canary}@h/`, canary])('an address that is none: %j', baseUrl => {
    expect(() => client({ baseUrl })).toThrow(/no http or https URL/);
    expect(() => client({ baseUrl })).not.toThrow(canary);
  });

  it('a token with a line break', async () => {
    const error = await errorOf(client({ headers: { authorization: `Bearer ${canary}\n` } }).send({ path: '/' }));
    expect(error.problem.code).toBe('http-settings');
  });

  it('certificate files that are not there, or none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'optoggles-'));
    const text = join(folder, 'ca.pem');
    writeFileSync(text, canary);
    expect(() => client({ tls: { ca: join(folder, 'missing.pem') } })).toThrow(
      /tls\.ca: .*missing\.pem cannot be read/,
    );
    expect(() => client({ tls: { ca: text } })).toThrow(/is no PEM file/);
  });
});

describe('TLS', () => {
  const pem = (file: string) => fileURLToPath(new URL(`../support/tls/${file}`, import.meta.url));
  let secure: SecureServer;
  let secureOrigin: string;

  beforeEach(async () => {
    const certificates = {
      cert: readFileSync(pem('server.pem')),
      key: readFileSync(pem('server.key')),
      ca: readFileSync(pem('ca.pem')),
    };
    secure = createSecureServer(
      { ...certificates, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        response.end(JSON.stringify((request.socket as TLSSocket).getPeerCertificate().subject?.CN ?? null));
      },
    );
    await new Promise<void>(resolve => secure.listen(0, '127.0.0.1', resolve));
    secureOrigin = `https://127.0.0.1:${(secure.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    secure.closeAllConnections();
    await new Promise(resolve => secure.close(resolve));
  });

  it('refuses an authority that it does not know', async () => {
    const error = await errorOf(client({ baseUrl: secureOrigin }).json({ path: '/' }));
    expect([error.problem.code, error.sent]).toEqual(['tls', false]);
    expect(error.problem.hint).toMatch(/tls\.ca/);
  });

  it('takes the configured authority, and shows the configured certificate', async () => {
    const ca = pem('ca.pem');
    expect(await client({ baseUrl: secureOrigin, tls: { ca } }).json({ path: '/' })).toBe(null);
    const tls = { ca, cert: pem('client.pem'), key: pem('client.key') };
    expect(await client({ baseUrl: secureOrigin, tls }).json({ path: '/' })).toBe('client');
  });

  it('refuses a name that is not in the certificate', async () => {
    const baseUrl = secureOrigin.replace('127.0.0.1', '127.0.0.2');
    await new Promise(resolve => secure.close(resolve));
    await new Promise<void>(resolve => secure.listen(Number(new URL(secureOrigin).port), '127.0.0.2', resolve));
    const error = await errorOf(client({ baseUrl, tls: { ca: pem('ca.pem') } }).json({ path: '/' }));
    expect(error.problem.code).toBe('tls');
  });
});

describe('proxy by environment', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('goes through it, except where NO_PROXY says not to', async () => {
    const seen: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, socket) => {
      seen.push(request.url ?? '');
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    proxy.on('request', (request, response) => {
      seen.push(request.url ?? '');
      response.end('"proxied"');
    });
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve));
    vi.stubEnv('http_proxy', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    vi.stubEnv('https_proxy', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    vi.stubEnv('no_proxy', '127.0.0.1');
    expect(await client().json({ path: '/' })).toEqual({ ok: true });
    expect(seen).toEqual([]);
    expect(await client({ baseUrl: 'http://elsewhere.invalid' }).json({ path: '/a' })).toBe('proxied');
    const error = await errorOf(client({ baseUrl: 'https://elsewhere.invalid' }).json({ path: '/b' }));
    expect(error.problem.message).toMatch(/proxy gave no way/);
    expect(seen).toEqual(['http://elsewhere.invalid/a', 'elsewhere.invalid:443']);
    proxy.closeAllConnections();
    proxy.close();
  });
});
