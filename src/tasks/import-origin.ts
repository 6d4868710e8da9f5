import { relative } from 'node:path';
import type { Config, TargetEntry } from '../domain/config.ts';
import { markOf } from '../domain/identity.ts';
import { ProblemError, UsageError } from '../domain/problem.ts';
import type { Target } from '../domain/target.ts';
import { targetKinds } from '../kinds.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { nearest, quoted } from '../load/problems.ts';

export interface ImportOptions {
  /** Undefined: there is none yet, and one is written. */
  readonly config: Config | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the project is, absolute: the configuration's folder, or where one is to be. */
  readonly folder: string;
  /** Files go there instead of the places of the configuration, and no flag is marked. Absolute. */
  readonly out?: string | undefined;
  readonly target?: string | undefined;
  readonly project?: string | undefined;
  readonly environments?: readonly string[] | undefined;
  readonly source?: string | undefined;
  /** For the configuration that is written. */
  readonly instance?: string | undefined;
  readonly baseUrl?: string | undefined;
  /** Whether the imported flags are taken over: they get our mark, and nothing else changes. */
  readonly mark: boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** Through what an account is read, and what its files refer to. */
export interface Origin {
  readonly target: Target;
  /** Our names of the environments that are imported. */
  readonly environments: readonly string[];
  readonly source: string;
  /** The file of the static source, the folder of the flag files: relative to where files go. */
  readonly lists: string;
  readonly flags: string;
  /** Undefined: a configuration is to be written too, with these settings of its target. */
  readonly config: Config | undefined;
  readonly settings: Readonly<Record<string, unknown>>;
}

const kind = 'launchdarkly';
const starterNames = { target: 'ld', source: 'imported', lists: 'imported.json', flags: 'flags' } as const;

/** The origin in a configuration. Throws a UsageError or ProblemError that says what to add or name. */
export function configured(options: ImportOptions, config: Config): Origin {
  if (config.flags === undefined) {
    throw new ProblemError({
      code: 'import-old-form',
      message: `${config.file} is OPToggles' old form, which has no flag files.`,
      hint: 'Write the new form with `optoggles migrate`, then import.',
    });
  }
  if (config.flags.git !== undefined && options.out === undefined) {
    throw new UsageError({
      code: 'import-to-git',
      message: `${config.file} takes its flag files from a git repository.`,
      hint: 'Name a checkout of it with --out, and commit what is written there.',
    });
  }
  const entry = entryIn(config, options.target);
  const own = entry.environments ?? [];
  for (const name of options.environments ?? []) {
    if (own.includes(name)) continue;
    throw new UsageError({
      code: 'unknown-environment',
      message: `--environments: the target ${entry.name} has no environment called ${quoted(name)}.`,
      hint: nearest(name, own, 'Its environments'),
    });
  }
  const source = sourceIn(config, options.source);
  return {
    target: open(options, entry.name, entry.settings, config.instance, own, config.folder),
    environments: own.filter(name => options.environments?.includes(name) ?? true),
    ...source,
    flags: config.flags.git === undefined ? relative(config.folder, config.flags.folder) : config.flags.git.path,
    config,
    settings: entry.settings,
  };
}

function entryIn(config: Config, name: string | undefined): TargetEntry {
  const entries = config.targets.filter(({ type }) => type === kind);
  const names = entries.map(one => one.name);
  const [entry, ...others] = entries.filter(one => name === undefined || one.name === name);
  if (entry === undefined) {
    throw new UsageError({
      code: 'import-no-target',
      message: `${config.file} has no target of type ${kind}${name === undefined ? '' : ` called ${quoted(name)}`}.`,
      hint: name === undefined || names.length === 0 ? 'Add one to it.' : nearest(name, names, 'Its targets'),
    });
  }
  if (others.length === 0) return entry;
  throw new UsageError({
    code: 'import-no-target',
    message: `${config.file} has ${names.length} targets of type ${kind}.`,
    hint: `Name one with --target: ${names.join(', ')}.`,
  });
}

/** A static source whose file is to be written: the named one, or the one called `imported`. */
function sourceIn(config: Config, name = starterNames.source as string): { source: string; lists: string } {
  const entry = config.sources.find(({ id, type }) => id === name && type === 'static');
  const { path } = entry?.settings ?? {};
  if (typeof path === 'string') return { source: name, lists: path };
  throw new ProblemError({
    code: 'import-no-source',
    message: `${config.file} has no static source called ${quoted(name)} for the users that are imported.`,
    hint: `Add this to its sources, and run it again: - { id: ${name}, type: static, path: ${name}.json }`,
  });
}

/**
 * The origin without a configuration: the account of LAUNCHDARKLY_TOKEN. Throws a UsageError where there is no token, a
 * ProblemError where the project cannot be read.
 */
export async function withoutConfig(options: ImportOptions, signal: AbortSignal): Promise<Origin> {
  const { project = 'default', instance = project.slice(0, 64), baseUrl } = options;
  const token = options.env.LAUNCHDARKLY_TOKEN ?? '';
  if (token === '') {
    throw new UsageError({
      code: 'import-no-token',
      message: 'There is no configuration, and LAUNCHDARKLY_TOKEN is not set.',
      hint: 'Set it to an access token of LaunchDarkly, or name a configuration with --config.',
    });
  }
  const { target: name, ...names } = starterNames;
  const base = { projKey: project, ...(baseUrl !== undefined && { baseUrl }) };
  const make = (settings: Readonly<Record<string, unknown>>, environments: readonly string[]) =>
    open(options, name, { ...settings, token }, instance, environments, options.folder);
  // Which environments there are is asked through a target that names one that is never looked at.
  const probe = make({ ...base, environments: ['production'] }, ['production']);
  try {
    const there = (await probe.account?.environments(project, signal)) ?? [];
    const chosen = options.environments ?? there;
    for (const one of chosen) {
      if (there.includes(one)) continue;
      throw new UsageError({
        code: 'unknown-environment',
        message: `--environments: project ${project} has no environment called ${quoted(one)}.`,
        hint: nearest(one, there, 'Its environments'),
      });
    }
    const settings = { ...base, environments: Object.fromEntries(chosen.map(one => [one, one])) };
    const target = make(settings, chosen);
    return { target, environments: chosen, ...names, config: undefined, settings };
  } finally {
    await probe.close();
  }
}

/** The target with other settings besides: as `withoutConfig` makes it. */
export function starterSettings({ settings }: Origin, audienceAs: 'targets' | undefined) {
  return {
    type: kind,
    token: '${LAUNCHDARKLY_TOKEN}',
    ...settings,
    ...(audienceAs !== undefined && { audienceAs }),
  };
}

function open(
  { clock, random, log }: ImportOptions,
  name: string,
  settings: Readonly<Record<string, unknown>>,
  instance: string,
  environments: readonly string[],
  folder: string,
): Target {
  const type = targetKinds[kind];
  if (type === undefined) throw new Error(`no target kind ${kind}`);
  return type.create(settings, { name, mark: markOf(instance), instance, folder, environments, clock, random, log });
}
