import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { createServer, type HttpServer } from '../../src/server/server.ts';
import { isSigned } from '../../src/server/webhook.ts';
import { fakeEngine } from '../support/engine.ts';

const secret = 'webhook-secret-canary';
const servers: HttpServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function start({ hasSecret = true, repository = true } = {}) {
  const pushes: (readonly [string, string | undefined])[] = [];
  const engine = {
    ...fakeEngine(),
    ...(repository && {
      pushed(ref: string, defaultBranch: string | undefined) {
        pushes.push([ref, defaultBranch]);
        return ref === 'refs/heads/main';
      },
    }),
  };
  const config = { adminTokens: [], readTokens: [], publicStatus: false, loopback: true };
  const server = createServer({
    engine,
    config,
    metrics: createMetrics('1'),
    log: silentLog,
    ...(hasSecret && { webhookSecret: secret }),
  });
  servers.push(server);
  const { port } = await server.listen('127.0.0.1', 0);
  const url = `http://127.0.0.1:${port}/webhooks/github`;
  async function send(body: string | Buffer, headers: Readonly<Record<string, string>> = {}) {
    const response = await fetch(url, {
      method: 'POST',
      body: new Uint8Array(Buffer.from(body)),
      headers: { 'x-github-event': 'push', 'x-hub-signature-256': sign(body), ...headers },
    });
    return { status: response.status, body: await response.text() };
  }
  return { url, pushes, send };
}

function sign(body: string | Buffer, key = secret): string {
  return `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;
}

const push = (ref: string) => JSON.stringify({ ref, repository: { default_branch: 'main' } });

describe('POST /webhooks/github', () => {
  it('tells the engine of signed pushes, as JSON or as a form', async () => {
    const { send, pushes } = await start();
    expect(await send(push('refs/heads/main'))).toEqual({ status: 200, body: '{"status":"asked"}' });
    expect(await send(push('refs/heads/other'))).toEqual({ status: 200, body: '{"status":"ignored"}' });
    const form = new URLSearchParams({ payload: push('refs/heads/main') }).toString();
    expect((await send(form, { 'content-type': 'application/x-www-form-urlencoded' })).body).toContain('asked');
    expect(pushes).toEqual([
      ['refs/heads/main', 'main'],
      ['refs/heads/other', 'main'],
      ['refs/heads/main', 'main'],
    ]);
    expect(await send('{"zen": "Keep it."}', { 'x-github-event': 'ping' })).toEqual({
      status: 200,
      body: '{"status":"ok"}',
    });
    expect((await send(push('refs/heads/main'), { 'x-github-event': 'release' })).body).toContain('ignored');
    expect(pushes).toHaveLength(3);
  });

  it('believes nothing without the right signature', async () => {
    const { send, pushes } = await start();
    const body = push('refs/heads/main');
    for (const signature of [
      '',
      'sha256=',
      sign(body, 'another'),
      sign(`${body} `),
      sign(body).replace('sha256', 'sha1'),
    ]) {
      const answer = await send(body, { 'x-hub-signature-256': signature });
      expect(answer.status, signature).toBe(401);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'unauthorized', hint: expect.any(String) });
    }
    expect(pushes).toEqual([]);
  });

  it('405, 413, 403 without a secret, 404 without a repository, 400 for a body that is no event', async () => {
    const { url, send, pushes } = await start();
    expect((await fetch(url)).status).toBe(405);
    expect((await send(Buffer.alloc(1024 * 1024 + 1, 'a'))).status).toBe(413);
    for (const body of ['', '[]', 'null', '{"ref": 1}', 'payload=%%', '\u0000']) {
      expect((await send(body)).status, body).toBe(400);
    }
    expect((await (await start({ hasSecret: false })).send(push('x'))).status).toBe(403);
    expect((await (await start({ repository: false })).send(push('x'))).status).toBe(404);
    expect(pushes).toEqual([]);
  });

  it('the signature is that of https://docs.github.com, and covers bytes that are no text', () => {
    const example = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
    expect(isSigned(Buffer.from('Hello, World!'), example, "It's a Secret to Everybody")).toBe(true);
    expect(isSigned(Buffer.from('Hello, World?'), example, "It's a Secret to Everybody")).toBe(false);
    const bytes = Buffer.from([0xff, 0xfe, 0]);
    expect(isSigned(bytes, sign(bytes), secret)).toBe(true);
  });
});
