import nock from 'nock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHttpClient, type HttpClient } from '../../src/lib/http.ts';
import { HttpError } from '../../src/lib/http-error.ts';

const origin = 'http://flags.internal';
let client: HttpClient;

beforeEach(() => {
  nock.disableNetConnect();
  client = createHttpClient({ name: 'target rest', baseUrl: origin, timeout: 10_000, maxBytes: 1_000 });
});

afterEach(async () => {
  await client.close();
  expect(nock.pendingMocks()).toEqual([]);
  nock.cleanAll();
  nock.enableNetConnect();
});

async function errorOf(work: Promise<unknown>): Promise<HttpError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof HttpError) return error;
    throw error;
  }
  throw new Error('it went well');
}

describe('what a status means to whoever wants JSON', () => {
  test.each([200, 201])('%i is an answer', async status => {
    nock(origin).get('/a').reply(status, { ok: true });
    expect(await client.json({ path: '/a' })).toEqual({ ok: true });
  });

  test.each([400, 401, 403, 404, 409, 429, 500, 501, 503])('%i is an error that names it', async status => {
    nock(origin).get('/a').reply(status, { secret: 's3cr3t' });
    const error = await errorOf(client.json({ path: '/a' }));
    expect(error.status).toBe(status);
    expect(error.problem.code).toBe('http-status');
    expect(error.problem.message).toContain(String(status));
    expect(error.problem.hint).not.toBe('');
    expect(JSON.stringify(error.problem)).not.toContain('s3cr3t');
  });

  test.each([301, 302, 303, 307, 308])('%i is never followed, and its address is not told', async status => {
    nock(origin).get('/a').reply(status, '', { location: 'http://elsewhere.example/?token=s3cr3t' });
    const error = await errorOf(client.json({ path: '/a' }));
    expect(error.problem.code).toBe('redirect-refused');
    expect(JSON.stringify(error.problem)).not.toContain('s3cr3t');
  });

  test('Retry-After comes with the error, in ms', async () => {
    nock(origin).get('/a').reply(429, '', { 'retry-after': '7' });
    expect((await errorOf(client.json({ path: '/a' }))).retryAfter).toBe(7_000);
  });

  test('an answer over the limit is refused', async () => {
    nock(origin)
      .get('/a')
      .reply(200, `"${'x'.repeat(2_000)}"`);
    expect((await errorOf(client.json({ path: '/a' }))).problem.code).toBe('too-large');
  });
});
