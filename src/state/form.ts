import { ProblemError } from '../domain/problem.ts';
import type { Database } from './database.ts';
import { type Migration, migrations } from './migrations.ts';
import { damaged, newer, older, otherInstance } from './problems.ts';

/** `OPTG`: tells our file from another program's. https://www.sqlite.org/pragma.html#pragma_application_id */
const applicationId = 0x4f505447;

export interface FormOptions {
  /** For messages. */
  readonly folder: string;
  readonly instance: string;
  /** Of this OPToggles. */
  readonly version: string;
  /** Other than in tests always ours. */
  readonly migrations?: readonly Migration[];
}

/** What is found in the file before anything is done with it. */
type Found = 'nothing' | 'older' | 'current';

/** Looks at a file's form and whose it is; changes nothing. Throws a ProblemError for a file that is not for us. */
export function inspectForm(db: Database, options: FormOptions): Found {
  const known = (options.migrations ?? migrations).length;
  const application = pragma(db, 'application_id');
  const form = pragma(db, 'user_version');
  if (application === 0 && form === 0) {
    const tables = db.get<{ count: number }>('SELECT count(*) AS count FROM sqlite_schema')?.count ?? 0;
    if (tables === 0) return 'nothing';
  }
  if (application !== applicationId) throw damaged(db.path, 'it is a database of another program');
  const writtenBy = meta(db, 'written-by') ?? 'an unknown version';
  if (form > known) throw newer(db.path, writtenBy, options.version);
  const instance = meta(db, 'instance');
  if (instance === undefined) throw damaged(db.path, 'it does not say whose it is');
  if (instance !== options.instance) throw otherInstance(options.folder, instance, options.instance);
  return form < known ? 'older' : 'current';
}

/** For who only looks: the form must be the current one. False: there is nothing in the file yet. */
export function requireForm(db: Database, options: FormOptions): boolean {
  const found = inspectForm(db, options);
  if (found === 'older') throw older(db.path, meta(db, 'written-by') ?? 'an older version', options.version);
  return found === 'current';
}

/** Brings the file to the newest form, in one transaction; a new file gets its instance. Throws a ProblemError. */
export function bringToForm(db: Database, options: FormOptions, at: number): void {
  const steps = options.migrations ?? migrations;
  if (inspectForm(db, options) === 'current' && meta(db, 'written-by') === options.version) return;
  db.transaction(() => {
    const isNew = inspectForm(db, options) === 'nothing';
    for (const step of steps.slice(pragma(db, 'user_version'))) {
      try {
        db.exec(step.sql);
      } catch (error) {
        if (error instanceof ProblemError) throw error;
        throw damaged(db.path, `it could not be brought up to date (${step.what})`, error);
      }
    }
    db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${steps.length}`);
    if (isNew) {
      setMeta(db, 'instance', options.instance);
      setMeta(db, 'created', new Date(at).toISOString());
    }
    setMeta(db, 'written-by', options.version);
  });
}

/** A remark of the file about itself. */
export function meta(db: Database, name: string): string | undefined {
  return db.get<{ value: string }>('SELECT value FROM meta WHERE name = ?', name)?.value;
}

/** Replaces a remark. */
export function setMeta(db: Database, name: string, value: string): void {
  db.run('INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value', name, value);
}

function pragma(db: Database, name: 'application_id' | 'user_version'): number {
  return db.get<Record<string, number>>(`PRAGMA ${name}`)?.[name] ?? 0;
}
