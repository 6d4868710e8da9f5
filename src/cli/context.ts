import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Config } from '../domain/config.ts';
import { formatProblem, type Problem, ProblemsError, toProblem, UsageError } from '../domain/problem.ts';
import type { Purpose } from '../domain/settings-check.ts';
import { sourceKinds, targetKinds } from '../kinds.ts';
import { parseDuration } from '../lib/duration.ts';
import { lastWords } from '../lib/last-words.ts';
import type { Log } from '../lib/log.ts';
import { createLearningRedactor, type Redactor } from '../lib/redact.ts';
import { findConfig, loadConfig, type LoadOptions, secretsOf } from '../load/config.ts';
import type { KindSchemas } from '../load/kinds.ts';
import { createLiveConfig } from '../load/live-config.ts';
import { createLog, type LogLevel } from '../server/log.ts';
import { saving } from '../tasks/saving.ts';

/** Where a command runs: everything of the process that it may touch. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  exit(code: number): void;
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

export const kinds: KindSchemas = { sources: sourceKinds, targets: targetKinds };

/** The configuration with its secrets, and the log that never lets one of them out. */
export async function openConfig(
  context: Context,
  file: string | undefined,
  purpose: Purpose = 'once',
  unneeded?: LoadOptions['unneeded'],
): Promise<{ config: Config; log: Log }> {
  const path = resolve(context.cwd, file ?? (await findConfig(context.cwd)));
  const options = { kinds, env: context.env, secrets: 'substitute', purpose, unneeded } as const;
  const { config, warnings } = await loadConfig(path, options);
  const log = logOf(context, secretsOf(config));
  for (const warning of warnings) log.warn({ code: warning.code }, formatProblem(warning));
  return { config, log };
}

/** The configuration of a process that goes on: its secrets may come in anew. */
export async function openLiveConfig(context: Context, file: string | undefined) {
  const path = resolve(context.cwd, file ?? (await findConfig(context.cwd)));
  const loaded = await loadConfig(path, { kinds, env: context.env, secrets: 'substitute', purpose: 'run' });
  const secrets = createLearningRedactor(secretsOf(loaded.config));
  const log = logOf(context, [], secrets.redact);
  for (const warning of loaded.warnings) log.warn({ code: warning.code }, formatProblem(warning));
  return { live: createLiveConfig(loaded), secretFiles: loaded.secretFiles, secrets, log };
}

/** The log on stderr, that never lets one of the secrets out. */
export function logOf(context: Context, secrets: readonly string[], redact?: Redactor): Log {
  return createLog({
    terminal: context.stderr.isTTY ?? false,
    level: levelOf(context.env.OPTOGGLES_LOG_LEVEL),
    secrets,
    redact,
    stream: context.stderr,
  });
}

function levelOf(name: string | undefined): LogLevel {
  const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];
  return levels.find(level => level === name) ?? 'info';
}

/** The columns of a terminal, and color where people look at it. */
export function lookOf(stream: NodeJS.WriteStream, env: Context['env']): { color: boolean; width?: number } {
  if (!stream.isTTY) return { color: false };
  return { color: env.NO_COLOR === undefined || env.NO_COLOR === '', ...(stream.columns && { width: stream.columns }) };
}

/** `-` is stdout. */
export async function writeJson(context: Context, where: string, text: string): Promise<void> {
  if (where === '-') context.stdout.write(text);
  else await saving(where, () => writeFile(resolve(context.cwd, where), text));
}

/** `5m` as ms; a UsageError says of which option, and what a duration looks like. */
export function durationOption(option: string, text: string): number {
  try {
    return parseDuration(text);
  } catch {
    throw new UsageError({
      code: 'bad-duration',
      message: `${option}: ${JSON.stringify(text)} is no duration.`,
      hint: 'Write a whole number and its unit, up to 99h: 90s, 5m, 1h.',
    });
  }
}

/** Problems on stderr, one a line; those of files as `file:line:column: what. hint`. */
export function tellProblems(context: Context, problems: readonly Problem[], prefix = ''): void {
  for (const problem of problems) context.stderr.write(`${prefix}${formatProblem(problem)}\n`);
}

/** Ends a command by what was thrown: wrong use 64, everything else 1; one clear line each. */
export function failWith(context: Context, error: unknown): void {
  if (error instanceof ProblemsError) tellProblems(context, error.problems);
  else {
    const problem = toProblem(error);
    const unforeseen = problem.code === 'internal' && error instanceof Error;
    context.stderr.write(unforeseen ? `internal error: ${lastWords(error)}\n` : `${formatProblem(problem)}\n`);
  }
  context.exit(error instanceof UsageError ? 64 : 1);
}
