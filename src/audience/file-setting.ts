import { realpathSync } from 'node:fs';
import { type Problem, ProblemError } from '../domain/problem.ts';
import type { Finding, SettingsPlace } from '../domain/settings-check.ts';
import { pathInside } from '../lib/inside.ts';

/** A configured path as an absolute one. Throws a ProblemError (`path-outside`) where it leads out of the folder. */
export function fileInside(path: string, { id, folder }: Pick<SettingsPlace, 'id' | 'folder'>): string {
  const absolute = pathInside(folder, path);
  if (absolute === undefined) throw new ProblemError(outside(path, id));
  return absolute;
}

/**
 * What is wrong with the file (or folder) that a setting names. At a start it has to be there: a name that is wrong would
 * be waited for in vain. While a source runs, a file that vanishes is waited for.
 */
export function fileFindings(setting: string, path: string | undefined, where: SettingsPlace): readonly Finding[] {
  if (path === undefined) return [];
  const absolute = pathInside(where.folder, path);
  if (absolute === undefined) return [{ path: [setting], problem: outside(path, where.id) }];
  if (where.purpose === 'look') return [];
  const real = realPath(absolute);
  if (real === undefined) return [{ path: [setting], problem: missing(path, where.id) }];
  if (pathInside(realpathSync(where.folder), real) !== undefined) return [];
  return [{ path: [setting], problem: outside(path, where.id) }];
}

/** Undefined: nothing is there. What cannot be looked at is the reader's to say. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : path;
  }
}

function outside(path: string, source: string): Problem {
  return {
    code: 'path-outside',
    message: `The path ${path} of source ${source} leads out of the configuration's folder.`,
    hint: 'Put the file below the folder of the configuration.',
  };
}

function missing(path: string, source: string): Problem {
  return {
    code: 'source-file-missing',
    message: `The file ${path} of source ${source} does not exist.`,
    hint: 'Create it, or correct the path: it is relative to the folder of the configuration.',
  };
}
