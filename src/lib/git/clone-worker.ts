import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../lib/clock.ts';
import type { CloneOrder, CloneReply } from './clone-thread.ts';
import { GitError } from './git-error.ts';
import { createIsomorphicDriver } from './isomorphic.ts';

// Runs in a thread of its own: a whole history is unpacked here, and the memory is given back with the thread.

const { remote, limits, folder, tip, depth } = workerData as CloneOrder;
const driver = createIsomorphicDriver({ remote, clock: systemClock, limits, thread: false });
let reply: CloneReply;
try {
  reply = { tip: await driver.clone(folder, tip, depth, new AbortController().signal) };
} catch (error) {
  if (!(error instanceof GitError)) throw error;
  reply = { fault: error.fault, problem: error.problem, retryAfter: error.retryAfter };
}
parentPort?.postMessage(reply);
await driver.close();
