import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { init } from '@launchdarkly/node-server-sdk';
import { now } from './clock.ts';

export interface ToLaunchDarkly {
  readonly id: number;
  /** Flags of ours to be made, closed. */
  readonly add?: readonly string[];
}

/** Requests to the API so far. */
export interface Counts {
  readonly reads: number;
  readonly writes: number;
}

export type FromLaunchDarkly =
  | { readonly type: 'listening'; readonly url: string; readonly token: string; readonly sdkKey: string }
  | ({ readonly type: 'counts'; readonly id: number } & Counts);

export interface LaunchDarkly {
  readonly url: string;
  readonly token: string;
  counts(): Promise<Counts>;
  addFlags(keys: readonly string[]): Promise<void>;
  /** LaunchDarkly's own SDK on environment `production`, in this process. */
  openSdk(): Promise<Sdk>;
  stop(): Promise<void>;
}

export interface Sdk {
  /** Resolves, in ms of `now()`, as soon as the SDK answers that of this user; looked at with each change it hears of. */
  until(key: string, member: string, served: boolean, timeoutMs: number): Promise<number>;
}

const silent = { error() {}, warn() {}, info() {}, debug() {} };

/** Starts the fake of LaunchDarkly as a process of its own. */
export async function startLaunchDarkly(): Promise<LaunchDarkly> {
  const child = fork(fileURLToPath(new URL('launchdarkly-process.ts', import.meta.url)));
  const asked = new Map<number, (counts: Counts) => void>();
  const closes: (() => void)[] = [];
  let questions = 0;
  const { url, token, sdkKey } = await new Promise<{ url: string; token: string; sdkKey: string }>(
    (resolve, reject) => {
      child.once('exit', code => reject(new Error(`the fake of LaunchDarkly ended with ${code}`)));
      child.on('message', (message: FromLaunchDarkly) => {
        if (message.type === 'listening') return resolve(message);
        asked.get(message.id)?.(message);
        asked.delete(message.id);
      });
    },
  );
  function ask(more: Omit<ToLaunchDarkly, 'id'>): Promise<Counts> {
    questions += 1;
    const id = questions;
    return new Promise(resolve => {
      asked.set(id, resolve);
      child.send({ id, ...more } satisfies ToLaunchDarkly);
    });
  }
  return {
    url,
    token,
    counts: () => ask({}),
    async addFlags(keys) {
      await ask({ add: keys });
    },
    async openSdk() {
      const client = init(sdkKey, {
        baseUri: url,
        streamUri: url,
        sendEvents: false,
        diagnosticOptOut: true,
        logger: silent,
      });
      closes.push(() => client.close());
      await client.waitForInitialization({ timeout: 60 });
      return {
        until(key, member, served, timeoutMs) {
          return new Promise((resolve, reject) => {
            const end = () => {
              clearTimeout(late);
              client.off('update', heard);
            };
            const late = setTimeout(() => {
              end();
              reject(new Error(`the SDK does not answer ${served} of ${key} within ${timeoutMs} ms`));
            }, timeoutMs);
            const look = async () => {
              if ((await client.variation(key, { kind: 'user', key: member }, null)) !== served) return;
              end();
              resolve(now());
            };
            const heard = () => void look();
            client.on('update', heard);
            heard();
          });
        },
      };
    },
    async stop() {
      for (const close of closes) close();
      const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
      child.kill();
      await ended;
    },
  };
}
