import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Agent, request } from 'undici';
import { silentLog } from '../../src/lib/log.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { createServer, type HttpServer, type ServerLimits } from '../../src/server/server.ts';
import { fakeEngine } from '../support/engine.ts';

const servers: HttpServer[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await server.close();
});

async function start(limits: Partial<ServerLimits> = {}) {
  const engine = fakeEngine();
  const config = { adminTokens: [], readTokens: [], publicStatus: false, loopback: true };
  const server = createServer({ engine, config, metrics: createMetrics('1'), log: silentLog, limits });
  servers.push(server);
  const { port } = await server.listen('127.0.0.1', 0);
  return { server, engine, port };
}

/** Sends text and gives everything that comes back until the other side closes. */
async function talk(
  port: number,
  text: string,
): Promise<{ received: () => string; closed: Promise<unknown>; socket: Socket }> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let all = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    all += chunk;
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  socket.write(text);
  return { received: () => all, closed, socket };
}

const head = (more: string, token = 'callback-bearer') =>
  `POST /opa_update HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${more}\r\n\r\n`;

describe('the server on its sockets', () => {
  it.each([
    ['a body that never ends', head('Content-Length: 100') + '{'],
    ['chunks that never end', head('Transfer-Encoding: chunked') + '1\r\n{\r\n'],
    ['a body of a stranger', head('Content-Length: 100', 'wrong') + '{'],
    ['headers that never end', 'POST /opa_update HTTP/1.1\r\nHost: x\r\n'],
  ])('closes on a slow sender: %s', async (_, text) => {
    const { port } = await start({ slowSender: 300 });
    const { received, closed } = await talk(port, text);
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 (408|401)/);
  });

  it('answers 401 without waiting for the body', async () => {
    const { port } = await start();
    const { received, socket } = await talk(port, head('Content-Length: 100', 'wrong'));
    if (!received().includes('401')) await once(socket, 'data');
    expect(received()).toMatch(/^HTTP\/1\.1 401/);
  });

  it('answers 413 to chunks beyond 1 MiB as soon as they are', async () => {
    const { port } = await start();
    const { received, socket } = await talk(port, head('Transfer-Encoding: chunked'));
    const answered = once(socket, 'data');
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    for (let i = 0; i < 17; i++) socket.write(chunk);
    await answered;
    expect(received()).toMatch(/^HTTP\/1\.1 413/);
  });

  it('lets a client that sends too much read why', async () => {
    const { port } = await start();
    for (let i = 0; i < 5; i++) {
      const answer = await fetch(`http://127.0.0.1:${port}/opa_update`, {
        method: 'POST',
        headers: { authorization: 'Bearer callback-bearer' },
        body: 'x'.repeat(2 ** 22),
      });
      expect(answer.status).toBe(413);
      expect(await answer.json()).toMatchObject({ code: 'body-too-large' });
    }
  });

  it.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['a header without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['no host', 'GET /livez HTTP/1.1\r\n\r\n', 400],
  ])('ends what it cannot read: %s', async (_, text, status) => {
    const { port } = await start();
    const { received, closed } = await talk(port, text);
    await closed;
    expect(received()).toContain(`HTTP/1.1 ${status} `);
  });

  it('takes a storm of callbacks', async () => {
    const { port, engine } = await start();
    const dispatcher = new Agent({ connections: 50, pipelining: 1 });
    const statuses = new Set<number>();
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        for (let i = 0; i < 20; i++) {
          const { statusCode, body } = await request(`http://127.0.0.1:${port}/opa_update`, {
            method: 'POST',
            headers: { authorization: 'Bearer callback-bearer', 'content-type': 'application/json' },
            body: '{"update":{}}',
            dispatcher,
          });
          await body.dump();
          statuses.add(statusCode);
        }
      }),
    );
    await dispatcher.close();
    expect([...statuses]).toEqual([200]);
    expect(engine.callbacks).toHaveLength(1000);
  });
});

describe('closing', () => {
  it('ends idle connections at once', async () => {
    const { server, port } = await start({ closing: 60_000 });
    const { received, closed, socket } = await talk(port, 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    if (!received().includes('ok')) await once(socket, 'data');
    await server.close();
    await closed;
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
  });

  it('does not wait longer than its limit for who is still sending', async () => {
    const { server, port } = await start({ closing: 100, slowSender: 60_000 });
    const { closed } = await talk(port, head('Content-Length: 100') + '{');
    const { received, socket } = await talk(port, 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    if (!received().includes('ok')) await once(socket, 'data');
    await server.close();
    await closed;
  });

  it('closes a server that never listened', async () => {
    const config = { adminTokens: [], readTokens: [], publicStatus: false, loopback: true };
    const server = createServer({ engine: fakeEngine(), config, metrics: createMetrics('1'), log: silentLog });
    await server.close();
  });
});
