import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { GitLimits, GitRemote, Tip } from './driver.ts';
import { type GitFault, GitError, type GitProblem, tooLarge } from './git-error.ts';

export interface CloneOrder {
  readonly remote: GitRemote;
  readonly limits: GitLimits;
  readonly folder: string;
  readonly tip: Tip;
  readonly depth: 'full' | 'last';
}

export type CloneReply =
  | { readonly tip: Tip }
  | { readonly fault: GitFault; readonly problem: GitProblem; readonly retryAfter?: number | undefined };

/** Of the process's own heap; what it unpacks lies beside it. */
const heapMb = 192;

/**
 * Clones in a process of its own: nothing else waits meanwhile, and the memory for a whole history is given back, which
 * a thread would keep. It ends with this one.
 */
export async function cloneInProcess(order: CloneOrder, signal: AbortSignal): Promise<Tip> {
  signal.throwIfAborted();
  // Type stripping runs the source as it is; the built package has the same file as .js beside this one.
  const file = import.meta.url.endsWith('.ts') ? './clone-worker.ts' : './clone-worker.js';
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    execArgv: [`--max-old-space-size=${heapMb}`],
    // What a library prints may hold what it read.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const onAbort = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const reply = await new Promise<CloneReply | undefined>((resolve, reject) => {
      child.once('message', message => resolve(message as CloneReply));
      child.once('error', reject);
      child.once('exit', () => resolve(undefined));
      // By the channel and not by the environment or an argument: the token is in it.
      child.send(order, error => error && reject(error));
    });
    if (signal.aborted) throw signal.reason;
    if (reply === undefined) throw tooLarge(order.remote.url, 'the process that clones it ended before');
    if ('tip' in reply) return reply.tip;
    throw new GitError(reply.fault, reply.problem, reply.retryAfter);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
  }
}
