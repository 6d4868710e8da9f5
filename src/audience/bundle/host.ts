import { Worker } from 'node:worker_threads';
import { type Problem, ProblemError } from '../../domain/problem.ts';
import type { Clock } from '../../lib/clock.ts';
import { formatDuration } from '../../lib/duration.ts';
import type { Reply, Request, Response, WorkerSettings } from './protocol.ts';

interface Waiting {
  resolve(response: Response): void;
  reject(error: unknown): void;
}

/**
 * The thread that evaluates. It starts with the first request and again after it was ended: by the time limit, by an
 * aborted signal, or because it ran out of memory.
 */
export class WorkerHost {
  readonly #settings: WorkerSettings;
  readonly #timeLimit: number;
  readonly #clock: Clock;
  #worker: Worker | undefined;
  #waiting: Waiting[] = [];

  /** `timeLimit` (ms) is for one request. */
  constructor(settings: WorkerSettings, timeLimit: number, clock: Clock) {
    this.#settings = settings;
    this.#timeLimit = timeLimit;
    this.#clock = clock;
  }

  /** `name` is what a message calls the work. Throws a ProblemError, or the signal's reason. */
  async ask(request: Request, name: string, signal: AbortSignal): Promise<Response> {
    signal.throwIfAborted();
    const worker = this.#running();
    const result = new Promise<Response>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    const stop = (reason: unknown) => this.#end(worker, reason);
    const aborted = () => stop(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    const cancel = this.#clock.after(this.#timeLimit, () => stop(new ProblemError(tooSlow(name, this.#timeLimit))));
    worker.ref();
    worker.postMessage(request);
    try {
      return await result;
    } finally {
      cancel();
      signal.removeEventListener('abort', aborted);
      // A thread with nothing to do keeps no process alive.
      if (this.#waiting.length === 0) this.#worker?.unref();
    }
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#end(worker, new ProblemError(ended('it was closed')));
    await worker.terminate();
  }

  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    // Type stripping runs the source as it is; the built package has the same file as .js beside this one.
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData: this.#settings,
      resourceLimits: { maxOldGenerationSizeMb: this.#settings.memory },
      env: {},
      // What a policy or a library prints may hold names.
      stdout: true,
      stderr: true,
      name: 'optoggles-bundle',
    });
    this.#worker = worker;
    worker.on('message', (reply: Reply) => {
      if (this.#worker !== worker) return;
      const waiting = this.#waiting.shift();
      if ('response' in reply) waiting?.resolve(reply.response);
      else waiting?.reject(new ProblemError(reply.problem));
    });
    worker.on('error', error => {
      const memory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      this.#end(
        worker,
        new ProblemError(memory ? tooLarge(this.#settings.memory) : ended(error.message), { cause: error }),
      );
    });
    worker.on('exit', () => this.#end(worker, new ProblemError(ended('it exited'))));
    return worker;
  }

  #end(worker: Worker, reason: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) one.reject(reason);
    void worker.terminate();
  }
}

function tooSlow(name: string, limit: number): Problem {
  return {
    code: 'policy-time',
    message: `${name}: the evaluation took longer than ${formatDuration(limit)} and was ended.`,
    hint: 'Make the rule or its data smaller, or raise limits.time of the source.',
  };
}

function tooLarge(memory: number): Problem {
  return {
    code: 'policy-memory',
    message: `The evaluation needs more than ${memory} MiB and was ended.`,
    hint: 'Raise limits.memory of the source, or make the data smaller.',
  };
}

function ended(why: string): Problem {
  return {
    code: 'policy-ended',
    message: `The evaluation was ended: ${why}.`,
    hint: 'It is tried again; if that goes on, report it with the bundle.',
  };
}
