import { readFile } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { ProblemsError } from '../domain/problem.ts';
import { scanFlags } from '../load/scan.ts';
import type { Definitions } from './wire.ts';

/**
 * The flag files of a folder, to be sent to a running instance; `base` is the folder of the configuration. Throws a
 * ProblemsError where one of them cannot be read: without it, its toggle would count as removed.
 */
export async function definitionsIn(folder: string, base: string): Promise<Definitions> {
  const named = await scanFlags(folder, base);
  const scan = await scanFlags(folder, folder);
  const unreadable = named.unreadable === undefined ? [] : [named.unreadable];
  const broken = named.files.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  const problems = [...unreadable, ...named.problems, ...broken];
  if (problems.length > 0) throw new ProblemsError(problems);
  const files: Definitions['files'] = [];
  for (const { file, path } of scan.files) files.push({ path: file, text: await readFile(path, 'utf8') });
  return { folder: relative(base, folder).split(sep).join('/') || 'flags', files };
}
