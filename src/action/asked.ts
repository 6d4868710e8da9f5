import { isAbsolute } from 'node:path';
import type { Config } from '../domain/config.ts';
import { type Problem, ProblemsError, toProblem, UsageError } from '../domain/problem.ts';
import { secretsOf } from '../load/config.ts';
import { readSnapshot } from '../load/snapshot.ts';
import { pathInside } from '../lib/inside.ts';
import { type Checkout, inCheckout, loadCheckout } from '../tasks/checkout.ts';
import { throughSnapshot, toldOfSnapshot, unneededWithSnapshot } from '../tasks/from-snapshot.ts';
import { createRemote, type Remote } from '../tasks/remote.ts';
import type { Elsewhere } from '../tasks/review.ts';
import { snapshotHash } from '../tasks/snapshot-key.ts';
import type { Step } from './step.ts';

/** How a pull request's plan is made. */
export interface Asked {
  /** Of the base branch. */
  readonly config: Config;
  /** Why nothing can be asked, as from a fork, where no secret is. Empty: everything is. */
  readonly mute: readonly Problem[];
  /** Undefined: sources and targets are asked from here. */
  readonly elsewhere?: Elsewhere;
}

/** The base's configuration, and who answers for policy: its sources, a snapshot, or a running instance. */
export async function askedOf(base: Checkout, step: Step): Promise<Asked> {
  const { kinds, env, runner, inputs } = step;
  if (inputs.server !== undefined && inputs.snapshot !== undefined) throw notBoth();
  const options = { kinds, env, purpose: 'look' } as const;
  const plain = await loadCheckout(base, { ...options, secrets: 'check' });
  if (inputs.server !== undefined) return { config: plain.config, mute: [], elsewhere: byServer(step, inputs.server) };
  const unneeded = inputs.snapshot === undefined ? undefined : unneededWithSnapshot;
  try {
    const { config } = await loadCheckout(base, { ...options, secrets: 'substitute', unneeded });
    runner.hide(secretsOf(config));
    if (inputs.snapshot === undefined) return { config, mute: [] };
    return await bySnapshot(step, base, config, inputs.snapshot);
  } catch (error) {
    if (!(error instanceof ProblemsError)) throw error;
    return { config: plain.config, mute: error.problems.map(problem => inCheckout(base, problem)) };
  }
}

/** A snapshot that cannot be used is no fault of the pull request. */
async function bySnapshot({ env, clock, event }: Step, base: Checkout, config: Config, file: string): Promise<Asked> {
  try {
    const hash = snapshotHash(env, config.instance);
    const snapshot = await readSnapshot(placeOf(file, base, event.workspace), file);
    const through = throughSnapshot(snapshot, hash, config.instance, clock);
    const told: Extract<Elsewhere, { through: unknown }>['told'] = (plan, line) =>
      toldOfSnapshot(plan, line, snapshot, clock.now());
    return { config, mute: [], elsewhere: { through, told } };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return { config, mute: [toProblem(error)] };
  }
}

/** Of the base branch, or from outside the checkout: what a pull request brings along says what it likes. */
function placeOf(file: string, base: Checkout, workspace: string): string {
  const inBase = isAbsolute(file) ? undefined : pathInside(base.root, file);
  if (inBase !== undefined) return inBase;
  if (isAbsolute(file) && pathInside(workspace, file) === undefined) return file;
  throw new UsageError({
    code: 'snapshot-place',
    message: 'The input "snapshot" names a file that a pull request could bring along.',
    hint: 'Commit it to the base branch and name it from the root, or download it to a folder outside the checkout.',
  });
}

function byServer(step: Step, url: string): Elsewhere {
  return {
    plan: sets => withRemote(step, url, async remote => (await remote.plan(sets, undefined, step.signal)).plans),
  };
}

/** Asks the running instance of the input `server`, with the token in the environment. */
export async function withRemote<Result>(
  { env, clock, inputs }: Step,
  url: string,
  use: (remote: Remote) => Promise<Result>,
): Promise<Result> {
  const token = env.OPTOGGLES_TOKEN?.trim() || undefined;
  const remote = createRemote({ url, token, clock, timeout: inputs.timeout });
  try {
    return await use(remote);
  } finally {
    await remote.close();
  }
}

function notBoth(): UsageError {
  return new UsageError({
    code: 'snapshot-or-server',
    message: 'The inputs "snapshot" and "server" cannot be used together: each has its own answers.',
    hint: 'Leave one of them out.',
  });
}
