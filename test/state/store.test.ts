import { execFileSync, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { membersOf, noMembers } from '../../src/domain/members.ts';
import { type Problem, ProblemError } from '../../src/domain/problem.ts';
import type { StateStore } from '../../src/domain/state.ts';
import type { Log } from '../../src/lib/log.ts';
import { silentLog } from '../../src/lib/log.ts';
import { memoryState, openState, type StateOptions } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { address, became, list, write } from '../support/state-changes.ts';
import { tempFolder } from '../support/temp-folder.ts';

const clock = createFakeClock(Date.UTC(2026, 10, 21));

function open(folder: string, more: Partial<StateOptions> = {}): StateStore {
  return openState({ folder, instance: 'test', clock, log: silentLog, access: 'own', ...more });
}

function problemOf(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof ProblemError) return error.problem;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function filled(folder: string): StateStore {
  const store = open(folder);
  store.record(address, [became(list('create')), became(write({ before: [], after: ['alice'] }))], 10);
  return store;
}

const block = {
  id: 'b1',
  scope: 'audience',
  reason: 'revocations',
  source: 'opal',
  audience: 'a1',
  placements: [],
  revoked: membersOf(['alice']),
  granted: noMembers,
  of: 1,
  message: '1 of 1',
  removals: [],
  instance: null,
} as const;

describe('a state folder', () => {
  it('is made for its user alone, and keeps what was written', () => {
    const folder = join(tempFolder(), 'deep', 'state');
    const store = filled(folder);
    expect(store).toMatchObject({ durability: 'disk', uncertain: false });
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder))
      expect([name, statSync(join(folder, name)).mode & 0o077]).toEqual([name, 0]);
    expect(readFileSync(join(folder, '.gitignore'), 'utf8')).toBe('*\n');
    const secret = store.secret('callback');
    store.close();
    store.close();
    expect(readdirSync(folder).sort()).toEqual(['.gitignore', 'lock.db', 'state.db']);

    const again = open(folder);
    expect([...(again.applied(address).get('us-feature')?.placements[0]?.who.values() ?? [])]).toEqual(['alice']);
    expect(again.secret('callback')).toBe(secret);
    expect(again.baseline('us-feature/production', 0)?.members.size).toBe(1);
    again.close();
  });

  it('that others could read is closed to them', () => {
    const folder = tempFolder();
    open(folder).close();
    chmodSync(join(folder, 'state.db'), 0o644);
    open(folder).close();
    expect(statSync(join(folder, 'state.db')).mode & 0o777).toBe(0o600);
  });

  it('keeps its hands off links and other things in its place', () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'elsewhere'), '');
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'state.db'));
    expect(problemOf(() => open(folder))).toMatchObject({ code: 'state-unsafe', hint: expect.any(String) });
    expect(problemOf(() => open(folder, { access: 'share' }))).toMatchObject({ code: 'state-unsafe' });
    expect(problemOf(() => open(join(folder, 'elsewhere')))).toMatchObject({ code: 'state-unsafe' });
    expect(problemOf(() => open(join(folder, 'elsewhere', 'deeper')))).toMatchObject({ code: 'state-unsafe' });
    expect(readFileSync(join(folder, 'elsewhere'), 'utf8')).toBe('');
  });

  it('belongs to one instance', () => {
    const folder = tempFolder();
    open(folder).close();
    for (const access of ['own', 'share'] as const) {
      const problem = problemOf(() => open(folder, { instance: 'other', access }));
      expect(problem).toMatchObject({ code: 'state-other-instance', hint: expect.any(String) });
      expect(problem.message).toContain('the instance test, not to other');
    }
    open(folder).close();
  });

  it('of a newer OPToggles says which', () => {
    const folder = tempFolder();
    open(folder, { version: '9.1.0' }).close();
    const db = new DatabaseSync(join(folder, 'state.db'));
    db.exec('PRAGMA user_version = 99');
    db.close();
    for (const access of ['own', 'share'] as const) {
      const problem = problemOf(() => open(folder, { version: '1.0.0', access }));
      expect(problem.code).toBe('state-newer');
      expect(problem.message).toContain('was written by OPToggles 9.1.0; this is 1.0.0');
      expect(problem.hint).toContain('9.1.0');
    }
  });

  it.each([
    ['rubbish', (file: string) => writeFileSync(file, 'no database '.repeat(1000))],
    ['cut short', (file: string) => truncateSync(file, 8192)],
    [
      'of another program',
      (file: string) => {
        rmSync(file);
        const db = new DatabaseSync(file);
        db.exec('CREATE TABLE contacts (name TEXT)');
        db.close();
      },
    ],
  ])('that is %s is left as it is, and says what to do', (_, damage) => {
    const folder = tempFolder();
    filled(folder).close();
    damage(join(folder, 'state.db'));
    const before = readFileSync(join(folder, 'state.db'));
    for (const access of ['own', 'share'] as const) {
      const problem = problemOf(() => open(folder, { access }).applied(address));
      expect(problem.code).toBe('state-corrupt');
      expect(problem.hint).toContain('backup');
    }
    expect(readFileSync(join(folder, 'state.db')).equals(before)).toBe(true);
  });
});

describe('owning', () => {
  it('is for one at a time, and says who has it', () => {
    const folder = tempFolder();
    const store = open(folder, { pid: 4711 });
    const problem = problemOf(() => open(folder));
    expect(problem.code).toBe('state-in-use');
    expect(problem.message).toMatch(/in use by process 4711 on \S+ since 2026-11-21T00:00:00.000Z/);
    expect(problem.hint).toContain('--server');
    // Having looked at it has not freed it.
    expect(problemOf(() => open(folder)).code).toBe('state-in-use');
    const inAnother = spawnSync(process.execPath, [join(import.meta.dirname, 'reader-process.ts'), folder, 'own']);
    expect(JSON.parse(inAnother.stdout.toString())).toMatchObject({ problem: { code: 'state-in-use' } });
    store.close();
    open(folder).close();
  });

  it('ends with the process, however it ends', async () => {
    const folder = tempFolder();
    const child = fork(join(import.meta.dirname, 'owner-process.ts'), [folder, '1', '1']);
    await once(child, 'message');
    expect(problemOf(() => open(folder)).message).toContain(`process ${child.pid} on`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const store = open(folder);
    expect(store.uncertain).toBe(false);
    store.close();
  });

  it('is uncertain of a copy that was put back, once, however it was closed', () => {
    const folder = join(tempFolder(), 'state');
    const warned: string[] = [];
    const log: Log = { ...silentLog, warn: (_, message) => warned.push(message) };
    const opens = (born: string): boolean => {
      const store = open(folder, { born, log });
      store.close();
      return store.uncertain;
    };
    expect(['first', 'first', 'copy', 'copy'].map(opens)).toEqual([false, false, true, false]);
    expect(warned).toEqual([expect.stringMatching(/^the state is a copy/)]);
    const killed = open(folder, { born: 'copy' });
    execFileSync('cp', ['-R', folder, `${folder}-left`]);
    killed.close();
    expect(open(`${folder}-left`, { born: 'another', access: 'share' }).uncertain).toBe(true);
  });

  it('is uncertain of what it finds when the machine went down under the last owner', () => {
    const root = tempFolder();
    const warned: string[] = [];
    const log: Log = { ...silentLog, warn: (_, message) => warned.push(message) };
    /** The folder as a crash leaves it, at that run of the machine. */
    const crashed = (name: string, boot: string | null, from?: string): string => {
      const folder = from ?? join(root, name);
      const store = open(folder, { boot, born: 'here' });
      execFileSync('cp', ['-R', folder, join(root, `${name}-left`)]);
      store.close();
      return join(root, `${name}-left`);
    };
    const looksUncertain = (folder: string, boot: string | null): boolean => {
      const beside = open(folder, { boot, born: 'here', access: 'share' }).uncertain;
      const store = open(folder, { boot, born: 'here', log });
      expect(store.uncertain).toBe(beside);
      store.close();
      return store.uncertain;
    };
    expect(looksUncertain(crashed('same', 'boot-1'), 'boot-1')).toBe(false);
    expect(looksUncertain(crashed('other', 'boot-1'), 'boot-2')).toBe(true);
    expect(warned).toHaveLength(1);
    expect(looksUncertain(crashed('untold', null), null)).toBe(true);
    // Closed properly: whatever the machine did since.
    const closed = join(root, 'closed');
    open(closed, { boot: 'boot-1', born: 'here' }).close();
    expect(looksUncertain(closed, 'boot-2')).toBe(false);
    // Killed again before it was through: still uncertain, until somebody closes it.
    const twice = crashed('second', 'boot-2', crashed('first', 'boot-1'));
    expect(looksUncertain(twice, 'boot-2')).toBe(true);
    expect(looksUncertain(twice, 'boot-3')).toBe(false);
  });
});

describe('sharing', () => {
  it('sees what the owner writes, and the owner sees its approvals', () => {
    const folder = tempFolder();
    const owner = open(folder);
    const beside = open(folder, { access: 'share' });
    expect(beside.applied(address).size).toBe(0);
    expect(beside.baseline('us-feature/production', 0)).toBeUndefined();
    owner.record(address, [became(list('create')), became(write({ before: [], after: ['alice'] }))], 10);
    expect([...(beside.applied(address).get('us-feature')?.placements[0]?.who.values() ?? [])]).toEqual(['alice']);
    expect(beside.baseline('us-feature/production', 0)?.members.size).toBe(1);

    owner.saveBlocks('rest', [block], 20);
    const version = owner.dataVersion();
    expect(owner.dataVersion()).toBe(version);
    expect(beside.approve('b1', 'oncall', 100, 30)).toMatchObject({ id: 'b1' });
    expect(owner.dataVersion()).not.toBe(version);
    expect(owner.approvals(50)).toMatchObject([{ id: 'b1', by: 'oncall' }]);
    beside.openWindow({ source: 'opal', until: 100, reason: 'move', by: 'oncall' }, 31);
    expect(owner.windows(50)).toHaveLength(1);
    beside.close();
    owner.close();
  });

  it('writes nothing else', () => {
    const folder = tempFolder();
    filled(folder).close();
    const before = readFileSync(join(folder, 'state.db'));
    const beside = open(folder, { access: 'share' });
    const change = write({ before: [], after: ['bob'] });
    const refused: (() => unknown)[] = [
      () => beside.intend(address, [change], 1),
      () => beside.record(address, [became(change)], 1),
      () => beside.forget(address, 'us-feature'),
      () => beside.prune({ history: 1, audit: 1 }),
      () => beside.saveDefinitions([], []),
      () => beside.saveBlocks('rest', [block], 1),
      () => beside.saveBackup(address, 'us-feature', {}, 1),
      () => beside.secret('callback'),
    ];
    for (const work of refused)
      expect(problemOf(work)).toMatchObject({ code: 'state-shared', hint: expect.any(String) });
    beside.observed(address, 'us-feature/production', { on: true, who: noMembers }, 1);
    beside.close();
    expect(readFileSync(join(folder, 'state.db')).equals(before)).toBe(true);
  });

  it('needs a state, and makes none', () => {
    const folder = join(tempFolder(), 'none');
    const problem = problemOf(() => open(folder, { access: 'share' }));
    expect(problem).toMatchObject({ code: 'state-missing', hint: expect.any(String) });
    expect(() => statSync(folder)).toThrow(/ENOENT/);
  });
});

describe('in memory', () => {
  it('is a state like any other, and leaves nothing', () => {
    const store = memoryState({ instance: 'test', clock });
    expect(store).toMatchObject({ durability: 'memory', uncertain: false });
    store.record(address, [became(list('create'))], 10);
    expect(store.applied(address).size).toBe(1);
    store.close();
  });
});

// Root may write anything, so it asks as another user; anybody else takes the right away from himself.
const isRoot = process.getuid?.() === 0;
const nobody = isRoot ? { uid: 65_534, gid: 65_534 } : {};
/** False in a checkout of root's that nobody else may look into. */
const nobodyRuns =
  process.platform !== 'win32' &&
  spawnSync(process.execPath, ['--check', join(import.meta.dirname, 'reader-process.ts')], nobody).status === 0;

describe.runIf(nobodyRuns)('a folder that may only be read', () => {
  function asNobody(folder: string, access: 'own' | 'share'): Record<string, unknown> {
    const script = join(import.meta.dirname, 'reader-process.ts');
    const child = spawnSync(process.execPath, [script, folder, access], nobody);
    return JSON.parse(child.stdout.toString());
  }

  function readable(folder: string): void {
    chmodSync(join(folder, '..'), 0o755);
    chmodSync(folder, isRoot ? 0o755 : 0o555);
    for (const name of readdirSync(folder)) chmodSync(join(folder, name), isRoot ? 0o644 : 0o444);
    onTestFinished(() => chmodSync(folder, 0o755));
  }

  it('can be read beside its owner, and after it was closed', () => {
    const folder = join(tempFolder(), 'state');
    const owner = filled(folder);
    owner.saveBlocks('rest', [block], 20);
    readable(folder);
    const found = { applied: ['us-feature'], problem: { code: 'state-readonly' } };
    expect(asNobody(folder, 'share')).toMatchObject(found);
    chmodSync(folder, 0o755);
    owner.close();
    readable(folder);
    expect(asNobody(folder, 'share')).toMatchObject(found);
  });

  it('cannot be owned: the caller may go on in memory', () => {
    const folder = join(tempFolder(), 'state');
    filled(folder).close();
    readable(folder);
    expect(asNobody(folder, 'own')).toMatchObject({ problem: { code: 'state-readonly', hint: expect.any(String) } });
    const empty = join(tempFolder(), 'closed');
    mkdirSync(empty);
    readable(empty);
    expect(asNobody(join(empty, 'state'), 'own')).toMatchObject({ problem: { code: 'state-readonly' } });
  });

  it('that was left by a crash, without what a reader needs, says so', () => {
    const root = tempFolder();
    const folder = join(root, 'state');
    const store = filled(folder);
    execFileSync('cp', ['-R', folder, join(root, 'left')]);
    store.close();
    const left = join(root, 'left');
    rmSync(join(left, 'state.db-shm'));
    readable(left);
    expect(asNobody(left, 'share')).toMatchObject({ problem: { code: 'state-readonly' } });
  });
});

describe('a disk that is full', () => {
  it('is a problem with a next step, and the state is that of before', () => {
    const folder = tempFolder();
    filled(folder).close();
    // The kernel lets this process write no file larger than 128 kB.
    const script = join(import.meta.dirname, 'full-disk-process.ts');
    const child = spawnSync('bash', [
      '-c',
      'trap "" XFSZ; ulimit -f 128; exec "$0" "$@"',
      process.execPath,
      script,
      folder,
    ]);
    const told: unknown = JSON.parse(child.stdout.toString());
    expect(told).toMatchObject({ applied: ['us-feature'], problem: { hint: expect.any(String) } });
    expect(['state-full', 'state-io']).toContain((told as { problem: Problem }).problem.code);
    const store = open(folder);
    expect([...store.applied(address).keys()]).toEqual(['us-feature']);
    store.close();
  });
});
