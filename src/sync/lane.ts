/** One worker and its queue of reasons. A reason that arrives while it works is merged into the next pass. */
export interface Lane<Reason> {
  wake(reason: Reason): void;
  /** Resolves when nothing is queued and nothing runs. */
  idle(): Promise<void>;
  /** Takes no more reasons and resolves when the pass under way has ended. */
  stop(): Promise<void>;
  readonly busy: boolean;
}

/**
 * `work` is called with `take`, which gives all reasons queued so far (at least one at first) and empties the queue.
 * It must not throw: a lane has nobody to tell.
 */
export function createLane<Reason>(work: (take: () => Reason[]) => Promise<void>): Lane<Reason> {
  let queue: Reason[] = [];
  let running: Promise<void> | undefined;
  let stopped = false;

  function take(): Reason[] {
    const taken = queue;
    queue = [];
    return taken;
  }

  async function run(): Promise<void> {
    // One turn later, so that reasons of the same moment are one pass.
    await Promise.resolve();
    while (queue.length > 0 && !stopped) await work(take);
    running = undefined;
  }

  return {
    wake(reason) {
      if (stopped) return;
      queue.push(reason);
      running ??= run();
    },
    async idle() {
      while (running) await running;
    },
    async stop() {
      stopped = true;
      while (running) await running;
    },
    get busy() {
      return running !== undefined;
    },
  };
}
