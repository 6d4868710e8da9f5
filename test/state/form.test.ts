import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../src/domain/problem.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Database } from '../../src/state/database.ts';
import { bringToForm, inspectForm, requireForm } from '../../src/state/form.ts';
import { migrations } from '../../src/state/migrations.ts';
import { openState } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { address } from '../support/state-changes.ts';
import { tempFolder } from '../support/temp-folder.ts';

const now = { folder: 'f', instance: 'test', version: '1.0.0' };
const next = {
  ...now,
  version: '2.0.0',
  migrations: [...migrations, { what: 'colors', sql: 'CREATE TABLE colors (id)' }],
};
const broken = {
  ...next,
  migrations: [...next.migrations, { what: 'shapes', sql: 'CREATE TABLE shapes (id); CREATE oops' }],
};

function opened(): Database {
  const db = new Database(join(tempFolder(), 'state.db'));
  bringToForm(db, now, 0);
  return db;
}

function tables(db: Database): string[] {
  return db.all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").map(({ name }) => name);
}

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.code;
    throw error;
  }
  return undefined;
}

describe('the form of the file', () => {
  it('is brought up to date by the steps that are missing, once', () => {
    const db = opened();
    expect(inspectForm(db, next)).toBe('older');
    bringToForm(db, next, 1);
    expect(inspectForm(db, next)).toBe('current');
    expect(tables(db)).toContain('colors');
    bringToForm(db, next, 2);
    expect(codeOf(() => bringToForm(db, now, 3))).toBe('state-newer');
    db.close();
  });

  it('is brought up to date wholly or not at all', () => {
    const db = opened();
    expect(codeOf(() => bringToForm(db, broken, 1))).toBe('state-corrupt');
    expect(inspectForm(db, now)).toBe('current');
    expect(tables(db)).not.toContain('colors');
    db.close();
  });

  it('is left alone by who only looks', () => {
    const db = opened();
    expect(codeOf(() => requireForm(db, next))).toBe('state-older');
    expect(inspectForm(db, now)).toBe('current');
    expect(requireForm(db, now)).toBe(true);
    db.close();
    const empty = new Database('in memory', { location: ':memory:' });
    expect(requireForm(empty, now)).toBe(false);
    expect(tables(empty)).toEqual([]);
    empty.close();
  });

  it('is that of the first release: a change of it is a new entry of the list', () => {
    const first = new DatabaseSync(':memory:');
    first.exec(migrations[0]?.sql ?? '');
    const columns = first
      .prepare(
        `SELECT t.name || '.' || c.name AS name FROM sqlite_schema t, pragma_table_info(t.name) c
          WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid`,
      )
      .all()
      .map(({ name }) => name);
    expect(columns).toMatchSnapshot();
    first.close();
  });
});

it('keeps every definition that was taken over, as it was found', () => {
  const folder = tempFolder();
  const store = openState({ folder, instance: 'test', clock: createFakeClock(), log: silentLog, access: 'own' });
  store.saveBackup(address, 'us-feature', { rules: [1, 2] }, 10);
  store.saveBackup(address, 'us-feature', undefined, 20);
  store.close();
  const db = new DatabaseSync(join(folder, 'state.db'));
  expect(db.prepare('SELECT key, at, definition FROM backups ORDER BY id').all()).toEqual([
    { key: 'us-feature', at: 10, definition: '{"rules":[1,2]}' },
    { key: 'us-feature', at: 20, definition: 'null' },
  ]);
  db.close();
});
