import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Problem, ProblemError, UsageError } from '../domain/problem.ts';
import { placeFiles } from '../lib/place-files.ts';
import { version } from '../lib/version.ts';
import { namePattern } from '../load/pieces.ts';
import { folderOf, isAccount, starterFiles } from './starter.ts';

export interface InitOptions {
  /** Absolute. */
  readonly folder: string;
  readonly instance: string;
  readonly owner: string;
  readonly branch: string;
  /** As workflows name it; undefined: no workflows. */
  readonly action: string | undefined;
  /** ms since the epoch. */
  readonly now: number;
}

export interface Initialized {
  /** Written, relative to the folder. */
  readonly files: readonly string[];
  readonly warnings: readonly Problem[];
}

/** A release takes so long, until somebody says otherwise (ms). */
const firstExpiry = 60 * 24 * 60 * 60_000;

/** Beside the sources and beside the built program. */
const schemas = new URL('../../schemas/', import.meta.url);

/**
 * Writes a repository of flag files to begin with: all of it, or nothing. Throws a ProblemError where something of that
 * name is there already, a UsageError for names that cannot be.
 */
export async function initialize(options: InitOptions): Promise<Initialized> {
  const { folder, instance, owner, branch, action, now } = options;
  check('--instance', instance, new RegExp(namePattern), 'Use letters, digits, ".", "_" and "-".');
  check('--owner', owner, /^[^\p{Cc}#]{1,200}$/u, 'Write @organization/team, @user, an address or a name.');
  check('--branch', branch, /^[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'Write the name of a branch: main.');
  if (action !== undefined) {
    check(
      '--action',
      action,
      /^[\w.-]+\/[\w./-]+@[\w./-]+$/,
      'Write it as workflows do: organization/repository@commit.',
    );
  }
  const read = (name: string) => readFile(new URL(name, schemas), 'utf8');
  const texts = starterFiles({
    instance,
    owner,
    branch,
    action,
    version,
    today: dayOf(now),
    expires: dayOf(now + firstExpiry),
    schemas: { config: await read('config.schema.json'), flag: await read('flag.schema.json') },
  });
  const paths = Object.keys(texts);
  await refuseToOverwrite(folder, paths);
  try {
    await placeFiles(
      folder,
      Object.entries(texts).map(([path, text]) => ({ path, text })),
    );
  } catch (error) {
    throw new ProblemError(notWritten(error), { cause: error });
  }
  return { files: paths.sort(), warnings: warningsOf(options) };
}

function check(option: string, value: string, form: RegExp, hint: string): void {
  if (form.test(value)) return;
  throw new UsageError({ code: 'bad-name', message: `${option} cannot be ${JSON.stringify(value)}.`, hint });
}

async function refuseToOverwrite(folder: string, paths: readonly string[]): Promise<void> {
  const found: string[] = [];
  for (const path of paths) if (await lstat(join(folder, path)).catch(() => undefined)) found.push(path);
  if (found.length === 0) return;
  throw new ProblemError({
    code: 'would-overwrite',
    message: `There is already ${found.join(', ')}, and nothing is written over.`,
    hint: 'Name an empty folder with --out, or move it away.',
  });
}

function warningsOf({ owner, action }: InitOptions): Problem[] {
  const warnings: Problem[] = [];
  if (!isAccount(owner)) {
    warnings.push({
      code: 'no-code-owners',
      message: `No CODEOWNERS is written: GitHub knows no owner called ${JSON.stringify(owner)}.`,
      hint: `Give --owner @organization/${folderOf(owner)}, or write the file yourself.`,
    });
  }
  if (action === undefined) {
    warnings.push({
      code: 'no-workflows',
      message: 'No workflows are written: where the action is has to be said.',
      hint: 'Give --action organization/repository@commit.',
    });
  } else if (!/@[0-9a-f]{40}$/.test(action)) {
    warnings.push({
      code: 'action-not-pinned',
      message: 'The action is named by something that can be moved, and it will see your tokens.',
      hint: 'Name it by the whole id of a commit: organization/repository@commit.',
    });
  }
  return warnings;
}

function notWritten(error: unknown): Problem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return {
    code: 'init-failed',
    message: `The files could not be written (${code}); none is there.`,
    hint: 'Let this process write the folder, and see that the disk has room.',
  };
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
