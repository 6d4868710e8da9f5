import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { answerOf } from '../audience/answer.ts';
import type { FoundFlag, ImportResult, Obstacle } from '../domain/found.ts';
import { type Problem, ProblemError } from '../domain/problem.ts';
import { sourceKinds, targetKinds } from '../kinds.ts';
import { type NewFile, placeFiles } from '../lib/place-files.ts';
import { loadConfig } from '../load/config.ts';
import { importFiles, type ImportFiles, nameObstacle, starterConfig } from '../load/import-files.ts';
import { openFlags } from './flags.ts';
import { configured, type ImportOptions, type Origin, starterSettings, withoutConfig } from './import-origin.ts';
import { notTakenOver, takeOver } from './take-over.ts';

type Left = ImportResult['left'][number];

/**
 * Writes flag files for the flags of an account in use, and the lists of a static source that hold exactly today's users,
 * so that a plan has nothing to do. What no file can say is left alone. Nothing is written over. Throws a ProblemError;
 * once the files are there, what is wrong is in `failed`.
 */
export async function importAccount(options: ImportOptions): Promise<ImportResult> {
  const { clock, timeout, config, project } = options;
  const deadline = clock.now() + timeout;
  const over = new AbortController();
  const cancel = clock.after(timeout, () => over.abort(new ProblemError(notInTime(timeout))));
  const signal = AbortSignal.any([over.signal, options.signal]);
  try {
    const origin = config === undefined ? await withoutConfig(options, signal) : configured(options, config);
    try {
      if (origin.target.account === undefined) throw new Error('no account');
      const found = await origin.target.account.flags(project, signal);
      return await importFound(options, origin, found, deadline);
    } finally {
      await origin.target.close();
    }
  } finally {
    cancel();
  }
}

async function importFound(
  options: ImportOptions,
  origin: Origin,
  found: readonly FoundFlag[],
  deadline: number,
): Promise<ImportResult> {
  const { clock, config, env } = options;
  const { target, source, environments, flags: folder } = origin;
  const wide =
    config === undefined &&
    largest(found.filter(({ obstacles }) => obstacles.length === 0)) > (target.can.groups?.above ?? Infinity);
  const managed = await managedIn(options, origin);
  const { fit, left } = sorted(found, { ...origin, managed, most: mostIn(origin, wide) });
  const today = new Date(clock.now()).toISOString().slice(0, 10);
  const made = importFiles(fit, { source, target: target.name, folder, today });
  const result = {
    project: options.project,
    target: target.name,
    environments,
    imported: made.flags.map(({ flag }) => flag),
    left,
    warnings: warningsOf(made, wide),
  };
  if (made.flags.length === 0) return { ...result, files: [], taken: undefined, failed: [] };
  const root = options.out ?? options.folder;
  const files = filesOf(options, origin, made, wide);
  await refuseToOverwrite(root, files, config === undefined ? folder : undefined, managed.present);
  await place(root, files);
  const paths = files.map(({ path }) => path);
  if (!options.mark || (config !== undefined && options.out !== undefined)) {
    return { ...result, files: paths, taken: undefined, failed: [] };
  }
  try {
    const kinds = { sources: sourceKinds, targets: targetKinds };
    const loading = { kinds, env, secrets: 'substitute', purpose: 'once' } as const;
    const now = config ?? (await loadConfig(join(root, 'optoggles.yaml'), loading)).config;
    const keys = new Set(made.flags.map(({ flag }) => flag.key));
    const timeout = Math.max(0, deadline - clock.now());
    return { ...result, files: paths, ...(await takeOver({ ...options, config: now, keys, timeout })) };
  } catch (error) {
    return { ...result, files: paths, taken: 0, failed: notTakenOver(error) };
  }
}

function largest(found: readonly FoundFlag[]): number {
  const sizes = found.flatMap(({ placements }) => placements.map(({ on, members }) => (on ? members.size : 0)));
  return sizes.reduce((most, size) => Math.max(most, size), 0);
}

/** More users than this would be kept in another form, which would be a change. */
function mostIn({ target: { can } }: Origin, wide: boolean): number {
  // LaunchDarkly advises against more individual targets in an environment.
  return wide ? 10_000 : (can.groups?.above ?? can.mostMembers ?? Infinity);
}

interface Managed {
  /** Files by the keys of flags in the target. */
  readonly files: ReadonlyMap<string, string>;
  /** Keys of all flag files, in lower case. */
  readonly present: ReadonlySet<string>;
}

/** What flag files describe already. */
async function managedIn(options: ImportOptions, { target, config }: Origin): Promise<Managed> {
  if (config === undefined) return { files: new Map(), present: new Set() };
  const { env, clock, random, log } = options;
  const loader = openFlags({ config, mode: 'borrow', clock, random, log, env });
  try {
    const { toggles, present, unreadable } = await loader.load([]);
    // Where there is no folder yet, there are no files.
    if (unreadable !== undefined && (await isThere(config.flags?.folder ?? ''))) throw new ProblemError(unreadable);
    const files = new Map<string, string>();
    for (const { key, targets, file } of toggles) {
      const said = targets === undefined ? { spec: {} } : targets[target.name];
      if (said === undefined) continue;
      const own = 'key' in said && said.key !== undefined ? said.key : key;
      files.set(target.remoteKey?.(own, said.spec) ?? own, file);
    }
    return { files, present: new Set([...present].map(one => one.toLowerCase())) };
  } finally {
    await loader.close();
  }
}

interface Sorting extends Origin {
  readonly managed: Managed;
  readonly most: number;
}

/** Those that a file can say, and the others with the reasons; both as far as the chosen environments are concerned. */
function sorted(
  found: readonly FoundFlag[],
  sorting: Sorting,
): { readonly fit: readonly FoundFlag[]; readonly left: readonly Left[] } {
  const { environments } = sorting;
  const fit: FoundFlag[] = [];
  const left: Left[] = [];
  for (const flag of found) {
    const placements = flag.placements.filter(({ environment }) => environments.includes(environment));
    const chosen = { ...flag, placements };
    const obstacles = [
      ...flag.obstacles.filter(({ environment }) => environment === undefined || environments.includes(environment)),
      ...obstaclesOf(chosen, sorting),
    ];
    if (obstacles.length === 0) fit.push(chosen);
    else left.push({ key: flag.key, obstacles });
  }
  return { fit, left };
}

function* obstaclesOf(flag: FoundFlag, { target, managed, most }: Sorting): Generator<Obstacle> {
  const file = managed.files.get(target.remoteKey?.(flag.key, flag.spec) ?? flag.key);
  if (file !== undefined) yield { code: 'has-file', what: `${file} describes it already` };
  const name = nameObstacle(flag);
  if (name !== undefined) yield { code: 'bad-name', what: name };
  for (const { environment, on, members } of flag.placements) {
    const answer = answerOf([...members.values()], 'its list');
    if (answer.state === 'failed') yield { code: 'bad-member', environment, what: answer.error.message };
    if (on && members.size > most) {
      const what = `it has ${members.size} individual targets; more than ${most} would be kept in another form`;
      yield { code: 'too-many', environment, what };
    }
  }
}

/** The lists first and the configuration last: what stops in between leaves nothing that could take users away. */
function filesOf(options: ImportOptions, origin: Origin, made: ImportFiles, wide: boolean): readonly NewFile[] {
  const { config, source, lists, target } = origin;
  const { project = 'default', instance = project.slice(0, 64) } = options;
  const yaml = (value: unknown) => stringify(value, { lineWidth: 0 });
  const settings = starterSettings(origin, wide ? 'targets' : undefined);
  const starter = { instance, source, lists, target: target.name, settings };
  return [
    { path: lists, text: `${JSON.stringify(made.lists, null, 2)}\n`, mode: 0o600 },
    ...made.flags.map(({ flag, content }) => ({ path: flag.file, text: yaml(content) })),
    ...(config === undefined ? [{ path: 'optoggles.yaml', text: yaml(starterConfig(starter)) }] : []),
  ];
}

/** `fresh`: a folder that has to be empty. `present`: keys of flag files that no new one may have, whatever its case. */
async function refuseToOverwrite(
  root: string,
  files: readonly NewFile[],
  fresh: string | undefined,
  present: ReadonlySet<string>,
): Promise<void> {
  const there: string[] = [];
  for (const { path } of files) {
    const key = /([^/]+)\.yaml$/.exec(path)?.[1]?.toLowerCase();
    if ((await isThere(join(root, path))) || (key !== undefined && present.has(key))) there.push(path);
  }
  const others = fresh === undefined ? [] : await readdir(join(root, fresh)).catch(() => []);
  if (there.length === 0 && others.length > 0) there.push(`${fresh}/${others[0]}`);
  const [first, ...more] = there;
  if (first === undefined) return;
  throw new ProblemError({
    code: 'would-overwrite',
    message: `There is already ${first}${more.length === 0 ? '' : ` and ${more.length} more of what would be written`}; nothing was written.`,
    hint: 'Move it away, or name another folder with --out.',
  });
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function place(root: string, files: readonly NewFile[]): Promise<void> {
  try {
    await placeFiles(root, files);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (code === undefined) throw error;
    throw new ProblemError({
      code: 'import-unwritten',
      message: `The files could not be written (${code}); none of them is there.`,
      hint: 'Let this process write into that folder, or name another with --out.',
    });
  }
}

function warningsOf({ flags }: ImportFiles, wide: boolean): readonly Problem[] {
  const warnings: Problem[] = [];
  for (const { flag } of flags) {
    if (flag.key === flag.remote) continue;
    const message = `"${flag.remote}" is called ${flag.key} here, because names of files differ in more than their case.`;
    warnings.push({ code: 'renamed', message, hint: 'The key in the target stays as it is.' });
  }
  const unknown = flags.filter(({ flag }) => flag.owner === 'unknown').length;
  if (unknown > 0) {
    const message = `${unknown} flag files say "owner: unknown", because their flags have no maintainer.`;
    warnings.push({ code: 'owner-unknown', message, hint: 'Write who answers for each.' });
  }
  if (wide) {
    const message = 'The target keeps users as individual targets (audienceAs: targets), because some lists are long.';
    const hint = 'Take that line out when long lists may move to segments: a plan shows it, and nobody gains or loses.';
    warnings.push({ code: 'import-long-lists', message, hint });
  }
  return warnings;
}

function notInTime(timeout: number): Problem {
  return {
    code: 'not-in-time',
    message: `The account was not read within ${timeout / 1000} s.`,
    hint: 'Run it again, or give it more time with --timeout.',
  };
}
