import { expect, it, onTestFinished } from 'vitest';
import { startFakeOpa } from '../support/fake-opa.ts';
import { startFakeOpal } from '../support/fake-opal.ts';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { type FaultProxy, openFaultProxy } from '../support/fault-proxy.ts';
import { freePort } from '../support/free-port.ts';
import { startOptoggles } from '../support/program.ts';
import { project } from '../support/project.ts';

const orders = [
  ['OPA', 'OPAL', 'target'],
  ['OPA', 'target', 'OPAL'],
  ['OPAL', 'OPA', 'target'],
  ['OPAL', 'target', 'OPA'],
  ['target', 'OPA', 'OPAL'],
  ['target', 'OPAL', 'OPA'],
] as const;

/** Starts the program while nobody is there, lets them come in that order, and ends it once it has converged. */
async function comesUp(order: (typeof orders)[number]): Promise<void> {
  const api = await openFakeRestApi();
  const opa = await startFakeOpa();
  const opal = await startFakeOpal();
  const ways: Readonly<Record<(typeof order)[number], FaultProxy>> = {
    OPA: await openFaultProxy(opa.port),
    OPAL: await openFaultProxy(opal.port),
    target: await openFaultProxy(api.port),
  };
  onTestFinished(async () => {
    await Promise.all([api.close(), opa.close(), opal.close(), ...Object.values(ways).map(way => way.close())]);
  });
  for (const way of Object.values(ways)) await way.set({ kind: 'reset' });
  opa.set('app/rbac/beta', ['alice', 'bob']);
  opa.set('app/rbac/gamma', []);
  opa.set('app/rbac/ready', true);
  const port = await freePort();
  const folder = project({
    flags: { beta: {}, gamma: {} },
    config: {
      bind: `127.0.0.1:${port}`,
      sources: [
        {
          id: 'lists',
          type: 'opal',
          url: `http://127.0.0.1:${ways.OPAL.port}`,
          advertisedAddress: `127.0.0.1:${port}`,
          opa: { url: `http://127.0.0.1:${ways.OPA.port}` },
          sentinels: ['data.app.rbac.ready'],
        },
      ],
      targets: [
        {
          name: 'rest',
          type: 'restapi',
          endpointUrl: `http://127.0.0.1:${ways.target.port}/toggles`,
          environment: 'production',
          read: true,
        },
      ],
    },
  });
  const running = startOptoggles(folder, ['run']);
  const statusOf = (path: string) =>
    fetch(`http://127.0.0.1:${port}${path}`).then(
      ({ status }) => status,
      () => 0,
    );
  const slow = { timeout: 60_000 };
  await expect.poll(() => statusOf('/readyz'), slow).toBe(200);
  for (const way of Object.values(ways)) await expect.poll(() => way.accepted, slow).toBeGreaterThan(0);

  for (const name of order) {
    expect(await statusOf('/health/started'), `${order.join()} before ${name}`).toBe(503);
    const way = ways[name];
    await way.set({ kind: 'none' });
    const seen = way.accepted;
    // Whoever came up was asked again before the next one does.
    await expect.poll(() => way.accepted, slow).toBeGreaterThan(seen);
  }
  await expect.poll(() => statusOf('/health/started'), slow).toBe(200);
  await expect.poll(() => statusOf('/health'), slow).toBe(200);
  await expect.poll(() => api.toggles.get('beta')?.users, slow).toEqual(['alice', 'bob']);
  expect(api.toggles.get('gamma')?.users).toEqual([]);
  expect(opal.callbacks.size).toBe(1);

  // And it is told of changes from now on.
  opa.set('app/rbac/beta', ['alice', 'carol']);
  expect(await opal.fire()).toEqual([200]);
  await expect.poll(() => api.toggles.get('beta')?.users, slow).toEqual(['alice', 'carol']);
  running.kill();
  expect((await running.ended).code).toBe(0);
}

it('everything is down at the start, then up in any order: it converges', async () => {
  await Promise.all(orders.map(comesUp));
}, 120_000);
