import { lstat, readFile, realpath, stat } from 'node:fs/promises';
import { join, posix, relative, sep } from 'node:path';
import type { Config } from '../domain/config.ts';
import { type Problem, ProblemError, ProblemsError } from '../domain/problem.ts';
import type { Purpose } from '../domain/settings-check.ts';
import { pathInside, realPathInside } from '../lib/inside.ts';
import { loadConfig, type LoadedConfig, type LoadOptions } from '../load/config.ts';
import type { KindSchemas } from '../load/kinds.ts';

/** A commit of the repository of flag files, checked out. */
export interface Checkout {
  /** Absolute. */
  readonly root: string;
  /** The configuration, from the root. */
  readonly config: string;
  /** The repository's address: a configuration that reads its flags from there means the files here. */
  readonly url: string;
}

export interface CheckoutOptions {
  readonly kinds: KindSchemas;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly secrets: 'substitute' | 'check';
  readonly purpose: Purpose;
  /** Whose secrets may be missing. */
  readonly unneeded?: LoadOptions['unneeded'];
}

/**
 * The configuration of a checkout, with its flags in the checkout. Throws a ProblemError or a ProblemsError, also for
 * what leads out of the checkout.
 */
export async function loadCheckout(checkout: Checkout, options: CheckoutOptions): Promise<LoadedConfig> {
  const file = pathInside(checkout.root, checkout.config);
  if (file === undefined) throw new ProblemError(leadsOut(`The configuration ${checkout.config}`));
  await mustBeInside(checkout, file, `The configuration ${checkout.config}`);
  if (!(await stat(file).catch(() => undefined))?.isFile()) throw new ProblemError(notThere(checkout.config));
  const loaded = await loadConfig(file, options);
  const config = { ...loaded.config, ...flagsHere(loaded.config, checkout) };
  if (config.flags !== undefined) await mustBeInside(checkout, config.flags.folder, 'The flags folder');
  return { ...loaded, config };
}

/** A problem's file, which is relative to the configuration's folder, as a path from the root of the checkout. */
export function inCheckout(checkout: Checkout, problem: Problem): Problem {
  if (problem.at === undefined) return problem;
  return { ...problem, at: { ...problem.at, file: fromRoot(checkout, problem.at.file) } };
}

/** A path relative to the configuration's folder as one from the root of the checkout. */
export function fromRoot({ config }: Checkout, file: string): string {
  return posix.normalize(posix.join(posix.dirname(config.split(sep).join('/')), file));
}

/** What a load threw, as problems; anything else is thrown on. */
export function problemsOf(error: unknown): readonly Problem[] {
  if (error instanceof ProblemsError) return error.problems;
  if (error instanceof ProblemError) return [error.problem];
  throw error;
}

/**
 * Throws a ProblemError for an absolute path that a link leads out of the checkout, or to what git keeps for itself: its
 * settings may hold a token. `what` begins the message.
 */
export async function mustBeInside({ root }: Checkout, path: string, what: string): Promise<void> {
  const real = await realPathInside(root, path);
  const inside = real === undefined ? undefined : relative(await realpath(root), real);
  if (inside === undefined || inside.split(sep)[0] === '.git') throw new ProblemError(leadsOut(what));
}

/** A file of a checkout, by its path from the root. Undefined: no regular file of at most so many bytes. */
export async function readInside({ root }: Checkout, file: string, limit: number): Promise<Buffer | undefined> {
  const path = pathInside(root, file);
  if (path === undefined) return undefined;
  try {
    const found = await lstat(path);
    return found.isFile() && found.size <= limit ? await readFile(path) : undefined;
  } catch {
    return undefined;
  }
}

function notThere(config: string): Problem {
  return {
    code: 'config-not-found',
    message: `The configuration ${config} is not in the checkout.`,
    hint: 'Check the repository out in a step before this one, or name the file with the input "config".',
  };
}

function leadsOut(what: string): Problem {
  return {
    code: 'outside-checkout',
    message: `${what} leads out of the checkout.`,
    hint: 'Put it into the repository itself, without a link.',
  };
}

function flagsHere({ flags }: Config, { root, url }: Checkout): Pick<Config, 'flags'> {
  const git = flags?.git;
  if (git === undefined) return { flags };
  if (repositoryName(git.url) !== repositoryName(url)) {
    throw new ProblemError({
      code: 'flags-elsewhere',
      message: 'The flags of this configuration are in another repository.',
      hint: 'Use the action in the repository of the flag files, with the configuration beside them.',
    });
  }
  return { flags: { folder: join(root, git.path) } };
}

/** `github.com/acme/flags`, however the address is written. */
function repositoryName(url: string): string {
  const plain = url.replace(/^[a-z+]+:\/\/([^@/]*@)?/i, '').replace(/^[^@/]+@([^:/]+):/, '$1/');
  return plain
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .toLowerCase();
}

/** The same place in another checkout. */
export function sameFolder(folder: string, from: Checkout, to: Checkout): string {
  return join(to.root, relative(from.root, folder));
}
