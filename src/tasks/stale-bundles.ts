import { stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { Config } from '../domain/config.ts';
import { type Problem, ProblemError } from '../domain/problem.ts';
import { quoted } from '../load/problems.ts';
import { type Checkout, mustBeInside } from './checkout.ts';
import { isRebuilt, type OpaOptions, opaVersion, regoFiles } from './opa-build.ts';

/**
 * Which packed bundles of a checkout are not what `opa` builds of the Rego files beside them: those of its sources, and
 * `more` (absolute). Nothing where there is no `opa`, and none of a bundle without such files.
 */
export async function staleBundles(
  checkout: Checkout,
  config: Config,
  more: readonly string[],
  options: OpaOptions,
): Promise<readonly Problem[]> {
  const bundles = [...new Set([...bundlesOf(config), ...more])];
  const withSources: { readonly bundle: string; readonly files: readonly string[] }[] = [];
  for (const bundle of bundles) {
    const files = await regoFiles(dirname(bundle));
    if (files.length > 0 && (await isFile(bundle))) withSources.push({ bundle, files });
  }
  if (withSources.length === 0) return [];
  const version = await opaVersion(checkout.root, options);
  if (version === undefined) return [];
  const problems: Problem[] = [];
  for (const { bundle, files } of withSources) {
    const problem = await staleBundle(checkout, bundle, files, version, options);
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}

async function staleBundle(
  checkout: Checkout,
  bundle: string,
  files: readonly string[],
  version: string,
  options: OpaOptions,
): Promise<Problem | undefined> {
  const file = relative(checkout.root, bundle);
  const at = { file, line: 1, column: 1 };
  const folder = dirname(bundle);
  try {
    for (const name of [basename(bundle), ...files]) {
      await mustBeInside(
        checkout,
        join(folder, name),
        `The file ${quoted(relative(checkout.root, join(folder, name)))}`,
      );
    }
    const from = [checkout.root, dirname(join(checkout.root, checkout.config))];
    if (await isRebuilt(bundle, file, folder, files, from, options)) return undefined;
    return {
      code: 'bundle-not-rebuilt',
      message: `The bundle ${quoted(file)} is not what OPA ${version} builds of the Rego files beside it.`,
      hint: 'Build it again with that version and commit it; what is reviewed has to be what is used.',
      at,
    };
  } catch (error) {
    if (error instanceof ProblemError) return { ...error.problem, at };
    // What it says quotes the files; they are read better by whoever builds them.
    return {
      code: 'bundle-not-rebuilt',
      message: `OPA ${version} cannot build the Rego files beside the bundle ${quoted(file)}.`,
      hint: `Run "opa build -t wasm" in that folder and correct what it says.`,
      at,
    };
  }
}

function bundlesOf({ sources, folder }: Config): readonly string[] {
  return sources.flatMap(({ type, settings }) =>
    type === 'bundle' && typeof settings.path === 'string' ? [join(folder, settings.path)] : [],
  );
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
