import { expect, it, onTestFinished } from 'vitest';
import { startFakeOpa } from '../support/fake-opa.ts';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { startOptoggles } from '../support/program.ts';
import { project } from '../support/project.ts';

it('several OPAs behind one address: nobody is revoked, the status says it, and they are not stormed', async () => {
  const api = await openFakeRestApi();
  const opa = await startFakeOpa();
  onTestFinished(async () => {
    await Promise.all([api.close(), opa.close()]);
  });
  opa.set('app/rbac/beta', ['alice']);
  opa.identify('one');
  const folder = project({
    config: {
      sources: [{ id: 'lists', type: 'opa', url: opa.url, poll: '200ms' }],
      targets: [{ name: 'rest', type: 'restapi', endpointUrl: api.url, environment: 'production' }],
    },
  });
  const running = startOptoggles(folder, ['run']);
  const url = await running.url;
  expect(api.toggles.get('beta')?.users).toEqual(['alice']);

  // The other one is empty; each look meets both.
  let turns = 0;
  opa.options.hold = () => {
    turns++;
    opa.identify(turns % 2 === 0 ? 'one' : 'two');
    opa.set('app/rbac/beta', turns % 2 === 0 ? ['alice'] : []);
    return undefined;
  };
  const sourceOf = async () => {
    const status = (await (await fetch(`${url}/api/status`)).json()) as {
      sources: { state: string; error: unknown }[];
    };
    return status.sources[0];
  };
  await expect.poll(sourceOf, { timeout: 10_000 }).toMatchObject({
    state: 'suspect',
    error: expect.stringContaining('Several OPAs behind one address'),
  });
  const before = turns;
  const begin = Date.now();
  await expect.poll(async () => (await fetch(`${url}/health`)).status, { timeout: 20_000 }).toBe(500);
  expect((turns - before) / ((Date.now() - begin) / 1000 + 1)).toBeLessThan(20);
  expect(api.writes).toHaveLength(2);
  expect(running.stderr).toContain('"level":"error"');

  running.kill();
  expect((await running.ended).code).toBe(0);
}, 60_000);
