import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type FakeRestApi, openFakeRestApi } from '../support/fake-rest-api.ts';
import { optoggles, type Running, startOptoggles } from '../support/program.ts';
import { listsText, project } from '../support/project.ts';

const keys = Array.from({ length: 12 }, (_, at) => `t${String(at).padStart(2, '0')}`);
const steady = Array.from({ length: 20 }, (_, at) => `user${at}`);

/** What policy says in that round: of each toggle somebody else than in the round before. */
function said(round: number): Record<string, readonly string[]> {
  return Object.fromEntries(keys.map((key, at) => [`app.rbac.${key}`, [...steady, `guest${(round + at) % 7}`]]));
}

function usersIn(api: FakeRestApi): Record<string, unknown> {
  return Object.fromEntries(
    [...api.toggles].map(([key, { users }]) => [`app.rbac.${key}`, (users as string[]).toSorted()]),
  );
}

function sorted(lists: Record<string, readonly string[]>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(lists).map(([rule, users]) => [rule, users.toSorted()]));
}

it('told to stop while changes come and writes are on their way, nothing is lost, nothing written twice', async () => {
  const api = await openFakeRestApi({ get: 'none' });
  onTestFinished(() => api.close());
  const folder = project({
    flags: Object.fromEntries(keys.map(key => [key, {}])),
    lists: said(0),
    config: { targets: [{ name: 'rest', type: 'restapi', endpointUrl: api.url, environment: 'production' }] },
  });
  let round = 0;
  const change = () => {
    round += 1;
    writeFileSync(join(folder, 'audiences.new'), listsText(said(round)));
    renameSync(join(folder, 'audiences.new'), join(folder, 'audiences.yaml'));
  };
  expect((await optoggles(folder, ['apply'])).code).toBe(0);

  for (const turn of ['answered late', 'one never answered']) {
    let answer: () => void = () => {};
    const until = new Promise<void>(resolve => {
      answer = resolve;
    });
    const hang = { kind: 'hang', applied: true } as const;
    const lifts = keys.map((key, at) =>
      api.fault(turn === 'one never answered' && at === 3 ? hang : { kind: 'hold', until }, { key }),
    );
    const before = api.writes.length;
    change();
    const running: Running = startOptoggles(folder, ['run']);
    await api.waitFor(() => api.writes.length > before);
    change();
    const began = performance.now();
    running.kill('SIGTERM');
    await running.says('"msg":"stopping"');
    change();
    answer();
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(performance.now() - began).toBeLessThan(25_000);
    const after = api.writes.length;
    for (const lift of lifts) lift();

    // What was answered is known: only what policy changed since, and what nobody answered, is written now.
    const shown = usersIn(api);
    const unanswered = new Set(
      api.writes
        .slice(before)
        .filter(({ status }) => status === 0)
        .map(({ key }) => key),
    );
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    expect(usersIn(api)).toEqual(sorted(said(round)));
    for (const { key } of api.writes.slice(after)) {
      const isSame =
        JSON.stringify(shown[`app.rbac.${key}`]) === JSON.stringify(sorted(said(round))[`app.rbac.${key}`]);
      expect([key, isSame && !unanswered.has(key)]).toEqual([key, false]);
    }
  }
  const last = api.writes.length;
  expect(await optoggles(folder, ['apply'])).toMatchObject({ code: 0, stdout: 'Nothing to do\n' });
  expect(api.writes).toHaveLength(last);
}, 180_000);
