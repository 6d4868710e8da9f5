import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { version } from '../../src/lib/version.ts';
import { migrations } from '../../src/state/migrations.ts';
import { openState } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { optoggles } from '../support/program.ts';
import { listsText, project } from '../support/project.ts';
import { contentsOf, releaseFolder, releases } from '../support/release-folder.ts';
import { flag, lists, served } from '../state/releases/installation.ts';

const state = '.optoggles';
const stateFile = join(state, 'state.db');

/** Whom the flag file lets in, by toggle: the list stands in the flag or where it refers to. */
function inTarget(folder: string, environment = 'production'): Record<string, string[]> {
  const { flags, $evaluators } = JSON.parse(readFileSync(join(folder, `out/${environment}.json`), 'utf8')) as {
    flags: Record<string, { targeting?: object }>;
    $evaluators: Record<string, object>;
  };
  return Object.fromEntries(
    Object.entries(flags).map(([key, { targeting = {} }]) => {
      const rule = JSON.stringify(targeting);
      const [, ref = ''] = /"\$ref":"([^"]+)"/.exec(rule) ?? [];
      const names = `${rule}${JSON.stringify($evaluators[ref] ?? {})}`.matchAll(/"((?:user\d+)|[a-z]{3,5})"/g);
      return [key, [...names].map(([, name = '']) => name).filter(name => !['in', 'var', 'off', 'on'].includes(name))];
    }),
  );
}

function sorted(users: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(users).map(([key, names]) => [key, names.toSorted()]));
}

/** One number out of the database as it lies there, by nobody's code but SQLite's. */
function read(folder: string, sql: string): number {
  const db = new DatabaseSync(join(folder, stateFile), { readOnly: true });
  try {
    return Number(Object.values(db.prepare(sql).get() ?? {})[0]);
  } finally {
    db.close();
  }
}

const blockId = '8638fb1ac28671dc';

it('there is an installation of the first form', () => {
  expect(releases[0]).toBe('form-1');
});

describe.each(releases)('an installation that was left with the state of %s', release => {
  it('goes on as if nothing had happened: no write, and what waited still waits', async () => {
    const folder = await releaseFolder(release);
    const before = contentsOf(join(folder, 'out'));
    const since = read(folder, 'SELECT since FROM blocks');
    const lines = read(folder, 'SELECT count(*) FROM audit');
    expect(sorted(inTarget(folder))).toEqual(sorted(served));

    const applied = await optoggles(folder, ['apply']);
    // 1: a file of it has been broken for long, and its last good definition counts.
    expect(applied.code).toBe(1);
    expect(applied.stdout).toContain('Nothing to do');
    expect(applied.stdout + applied.stderr).toContain(`optoggles approve ${blockId}`);
    expect(applied.stderr).toMatch(/sturdy\.yaml/);
    expect(contentsOf(join(folder, 'out'))).toEqual(before);
    expect(read(folder, 'PRAGMA user_version')).toBe(migrations.length);
    expect(read(folder, 'SELECT since FROM blocks')).toBe(since);

    const clock = createFakeClock(since);
    const store = openState({ folder: join(folder, state), instance: 'acme', clock, log: silentLog, access: 'share' });
    expect([...store.auditLog()].length).toBeGreaterThanOrEqual(lines);
    store.close();
  });

  it('knows who was let in, so that the guard judges and an approval finds its block', async () => {
    const folder = await releaseFolder(release);
    writeFileSync(join(folder, 'flags/sturdy.yaml'), flag('sturdy'));
    expect((await optoggles(folder, ['apply'])).code).toBe(3);
    expect((await optoggles(folder, ['approve', blockId])).code).toBe(0);
    expect((await optoggles(folder, ['apply'])).code).toBe(0);
    for (const environment of ['production', 'test']) {
      expect(inTarget(folder, environment)).toMatchObject({ crowd: ['user0', 'user1'], beta: ['bob', 'zoe'] });
    }
  });

  it('is not touched by who only looks', async () => {
    const folder = await releaseFolder(release);
    const before = contentsOf(folder);
    const { code, stdout, stderr } = await optoggles(folder, ['plan']);
    expect(code).toBe(1);
    if (read(folder, 'PRAGMA user_version') === migrations.length) expect(stdout).toContain(blockId);
    else expect(stderr).toContain('Start `optoggles run` or `optoggles apply` of this version once');
    expect(contentsOf(folder, walFiles)).toEqual(before);
  });

  it('can be gone back to by the copy of its folder, whatever was done since', async () => {
    const folder = await releaseFolder(release);
    const copy = await releaseFolder(release);
    writeFileSync(join(folder, 'flags/sturdy.yaml'), flag('sturdy'));
    writeFileSync(join(folder, 'audiences.yaml'), lists.third.replace('[bob, zoe]', '[bob, zoe, alice]'));
    expect((await optoggles(folder, ['apply'])).code).toBe(3);
    const after = inTarget(folder);
    expect(after['beta']).toEqual(['alice', 'bob', 'zoe']);

    rmSync(join(folder, state), { recursive: true });
    cpSync(join(copy, state), join(folder, state), { recursive: true });
    const { code, stdout } = await optoggles(folder, ['apply']);
    expect(code).toBe(3);
    expect(stdout).toContain('Nothing to do');
    expect(inTarget(folder)).toEqual(after);
  });
});

const walFiles = [`${stateFile}-wal`, `${stateFile}-shm`];

/** A folder as the next version would leave it: one form further, by a version of that number. */
async function ofTomorrow(): Promise<string> {
  const folder = await releaseFolder(releases.at(-1) ?? '');
  await optoggles(folder, ['apply']);
  const db = new DatabaseSync(join(folder, stateFile));
  db.exec(`CREATE TABLE of_tomorrow (id INTEGER PRIMARY KEY);
           PRAGMA user_version = ${migrations.length + 1};
           UPDATE meta SET value = '9.9.9' WHERE name = 'written-by'`);
  db.close();
  return folder;
}

describe('a state of a newer version', () => {
  it.each([['apply'], ['run'], ['plan'], ['approve', blockId]])(
    'is refused by %s, and left as it is',
    async (...args) => {
      const folder = await ofTomorrow();
      const before = contentsOf(folder);
      const { code, stderr } = await optoggles(folder, args);
      expect(code).toBe(1);
      expect(stderr).toContain(`was written by OPToggles 9.9.9; this is ${version}, which does not know its form.`);
      expect(stderr).toContain(
        'Run OPToggles 9.9.9 or newer, or put back the copy of the folder made before the upgrade.',
      );
      expect(contentsOf(folder)).toEqual(before);
    },
  );

  it('that was killed is left with everything that it had not put away yet', async () => {
    const folder = await ofTomorrow();
    const db = new DatabaseSync(join(folder, stateFile));
    db.exec('INSERT INTO of_tomorrow VALUES (7)');
    const killed = await ofTomorrow();
    // As a kill leaves it: the row is in the -wal file alone.
    cpSync(join(folder, state), join(killed, state), { recursive: true });
    db.close();
    const before = contentsOf(killed, [`${stateFile}-shm`]);
    expect(Object.keys(before)).toContain(walFiles[0]);
    expect((await optoggles(killed, ['apply'])).code).toBe(1);
    expect((await optoggles(killed, ['plan'])).code).toBe(1);
    // -shm is the index of the other, made anew by whoever looks.
    expect(contentsOf(killed, [`${stateFile}-shm`])).toEqual(before);
    expect(read(killed, 'SELECT id FROM of_tomorrow')).toBe(7);
  });
});

it('a copy that is put back is known as one: a target that nobody can read gets its lists once more', async () => {
  const api = await openFakeRestApi({ get: 'none' });
  onTestFinished(() => api.close());
  const targets = [{ name: 'rest', type: 'restapi', endpointUrl: api.url, environment: 'production' }];
  const folder = project({ config: { targets }, lists: { 'app.rbac.beta': ['alice'] } });
  const apply = async (...users: readonly string[]) => {
    writeFileSync(join(folder, 'audiences.yaml'), listsText({ 'app.rbac.beta': users }));
    return optoggles(folder, ['apply']);
  };
  expect((await apply('alice')).code).toBe(0);
  cpSync(join(folder, state), join(folder, 'copy'), { recursive: true });
  expect((await apply('alice', 'mallory')).code).toBe(0);
  expect(api.toggles.get('beta')?.users).toEqual(['alice', 'mallory']);

  rmSync(join(folder, state), { recursive: true });
  cpSync(join(folder, 'copy'), join(folder, state), { recursive: true });
  const { code, stderr } = await apply('alice');
  expect(code).toBe(0);
  expect(stderr).toContain('the state is a copy');
  expect(api.toggles.get('beta')?.users).toEqual(['alice']);

  const writes = api.writes.length;
  const again = await apply('alice');
  expect(again.stderr).not.toContain('the state is a copy');
  expect(api.writes).toHaveLength(writes);
});
