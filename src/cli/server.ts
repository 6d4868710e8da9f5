import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { findRoot, resolveRef } from 'isomorphic-git';
import type { Config } from '../domain/config.ts';
import { ProblemError, ProblemsError, toProblem, UsageError } from '../domain/problem.ts';
import { systemClock } from '../lib/clock.ts';
import { findConfig, loadConfig } from '../load/config.ts';
import { definitionsIn } from '../tasks/definitions.ts';
import type { Planned } from '../tasks/preview.ts';
import { createRemote, type Remote, type SaidPath } from '../tasks/remote.ts';
import type { SyncAnswer } from '../tasks/wire.ts';
import { type Context, durationOption, kinds } from './context.ts';

/** Where the token for a running instance is told. */
const tokenVariable = 'OPTOGGLES_TOKEN';

/** Whoever is woken at night does not wait long for nothing. */
const operatorWaits = '20s';

export interface ServerFlags {
  readonly config?: string | undefined;
  readonly server: string;
  readonly timeout: string;
}

/** What a running instance would do with the flag files here. No secret of the configuration is needed. */
export async function planByServer(
  context: Context,
  flags: ServerFlags & { readonly only?: readonly string[] | undefined },
): Promise<Planned> {
  const config = await configHere(context, flags.config);
  const definitions = await definitionsIn(flagsHere(config), config.folder);
  return withRemote(context, flags, 'read', async remote => {
    const { instance, plans } = await remote.plan([definitions], flags.only, context.signal);
    checkInstance(config, instance);
    const [plan] = plans;
    if (plan === undefined) throw new Error('an answer has a plan for each set');
    return plan;
  });
}

export interface SyncFlags extends ServerFlags {
  /** `none`: whatever it has. Undefined: what is checked out here. */
  readonly commit?: string | undefined;
  readonly approve?: readonly string[] | undefined;
}

/** Brings a running instance to the commit that is checked out here, and waits for what comes of it. */
export async function syncServer(context: Context, flags: SyncFlags): Promise<SyncAnswer> {
  const config = await configHere(context, flags.config);
  const commit = flags.commit === 'none' ? null : checkedCommit(flags.commit ?? (await headOf(config.folder)));
  return withRemote(context, flags, 'admin', async remote => {
    for (const id of flags.approve ?? []) await remote.approve(id, context.signal);
    const answer = await remote.sync(commit, context.signal);
    checkInstance(config, answer.instance);
    return answer;
  });
}

/** What an operator says to a running instance, with an admin token. Gives its answer. */
export function tellServer(
  context: Context,
  flags: Pick<ServerFlags, 'config' | 'server'>,
  path: SaidPath,
  body: object,
): Promise<Readonly<Record<string, unknown>>> {
  const patient = { ...flags, timeout: operatorWaits };
  return withRemote(context, patient, 'admin', remote => remote.say(path, body, context.signal));
}

async function withRemote<Result>(
  context: Context,
  flags: ServerFlags,
  may: 'read' | 'admin',
  use: (remote: Remote) => Promise<Result>,
): Promise<Result> {
  const timeout = durationOption('--timeout', flags.timeout);
  const token = (await tokenFor(context, flags.config, may)) ?? undefined;
  const remote = createRemote({ url: flags.server, token, clock: systemClock, timeout });
  try {
    return await use(remote);
  } finally {
    await remote.close();
  }
}

/** The token of the environment, else the first that the configuration has, where its secrets are here. */
export async function tokenFor(
  context: Context,
  file: string | undefined,
  may: 'read' | 'admin',
): Promise<string | undefined> {
  const told = context.env[tokenVariable]?.trim();
  if (told !== undefined && told !== '') return told;
  try {
    const path = await pathOf(context, file);
    const { config } = await loadConfig(path, { kinds, env: context.env, secrets: 'substitute', purpose: 'look' });
    const tokens = may === 'admin' ? config.adminTokens : [...config.readTokens, ...config.adminTokens];
    return tokens.find(one => one.token !== '')?.token;
  } catch (error) {
    if (error instanceof ProblemsError) return undefined;
    // The address was told, and maybe nothing has to be proved there.
    if (file === undefined && toProblem(error).code === 'config-not-found') return undefined;
    throw error;
  }
}

async function pathOf(context: Context, file: string | undefined): Promise<string> {
  return resolve(context.cwd, file ?? (await findConfig(context.cwd)));
}

async function configHere(context: Context, file: string | undefined): Promise<Config> {
  const path = await pathOf(context, file);
  return (await loadConfig(path, { kinds, env: context.env, secrets: 'check', purpose: 'look' })).config;
}

/** Where the flag files are here: of a repository, in its checkout beside the configuration. */
function flagsHere({ flags, folder }: Config): string {
  if (flags !== undefined) return flags.git === undefined ? flags.folder : join(folder, flags.git.path);
  throw new ProblemError({
    code: 'no-flag-files',
    message: 'This configuration is in the old form and has no flag files.',
    hint: 'Turn it into optoggles.yaml and flags/ with "optoggles migrate".',
  });
}

function checkInstance({ instance }: Config, other: string): void {
  if (instance === other) return;
  throw new ProblemError({
    code: 'other-instance',
    message: `What runs there is the instance ${other}, and this configuration is of ${instance}.`,
    hint: 'Name the right one with --server, or the right configuration with --config.',
  });
}

function checkedCommit(commit: string): string {
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) return commit;
  throw new UsageError({
    code: 'bad-commit',
    message: `--commit: ${JSON.stringify(commit)} is no whole commit id.`,
    hint: 'Write all its digits, as "git rev-parse HEAD" does, or none for whatever the instance has.',
  });
}

async function headOf(folder: string): Promise<string> {
  try {
    const root = await findRoot({ fs, filepath: folder });
    return await resolveRef({ fs, dir: root, ref: 'HEAD' });
  } catch {
    throw new UsageError({
      code: 'no-commit',
      message: 'The configuration is in no git checkout, so nobody knows which commit is meant.',
      hint: 'Name it with --commit, or write --commit none for whatever the instance has.',
    });
  }
}
