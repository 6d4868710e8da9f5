import { Worker } from 'node:worker_threads';
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
  | { readonly fault: GitFault; readonly problem: GitProblem; readonly retryAfter: number | undefined };

/** Of the thread's own heap; what it unpacks lies beside it. */
const heapMb = 192;

/** Clones in a thread of its own, which ends with it: nothing else waits meanwhile, and no memory is kept. */
export async function cloneInThread(order: CloneOrder, signal: AbortSignal): Promise<Tip> {
  signal.throwIfAborted();
  // Type stripping runs the source as it is; the built package has the same file as .js beside this one.
  const file = import.meta.url.endsWith('.ts') ? './clone-worker.ts' : './clone-worker.js';
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
    stdout: true,
    stderr: true,
    name: 'optoggles-clone',
  });
  const onAbort = (): void => void worker.terminate();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const reply = await new Promise<CloneReply>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the thread that clones ended')));
    });
    if ('tip' in reply) return reply.tip;
    throw new GitError(reply.fault, reply.problem, reply.retryAfter);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
      throw tooLarge(order.remote.url, 'it does not fit into the memory that a clone may take');
    }
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}
