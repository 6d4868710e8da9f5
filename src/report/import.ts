import type { ImportedFlag, ImportResult } from '../domain/found.ts';
import { inertLine } from './inert.ts';
import { problemJson } from './json.ts';
import { type Look, textTable } from './table.ts';
import { counted } from './wording.ts';

/** What an import did, for people; ended by a line end. Counts of users, never names. */
export function reportImport(found: ImportResult, look: Look): string {
  const { imported, left, environments, files, taken } = found;
  const parts: string[] = [];
  if (imported.length > 0) {
    const columns = [
      { title: 'toggle' },
      ...environments.map(title => ({ title: inertLine(title), align: 'right' as const })),
      { title: 'file', flexible: true },
    ];
    const rows = imported.map(flag => [flag.key, ...environments.map(name => cellOf(flag, name)), flag.file]);
    parts.push(textTable(columns, rows, look));
  }
  if (left.length > 0) {
    const columns = [{ title: 'left alone' }, { title: 'environment' }, { title: 'because', flexible: true }];
    const rows = left.flatMap(({ key, obstacles }) =>
      obstacles.map(({ environment, what }, index) => [index === 0 ? key : '', environment ?? '', what]),
    );
    parts.push(textTable(columns, rows, look));
  }
  const all = imported.length + left.length;
  const lines = [`${imported.length} of ${counted(all, 'flag')} imported, ${left.length} left alone`];
  if (files.length > 0) lines.push(`${counted(files.length, 'file')} written`);
  if (taken !== undefined) lines.push(`${counted(taken, 'flag')} marked; nobody gained or lost anything`);
  parts.push(`${lines.join('\n')}\n`);
  return parts.join('\n');
}

function cellOf({ placements }: ImportedFlag, environment: string): string {
  const found = placements.find(one => one.environment === environment);
  if (found === undefined) return '';
  return found.state === 'off' ? `off (${found.users})` : String(found.users);
}

/** The same as JSON, ended by a line end. The same result gives the same bytes. */
export function importJsonText(found: ImportResult): string {
  const json = {
    version: 1,
    target: found.target,
    project: found.project ?? null,
    environments: [...found.environments],
    imported: found.imported.map(({ key, remote, file, owner, placements }) => ({
      key,
      flag: remote,
      file,
      owner,
      environments: placements.map(({ environment, state, users, rule }) => ({
        name: environment,
        state,
        users,
        rule,
      })),
    })),
    left: found.left.map(({ key, obstacles }) => ({
      flag: key,
      reasons: obstacles.map(({ code, environment, what }) => ({
        code,
        environment: environment ?? null,
        message: inertLine(what),
      })),
    })),
    files: [...found.files],
    marked: found.taken ?? null,
    failed: found.failed.map(problemJson),
    warnings: found.warnings.map(problemJson),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}
