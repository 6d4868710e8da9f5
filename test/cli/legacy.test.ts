import { readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { optoggles } from '../support/program.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** An OPAL client and its OPA behind one address: as much of both as a one-shot command asks. */
async function openOpal(users: readonly string[]): Promise<string> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const answers: Readonly<Record<string, unknown>> = {
      '/policy-store/config': {
        type: 'OPA',
        url: `http://localhost:${portOf(server)}`,
        auth_type: 'none',
        token: null,
      },
      '/v1/config': { result: { labels: { id: 'opa-1' } } },
      '/v1/data/app/rbac/us_users': { result: users },
      '/v1/data/app/rbac': { result: { us_users: users } },
    };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(pathname.startsWith('/v1') ? (answers[pathname] ?? {}) : answers[pathname]));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${portOf(server)}`;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

const secret = 'canary-rest-token';

function oldConfig(opal: string, endpointUrl: string): string {
  return JSON.stringify({
    bind: '127.0.0.1:0',
    sources: [{ id: 'example-opal', url: opal, token: '', advertisedAddress: 'optoggles:8080' }],
    target: {
      targetType: 'restapi',
      targetSpec: { endpointUrl, extraHeaders: { Authorization: `Bearer ${secret}` } },
    },
    toggles: [
      {
        key: 'us-feature',
        usersPolicy: { source: 'example-opal', package: 'app.rbac', rule: 'us_users' },
        spec: { name: 'US only feature', tags: ['growth'] },
      },
    ],
  });
}

it("OPToggles' own config.yaml runs as it is, and migrate writes a new one with the same plan", async () => {
  const opal = await openOpal(['alice', 'bob']);
  const api = await openFakeRestApi({ require: { authorization: `Bearer ${secret}` } });
  onTestFinished(() => api.close());
  const folder = tempFolder({ 'config.yaml': oldConfig(opal, api.url) });

  const oldPlan = await optoggles(folder, ['plan', '--json', '-', '--timeout', '5s']);
  expect(oldPlan).toMatchObject({ code: 0 });

  const migrated = await optoggles(folder, ['migrate']);
  expect(migrated).toMatchObject({ code: 0, stdout: 'flags/us-feature.yaml\noptoggles.yaml\n' });
  const name = /^set these in the environment: (\w+)$/m.exec(migrated.stderr)?.[1] ?? '';
  expect(migrated.stdout + migrated.stderr).not.toContain('canary');
  expect(readFileSync(join(folder, 'optoggles.yaml'), 'utf8')).not.toContain('canary');
  expect((await optoggles(folder, ['validate'])).code).toBe(0);
  // Nothing is written over.
  expect(await optoggles(folder, ['migrate', '--config', 'config.yaml'])).toMatchObject({ code: 1 });

  const env = { [name]: secret };
  const newPlan = await optoggles(folder, ['plan', '--json', '-', '--timeout', '5s'], env);
  expect(newPlan.code).toBe(0);
  expect(usersOf(newPlan.stdout)).toEqual(usersOf(oldPlan.stdout));

  // The old one applies; to the new one nothing is left to do but what the new form adds to the description.
  rmSync(join(folder, 'optoggles.yaml'));
  expect((await optoggles(folder, ['apply', '--timeout', '5s'])).code).toBe(0);
  expect(api.toggles.get('us-feature')).toMatchObject({
    name: 'US only feature',
    tags: ['growth'],
    users: ['alice', 'bob'],
  });
  expect(await optoggles(folder, ['plan', '--detailed-exitcode', '--timeout', '5s'])).toMatchObject({ code: 0 });
});

interface PlanJson {
  readonly changes: readonly { readonly toggle: string; readonly phase: string; readonly granted?: number }[];
}

function usersOf(json: string): object[] {
  const { changes } = JSON.parse(json) as PlanJson;
  expect(changes.length).toBeGreaterThan(0);
  return changes.map(({ toggle, phase, granted }) => ({ toggle, phase, granted }));
}
