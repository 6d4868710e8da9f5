import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeRestApi, openFakeRestApi } from '../support/fake-rest-api.ts';
import { startDataServer } from './data-server.ts';
import { createPolicyRepo } from './git-policy.ts';
import { mark, untilHolds, usersWritten } from './holds.ts';
import { createOpalSecurity, type OpalClient, type OpalServer, startOpalClient, startOpalServer } from './opal.ts';
import { type Optoggles, runCommand, startOptoggles } from './optoggles.ts';
import { LISTS, PEOPLE, RBAC } from './rbac.ts';
import { createUndo } from './stack.ts';
import { until } from './until.ts';

/** OPToggles' own configuration on OPAL in secure mode, with the OPA that OPAL starts and tells the address of. */
const undo = createUndo();
let server: OpalServer;
let client: OpalClient;
let token: string;
let target: FakeRestApi;

beforeAll(async () => {
  const security = createOpalSecurity();
  const data = undo.own(await startDataServer());
  data.set('/example', { users: PEOPLE, lists: LISTS });
  const repo = await createPolicyRepo({ 'rbac.rego': RBAC });
  undo.later(() => repo.remove());
  const entry = { url: data.url('/example'), dst_path: '/example' };
  server = undo.own(await startOpalServer({ policy: repo.url, data: [entry], security }));
  client = undo.own(await startOpalClient({ server, security }));
  token = await server.token('listener');
  target = await openFakeRestApi({ require: { Authorization: 'Bearer of-the-platform' } });
  undo.later(() => target.close());
});
afterAll(() => undo.all());

function oldForm(port: number): string {
  return `bind: 127.0.0.1:${port}
sources:
  - id: example-opal
    url: ${client.url}
    token: ${token}
    advertisedAddress: 127.0.0.1:${port}
target:
  targetType: restapi
  targetSpec:
    endpointUrl: ${target.url}
    extraHeaders:
      Authorization: Bearer of-the-platform
toggles:
  - key: us-feature
    usersPolicy: { source: example-opal, package: app.rbac, rule: us_users }
    spec: { title: US only, tags: [growth, us], nested: { Deep: true } }
  - key: staff-tools
    usersPolicy: { source: example-opal, package: app.rbac, rule: employees }
    spec: { title: Staff }
`;
}

const US = ['alice', 'carol', 'dave'];

function untilStarted(program: Optoggles): Promise<boolean> {
  return until('it has started', async () => (await program.get('/health/started')) === 200);
}

/** What was sent, as `PATCH us-feature`. */
function kinds(since: ReturnType<typeof mark>): readonly string[] {
  return since
    .writes()
    .map(({ method, key, text }) => `${method} ${key ?? String((JSON.parse(text ?? '{}') as { key?: string }).key)}`)
    .sort();
}

describe('the old configuration', () => {
  it('runs as it is, on the old wire; the new form made of it gives everybody the same', async () => {
    const first = mark(target);
    const program = await startOptoggles(undo, port => ({ 'config.yaml': oldForm(port) }), { config: 'config.yaml' });
    await untilStarted(program);
    await untilHolds(target, 'us-feature', US);
    await untilHolds(target, 'staff-tools', LISTS.employees);
    expect(await program.get('/health')).toBe(200);
    expect(kinds(first)).toEqual(['PATCH staff-tools', 'PATCH us-feature', 'POST staff-tools', 'POST us-feature']);
    const spec = { title: 'US only', tags: ['growth', 'us'], nested: { Deep: true } };
    expect(Object.fromEntries(target.toggles)).toEqual({
      'staff-tools': { title: 'Staff', users: LISTS.employees },
      'us-feature': { ...spec, users: US },
    });
    await server.publish([{ url: '', dst_path: '/example/lists/employees', data: ['alice', 'bob', 'carol'] }]);
    await untilHolds(target, 'staff-tools', ['alice', 'bob', 'carol']);
    expect((await program.stop()).code).toBe(0);
    expect(await program.log()).not.toMatch(/of-the-platform|alice|eyJ/);

    const migrated = await runCommand(program.folder, ['migrate', '--config', 'config.yaml']);
    expect(migrated).toMatchObject({ code: 0 });
    const names = /^set these in the environment: (.+)$/m.exec(migrated.stderr)?.[1]?.split(', ') ?? [];
    expect(names).toHaveLength(2);
    const env = Object.fromEntries(names.map(name => [name, name.startsWith('OPAL') ? token : 'of-the-platform']));

    // In the place of the old one: nobody gains or loses anything.
    const second = mark(target);
    await program.startAgain({ config: 'optoggles.yaml', env });
    await untilStarted(program);
    await until('all is in sync', async () => {
      return (await program.status()).toggles.every(({ state }) => state === 'in-sync');
    });
    for (const users of usersWritten(second.writes(), 'us-feature')) expect(users).toEqual(US);
    for (const users of usersWritten(second.writes(), 'staff-tools')) expect(users).toEqual(['alice', 'bob', 'carol']);
    expect(target.toggles.get('us-feature')).toMatchObject({ ...spec, users: US });
    await server.publish([{ url: '', dst_path: '/example/lists/employees', data: LISTS.employees }]);
    await untilHolds(target, 'staff-tools', LISTS.employees);
    expect((await program.stop()).code).toBe(0);

    // On a platform and a state that never saw the old one: the same toggles, for the same people.
    target.toggles.clear();
    await rm(join(program.folder, '.optoggles'), { recursive: true });
    const third = mark(target);
    await program.startAgain({ config: 'optoggles.yaml', env });
    await untilHolds(target, 'us-feature', US);
    await untilHolds(target, 'staff-tools', LISTS.employees);
    expect(kinds(third)).toEqual(['PATCH staff-tools', 'PATCH us-feature', 'POST staff-tools', 'POST us-feature']);
    expect(target.toggles.get('us-feature')).toMatchObject({ ...spec, users: US });
    expect(target.toggles.get('staff-tools')).toMatchObject({ title: 'Staff', users: LISTS.employees });
  });
});
