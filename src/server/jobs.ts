import { randomUUID } from 'node:crypto';

/** What became of a job so far. */
export type JobState =
  | { readonly state: 'working' }
  | { readonly state: 'done'; readonly result: object }
  | { readonly state: 'failed'; readonly error: unknown };

/** Work that takes longer than one request may: asked for with one, and for its result with others. */
export interface Jobs {
  /** Starts one; undefined: too many are at work. `kind` is who may ask for it. */
  start(kind: string, work: (signal: AbortSignal) => Promise<object>): string | undefined;
  /** How it stands after at most so long (ms); undefined: there is no such job of that kind. */
  wait(kind: string, id: string, most: number): Promise<JobState | undefined>;
  /** Ends what is at work. */
  stop(): void;
}

/** At work at once. */
const mostWorking = 8;
/** Results are kept for those who ask late; the oldest go first. */
const mostKept = 32;

interface Job {
  readonly kind: string;
  state: JobState;
  readonly over: Promise<void>;
}

export function createJobs(): Jobs {
  const jobs = new Map<string, Job>();
  const stopping = new AbortController();

  function forget(): void {
    const over = [...jobs].filter(([, { state }]) => state.state !== 'working');
    for (const [id] of over.slice(0, Math.max(0, over.length - mostKept))) jobs.delete(id);
  }

  return {
    start(kind, work) {
      const working = [...jobs.values()].filter(({ state }) => state.state === 'working').length;
      if (working >= mostWorking || stopping.signal.aborted) return undefined;
      const id = randomUUID();
      const over = work(stopping.signal).then(
        result => finish({ state: 'done', result }),
        (error: unknown) => finish({ state: 'failed', error }),
      );
      const job: Job = { kind, state: { state: 'working' }, over };
      function finish(state: JobState): void {
        job.state = state;
        forget();
      }
      jobs.set(id, job);
      return id;
    },
    async wait(kind, id, most) {
      const job = jobs.get(id);
      if (job === undefined || job.kind !== kind) return undefined;
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>(resolve => {
        timer = setTimeout(resolve, most);
      });
      await Promise.race([job.over, patience]);
      clearTimeout(timer);
      return job.state;
    },
    stop: () => stopping.abort(new Error('stopping')),
  };
}
