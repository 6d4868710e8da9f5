import { resolve } from 'node:path';
import type { Config } from '../domain/config.ts';
import { ProblemError, UsageError } from '../domain/problem.ts';
import { systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { findConfig } from '../load/config.ts';
import { importJsonText, reportImport } from '../report/import.ts';
import { importAccount } from '../tasks/import.ts';
import { exitCodes } from '../tasks/result.ts';
import { type Context, durationOption, logOf, lookOf, openConfig, tellProblems, writeJson } from './context.ts';

export interface ImportFlags {
  readonly config?: string | undefined;
  readonly json?: string | undefined;
  readonly target?: string | undefined;
  readonly project?: string | undefined;
  readonly environments?: string | undefined;
  readonly source?: string | undefined;
  readonly instance?: string | undefined;
  readonly baseUrl?: string | undefined;
  readonly out?: string | undefined;
  readonly mark: boolean;
  readonly timeout: string;
}

/** `optoggles import ld`: flag files and lists for the flags of an account in use. */
export async function importCommand(context: Context, what: string, flags: ImportFlags): Promise<void> {
  if (what !== 'ld' && what !== 'launchdarkly') {
    throw new UsageError({
      code: 'import-what',
      message: `Nothing can be imported from ${JSON.stringify(what)}.`,
      hint: 'Say ld, for an account of LaunchDarkly.',
    });
  }
  const timeout = durationOption('--timeout', flags.timeout);
  const { environments, out, target, project, source, instance, baseUrl, mark } = flags;
  const { config, log } = await configOf(context, flags.config);
  const found = await importAccount({
    config,
    env: context.env,
    folder: config?.folder ?? resolve(context.cwd, out ?? '.'),
    out: out === undefined ? undefined : resolve(context.cwd, out),
    target,
    project,
    environments: environments === undefined ? undefined : namesIn(environments),
    source,
    instance,
    baseUrl,
    mark,
    clock: systemClock,
    random: Math.random,
    log,
    timeout,
    signal: context.signal,
  });
  if (flags.json !== undefined) await writeJson(context, flags.json, importJsonText(found));
  if (flags.json !== '-') context.stdout.write(reportImport(found, lookOf(context.stdout, context.env)));
  tellProblems(context, found.warnings, 'warning: ');
  tellProblems(context, found.failed);
  context.exit(found.failed.length > 0 ? exitCodes.failed : exitCodes.done);
}

/** The configuration, where there is one: the file of the static source is not there yet. */
async function configOf(
  context: Context,
  named: string | undefined,
): Promise<{ config: Config | undefined; log: Log }> {
  try {
    return await openConfig(context, named ?? (await findConfig(context.cwd)), 'look');
  } catch (error) {
    const isNone = error instanceof ProblemError && error.problem.code === 'config-not-found';
    if (named !== undefined || !isNone) throw error;
    const token = context.env.LAUNCHDARKLY_TOKEN ?? '';
    return { config: undefined, log: logOf(context, token === '' ? [] : [token]) };
  }
}

function namesIn(text: string): readonly string[] {
  const names = text.split(',').map(name => name.trim());
  if (names.every(name => name !== '')) return [...new Set(names)];
  throw new UsageError({
    code: 'bad-environments',
    message: '--environments: one of the names is empty.',
    hint: 'Write names with commas between them: --environments production,test.',
  });
}
