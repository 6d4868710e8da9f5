import { type Problem, ProblemError } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import type { Clock } from '../lib/clock.ts';
import type { GitFlagLoader } from '../load/git-flags.ts';
import { planJson } from '../report/json.ts';
import type { Line } from '../sync/line.ts';
import type { Engine } from '../sync/view.ts';
import { applyExit, awaitingIn } from './apply.ts';
import { findingsOf } from './result.ts';
import { settle } from './settle.ts';
import type { SyncAnswer, SyncRequest } from './wire.ts';

export interface SyncServiceOptions {
  readonly engine: Pick<Engine, 'sync'>;
  readonly line: Line;
  readonly instance: string;
  readonly store: Pick<StateStore, 'auditLog'>;
  /** Undefined: the flags come from a folder. */
  readonly git: Pick<GitFlagLoader, 'state' | 'includes'> | undefined;
  readonly clock: Clock;
}

/** Brings the instance to a commit and waits for what comes of it. `by` is who asks, for the audit log. */
export type SyncService = (request: SyncRequest, by: string, signal: AbortSignal) => Promise<SyncAnswer>;

/** Without a word of the asker (ms). */
const patience = 300_000;
/** A repository is looked at by itself; so often (ms) we look whether it has come. */
const lookEvery = 250;

/** Takes requests of a deployment: what it merged is in force, and in the targets, when the answer comes. */
export function createSyncService(options: SyncServiceOptions): SyncService {
  const { engine, line, clock, git } = options;
  return async (request, by, signal) => {
    const { commit, timeout } = request;
    if (commit !== null && git === undefined) throw new ProblemError(noRepository);
    const begin = clock.now();
    const deadline = begin + (timeout === undefined ? patience : timeout * 1000);
    engine.sync(by);
    if (commit !== null && git) await inForce(commit, git, options, deadline, signal);
    const inTime = await settle(line, clock, Math.max(1, deadline - clock.now()), signal);
    signal.throwIfAborted();
    return answerOf(options, begin, inTime);
  };
}

async function inForce(
  commit: string,
  git: NonNullable<SyncServiceOptions['git']>,
  { line, clock }: SyncServiceOptions,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  while (!(await git.includes(commit)) || line.definitions.current?.commit !== git.state.commit) {
    const { state, newest } = git.state;
    const held = line.definitions.current?.unreadable;
    if (state === 'held' && newest === commit && held?.code === 'commit-held') throw new ProblemError(held);
    if (clock.now() >= deadline) throw new ProblemError(notThere(commit, git.state.commit));
    await clock.sleep(lookEvery, signal);
  }
}

function answerOf({ line, instance, store }: SyncServiceOptions, begin: number, inTime: boolean): SyncAnswer {
  const { failed, warnings } = findingsOf(line);
  const left = line.planAll();
  const late = inTime || failed.length > 0 ? [] : [notSettled];
  const written = [...store.auditLog()].filter(({ at, what }) => at >= begin && what === 'written');
  const sum = (side: 'granted' | 'revoked') => written.reduce((all, entry) => all + (entry[side] ?? 0), 0);
  const awaiting = awaitingIn(left, line);
  const problems = [...failed, ...late];
  return {
    version: 1,
    instance,
    exit: applyExit({ left, failed: problems, awaiting }) as SyncAnswer['exit'],
    commit: line.definitions.current?.commit ?? null,
    written: written.length,
    granted: sum('granted'),
    revoked: sum('revoked'),
    left: planJson(left),
    failed: problems,
    warnings: [...warnings],
  };
}

const noRepository: Problem = {
  code: 'no-flags-repository',
  message: 'The running instance reads its flags from a folder and knows no commits.',
  hint: 'Configure "flags: { git: … }", or ask without a commit: --commit none.',
};

const notSettled: Problem = {
  code: 'not-in-time',
  message: 'Not everything was settled in time; the running instance goes on with it.',
  hint: 'See "optoggles status", or give it more time with --timeout.',
};

function notThere(commit: string, now: string | undefined): Problem {
  const has = now === undefined ? 'has none yet' : `has ${now.slice(0, 10)}`;
  return {
    code: 'commit-not-there',
    message: `The running instance did not take commit ${commit.slice(0, 10)} in time; it ${has}.`,
    hint: 'See that it was pushed to the ref of "flags.git", and in "optoggles status" whether the repository can be read.',
  };
}
