import { systemClock } from '../../lib/clock.ts';
import type { CloneOrder, CloneReply } from './clone-process.ts';
import { GitError } from './git-error.ts';
import { createIsomorphicDriver } from './isomorphic.ts';

// Runs in a process of its own: a whole history is unpacked here, and the memory is given back with the process.

/** Bytes. The library keeps what deltas became: what would need more is ended here, before the machine is short of it. */
const mostMemory = 600 * 1024 * 1024;
const lookEvery = 100;

process.once('disconnect', () => process.exit());
setInterval(() => {
  if (process.memoryUsage.rss() > mostMemory) process.exit(1);
}, lookEvery).unref();
process.once('message', order => void obey(order as CloneOrder));

async function obey({ remote, limits, folder, tip, depth }: CloneOrder): Promise<void> {
  const driver = createIsomorphicDriver({ remote, clock: systemClock, limits, apart: false });
  let reply: CloneReply;
  try {
    reply = { tip: await driver.clone(folder, tip, depth, new AbortController().signal) };
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    reply = { fault: error.fault, problem: error.problem, retryAfter: error.retryAfter };
  }
  process.send?.(reply);
}
