import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createHttpClient } from '../../src/lib/http.ts';
import { networkWithDates } from '../../src/lib/http-dates.ts';
import { checkClock } from '../../src/tasks/doctor.ts';
import { checkCallbacks } from '../../src/tasks/doctor-callbacks.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFakeSource } from '../support/fake-source.ts';

it.each<[readonly number[], string, string]>([
  [[-900, -100, -500], 'ok', 'agree'],
  [[-30_400], 'ok', 'agree'],
  [[89_500, 90_000, 0], 'warn', '90 s ahead of'],
  [[-3_600_500], 'warn', '3600 s behind'],
])('a clock that differs by %j ms is %s', (skews, state, text) => {
  expect(checkClock(skews)).toMatchObject({ state, message: expect.stringContaining(text) });
});

it('the clock of the other side is heard with each answer', async () => {
  const server = createServer((_, response) => {
    response.setHeader('date', 'Sat, 21 Nov 2026 00:00:00 GMT');
    response.end('{"a":1}');
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const heard: number[] = [];
  const client = createHttpClient({
    name: 'peer',
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    timeout: 5000,
    maxBytes: 1000,
    network: networkWithDates(date => heard.push(date)),
  });
  expect(await client.json({ path: '/' })).toEqual({ a: 1 });
  expect(heard).toEqual([Date.UTC(2026, 10, 21)]);
  await client.close();
});

it('a callback that does not come is a failure with the setting of OPAL that is off by default', async () => {
  const ended: string[] = [];
  const source = {
    ...createFakeSource('opal', createFakeClock()),
    callbackTrial: async () => ({
      bearer: 'b',
      trigger: async () => {},
      end: async () => void ended.push('ended'),
    }),
  };
  const config = { bind: { host: '127.0.0.1', port: 0 }, readTokens: [], adminTokens: [] };
  const { signal } = new AbortController();
  const checks = [];
  for await (const check of checkCallbacks(source, { config, signal, patience: 10 })) checks.push(check);
  expect(checks).toMatchObject([
    { what: 'called back', state: 'fail', hint: expect.stringContaining('OPAL_SHOULD_REPORT_ON_DATA_UPDATES=true') },
  ]);
  expect(ended).toEqual(['ended']);
});
