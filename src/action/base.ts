import fs from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readCommit, resolveRef } from 'isomorphic-git';
import { ProblemError } from '../domain/problem.ts';
import { createCheckout } from '../lib/git/checkout.ts';
import { openIsomorphic } from '../lib/git/isomorphic-reader.ts';
import { realPathInside } from '../lib/inside.ts';
import type { RunEvent } from './event.ts';

/** Of larger files of the base branch only the size is written. */
const largestFile = 64 * 1024 * 1024;

/**
 * A folder with the base branch of the pull request: the one that was checked out for it, else the parent of the merge
 * commit, taken out of the checkout's own git objects. Throws a ProblemError where there is neither.
 */
export async function baseFolder(event: RunEvent, basePath: string | undefined, signal: AbortSignal): Promise<string> {
  if (basePath === undefined) return fromObjects(event, signal);
  const folder = await realPathInside(event.workspace, join(event.workspace, basePath));
  const found = folder === undefined ? undefined : await stat(folder).catch(() => undefined);
  if (folder !== undefined && found?.isDirectory()) return folder;
  throw new ProblemError({
    code: 'no-base',
    message: `The input "base-path" names no folder of the workspace: ${JSON.stringify(basePath)}.`,
    hint: 'Check the base branch out there, in a step before this one: actions/checkout with "ref" and "path".',
  });
}

async function fromObjects(event: RunEvent, signal: AbortSignal): Promise<string> {
  const gitdir = join(event.workspace, '.git');
  const commit = await baseCommit(gitdir, event);
  const reader = openIsomorphic(gitdir);
  if (commit === undefined || !(await reader.has(commit))) throw noBase();
  const folder = join(event.temp, `optoggles-base-${commit.slice(0, 12)}`);
  const options = { folder, path: '', also: '', wanted: () => true, limit: largestFile };
  await createCheckout(options).update(reader, commit, signal);
  return folder;
}

/**
 * GitHub checks out a merge of the pull request's head into the base branch: its first parent is the base. Of any other
 * commit nobody knows what its parent is, so that there only the event's word counts, which may be a little older.
 */
async function baseCommit(gitdir: string, { pull }: RunEvent): Promise<string | undefined> {
  try {
    const oid = await resolveRef({ fs, gitdir, ref: 'HEAD' });
    const { parent } = (await readCommit({ fs, gitdir, oid })).commit;
    return parent.length === 2 && parent[1] === pull?.head ? parent[0] : pull?.base;
  } catch {
    return undefined;
  }
}

function noBase(): ProblemError {
  return new ProblemError({
    code: 'no-base',
    message: 'The base branch is not there to compare with.',
    hint: 'Give actions/checkout "fetch-depth: 2", or check the base branch out beside it and name it with "base-path".',
  });
}
