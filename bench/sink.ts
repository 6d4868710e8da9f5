import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Write {
  readonly method: string;
  /** Last segment of the path: the toggle's key on PATCH. */
  readonly key: string;
  readonly bytes: number;
  /** When the whole body was read: ms of `now()`. */
  readonly at: number;
}

export interface ToSink {
  readonly id: number;
  readonly key: string;
  readonly member: string;
}

export type FromSink =
  | { readonly type: 'listening'; readonly port: number }
  | ({ readonly type: 'write' } & Write)
  | { readonly type: 'users'; readonly id: number; readonly count: number | null; readonly holds: boolean };

export interface Sink {
  /** For `endpointUrl`. */
  readonly url: string;
  /** Writes so far. */
  count(): number;
  /** The next PATCH of that key; rejects after `timeoutMs`. */
  next(key: string, timeoutMs: number): Promise<Write>;
  /** How many users the last PATCH of that key set (null: none), and whether `member` is one of them. */
  users(key: string, member: string): Promise<{ count: number | null; holds: boolean }>;
  stop(): void;
}

/** Starts the REST target that only listens. */
export async function startSink(): Promise<Sink> {
  const child = fork(fileURLToPath(new URL('sink-process.ts', import.meta.url)));
  const waiting = new Set<(write: Write) => void>();
  const asked = new Map<number, (got: { count: number | null; holds: boolean }) => void>();
  let writes = 0;
  let questions = 0;
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', code => reject(new Error(`the sink ended with ${code}`)));
    child.on('message', (message: FromSink) => {
      switch (message.type) {
        case 'listening':
          return resolve(message.port);
        case 'users':
          asked.get(message.id)?.(message);
          return void asked.delete(message.id);
        case 'write':
          writes += 1;
          for (const look of waiting) look(message);
      }
    });
  });
  return {
    url: `http://127.0.0.1:${port}/toggles`,
    count: () => writes,
    next(key, timeoutMs) {
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`no write of ${key} within ${timeoutMs} ms`));
        }, timeoutMs);
        const look = (write: Write) => {
          if (write.key !== key || write.method !== 'PATCH') return;
          clearTimeout(late);
          waiting.delete(look);
          resolve(write);
        };
        waiting.add(look);
      });
    },
    users(key, member) {
      questions += 1;
      const id = questions;
      return new Promise(resolve => {
        asked.set(id, resolve);
        child.send({ id, key, member } satisfies ToSink);
      });
    },
    stop: () => void child.kill(),
  };
}
