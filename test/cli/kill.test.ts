import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FakeRestApi, openFakeRestApi } from '../support/fake-rest-api.ts';
import { optoggles, startOptoggles } from '../support/program.ts';
import { flagText, listsText, project } from '../support/project.ts';

interface World {
  readonly folder: string;
  readonly api: FakeRestApi;
  lists(lists: Readonly<Record<string, readonly string[]>>): void;
  users(key: string): readonly string[] | undefined;
}

/** `beta` for alice and bob, applied to a target that cannot be read. */
async function world(): Promise<World> {
  const api = await openFakeRestApi({ get: 'none' });
  onTestFinished(() => api.close());
  const targets = [{ name: 'rest', type: 'restapi', endpointUrl: api.url, environment: 'production' }];
  const folder = project({ config: { targets }, flags: { beta: {}, other: {} }, lists: both(['alice', 'bob']) });
  expect((await optoggles(folder, ['apply'])).code).toBe(0);
  return {
    folder,
    api,
    lists: lists => writeFileSync(join(folder, 'audiences.yaml'), listsText(lists)),
    users: key => api.toggles.get(key)?.users as readonly string[] | undefined,
  };
}

function both(beta: readonly string[]): Record<string, readonly string[]> {
  return { 'app.rbac.beta': beta, 'app.rbac.other': ['olga'] };
}

/** Starts `apply` and kills it while its first write of that kind is on the wire. */
async function killedDuring({ folder, api }: World, method: 'POST' | 'PATCH', isCarriedOut: boolean, key = 'beta') {
  const writes = api.writes.length;
  const lift = api.fault({ kind: 'hang', applied: isCarriedOut }, { method, ...(method === 'PATCH' && { key }) });
  const running = startOptoggles(folder, ['apply']);
  await api.waitFor(() => api.writes.slice(writes).some(one => one.method === method && one.text !== undefined));
  running.kill('SIGKILL');
  await running.ended;
  lift();
}

describe.each([[true], [false]])('killed in the middle of a write (carried out: %j), the next start', isCarriedOut => {
  it('takes a grant back whose right is gone', async () => {
    const all = await world();
    all.lists(both(['alice', 'bob', 'mallory']));
    await killedDuring(all, 'PATCH', isCarriedOut);
    all.lists(both(['alice', 'bob']));
    expect((await optoggles(all.folder, ['apply'])).code).toBe(0);
    expect(all.users('beta')).toEqual(['alice', 'bob']);
    expect((await optoggles(all.folder, ['apply'])).stdout).toBe('Nothing to do\n');
  });
});

describe('killed in the middle of a write that is carried out, the next start', () => {
  const isCarriedOut = true;

  it('fills what was created before, with who has the right by then', async () => {
    const all = await world();
    writeFileSync(join(all.folder, 'flags/fresh.yaml'), flagText('fresh'));
    all.lists({ ...both(['alice', 'bob']), 'app.rbac.fresh': ['frida', 'mallory'] });
    await killedDuring(all, 'PATCH', isCarriedOut, 'fresh');
    all.lists({ ...both(['alice', 'bob']), 'app.rbac.fresh': ['frida'] });
    expect((await optoggles(all.folder, ['apply'])).code).toBe(0);
    expect(all.users('fresh')).toEqual(['frida']);
  });

  it('closes a toggle whose file is off, and one whose file went', async () => {
    const all = await world();
    writeFileSync(join(all.folder, 'flags/beta.yaml'), flagText('beta', { state: 'off' }));
    await killedDuring(all, 'PATCH', isCarriedOut);
    expect((await optoggles(all.folder, ['apply'])).code).toBe(0);
    expect(all.users('beta')).toEqual([]);
    rmSync(join(all.folder, 'flags/other.yaml'));
    await killedDuring(all, 'PATCH', isCarriedOut, 'other');
    expect((await optoggles(all.folder, ['apply'])).code).toBe(0);
    expect(all.users('other')).toEqual([]);
  });

  it('removes a toggle whose file went while a grant of it was on the wire', async () => {
    const all = await world();
    all.lists(both(['alice', 'bob', 'mallory']));
    await killedDuring(all, 'PATCH', isCarriedOut);
    rmSync(join(all.folder, 'flags/beta.yaml'));
    expect((await optoggles(all.folder, ['apply'])).code).toBe(0);
    expect(all.users('beta')).toEqual([]);
  });

  it('moves to another key without leaving anybody under the old one', async () => {
    const all = await world();
    const targets = { rest: { key: 'beta-2' } };
    writeFileSync(join(all.folder, 'flags/beta.yaml'), flagText('beta', { targets }));
    await killedDuring(all, 'PATCH', isCarriedOut, 'beta-2');
    expect((await optoggles(all.folder, ['apply'])).code).toBe(0);
    expect(all.users('beta-2')).toEqual(['alice', 'bob']);
    expect(all.users('beta')).toEqual([]);
  });
});
