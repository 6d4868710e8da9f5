import { createServer } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { optoggles, startOptoggles } from '../support/program.ts';
import { listsText, project } from '../support/project.ts';

const many = Array.from({ length: 20 }, (_, index) => `canary-user-${index}`);

interface Received {
  readonly path: string;
  readonly body: string;
}

/** Takes what is posted; the first `failures` requests are answered with 500. */
async function receiver(failures: number): Promise<{ readonly url: string; readonly got: readonly Received[] }> {
  const got: Received[] = [];
  let left = failures;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', chunk => (body += String(chunk)));
    request.on('end', () => {
      response.statusCode = left-- > 0 ? 500 : 200;
      if (response.statusCode === 200) got.push({ path: request.url ?? '', body });
      response.end('ok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got };
}

it('a running instance tells a webhook and Slack of a block, and of its end, without names and secrets', async () => {
  const { url, got } = await receiver(2);
  const folder = project({
    lists: { 'app.rbac.beta': many },
    config: {
      notify: [
        { type: 'webhook', url: '${PAGER}' },
        { type: 'slack', url: `${url}/services/canary-secret-path`, events: ['blocked'] },
      ],
    },
  });
  const pager = `${url}/canary-pager-path?key=canary-pager-key`;
  const running = startOptoggles(folder, ['run'], { PAGER: pager });
  await running.url;
  writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': many.slice(0, 10) }));
  await vi.waitFor(() => expect(got).toHaveLength(2), { timeout: 20_000, interval: 50 });
  const byPath = (path: string) =>
    got.filter(one => one.path.startsWith(path)).map(one => JSON.parse(one.body) as unknown);
  const id = expect.stringMatching(/^[0-9a-f]{16}$/);
  expect(byPath('/canary-pager-path')).toEqual([
    {
      version: 1,
      event: 'blocked',
      instance: 'acme',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      text: expect.stringMatching(
        /^OPToggles acme: blocked\n• .*10 of 20.* Let it through: optoggles approve [0-9a-f]{16}$/,
      ),
      blocks: 1,
      blocked: [
        expect.objectContaining({ id, revoked: 10, of: 20, approve: expect.stringContaining('optoggles approve') }),
      ],
    },
  ]);
  expect(byPath('/services')).toEqual([{ text: expect.stringContaining('OPToggles acme: blocked\n• ') }]);
  writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': many }));
  await vi.waitFor(() => expect(got).toHaveLength(3), { timeout: 20_000, interval: 50 });
  expect(byPath('/canary-pager-path')[1]).toMatchObject({
    event: 'recovered',
    recovered: [{ message: expect.any(String) }],
  });
  running.child.kill('SIGTERM');
  const { code, stdout, stderr } = await running.ended;
  const { stdout: log } = await optoggles(folder, ['history', '--export', '-'], { PAGER: pager });
  expect(code).toBe(0);
  expect(stderr).toContain('was not told, it is tried again');
  for (const text of [stdout, stderr, log, ...got.map(one => one.body)]) expect(text).not.toContain('canary');
}, 60_000);
