import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

/** Where peers write what they say; emptied when a run starts. */
export const LOGS = fileURLToPath(new URL('../../.cache/peers-logs', import.meta.url));

export interface Running {
  readonly pid: number;
  readonly logFile: string;
  /** True while the process lives. */
  alive(): boolean;
  /** Its exit code, once it ended by itself. */
  code(): number | null;
  /** Ends it and everything it started: SIGTERM, after `patienceMs` SIGKILL. Resolves when it is gone; harmless when it is already. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would. */
  kill(): Promise<void>;
}

export interface Start {
  /** Names the log file. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Polled until it answers true; errors count as not yet. */
  readonly ready: () => Promise<boolean>;
  readonly timeoutMs?: number;
  /** Default 5 s. */
  readonly patienceMs?: number;
}

/** Inherited by all that a peer starts. */
const MARK = 'OPTOGGLES_PEER';

let started = 0;
/** What runs now. */
const living = new Set<Running>();

/**
 * Starts a program and waits until it is ready. It and all that it starts die with this process, however this one ends.
 * Needs Linux's /proc for that. The child gets PATH, HOME and the languages' settings, nothing else of our environment.
 */
export async function start(options: Start): Promise<Running> {
  const { name, command, args, env, cwd, ready, timeoutMs = 60_000, patienceMs = 5_000 } = options;
  mkdirSync(LOGS, { recursive: true });
  started += 1;
  const logFile = join(LOGS, `${name}-${process.pid}-${started}.log`);
  const mark = randomUUID();
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, {
    cwd,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...plainEnvironment(), ...env, [MARK]: mark },
  });
  closeSync(log);
  const ended = new Promise<void>(resolve => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const pid = child.pid;
  if (pid === undefined) {
    await ended;
    throw new Error(`${name}: ${command} could not be started`);
  }
  const leash = tie(mark);
  const alive = () => child.exitCode === null && child.signalCode === null;
  const end = async (signal: NodeJS.Signals) => {
    if (alive()) {
      child.kill(signal);
      const late = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      await ended;
      clearTimeout(late);
    }
    await leash.release();
    living.delete(running);
  };
  const running: Running = {
    pid,
    logFile,
    alive,
    code: () => child.exitCode,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
  try {
    await until(`${name} is ready`, async () => !alive() || (await ready()), { timeoutMs });
    if (!alive()) throw new Error(`${name} ended with ${child.exitCode ?? child.signalCode}`);
  } catch (error) {
    await running.kill();
    throw new Error(`${name} did not start; the end of ${logFile}:\n${tail(logFile)}`, { cause: error });
  }
  living.add(running);
  return running;
}

/** The end of what everything that runs now has said, for messages. */
export function lastWords(): string {
  return [...living].map(({ logFile }) => `${logFile}:\n${tail(logFile)}`).join('\n\n');
}

/**
 * Kills whatever carries the mark in its environment once our end of the pipe closes, which the kernel does even when we
 * are killed. The OPAL client puts its OPA into a session of its own, so killing its process group is not enough.
 */
function tie(mark: string): { release(): Promise<void> } {
  const script = `cat >/dev/null; for f in $(grep -lz '^${MARK}=${mark}$' /proc/[0-9]*/environ 2>/dev/null); do
    p=\${f#/proc/}; kill -9 "\${p%/environ}" 2>/dev/null; done`;
  const leash = spawn('sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const gone = new Promise<void>(resolve => leash.once('close', () => resolve()));
  leash.unref();
  return {
    release() {
      leash.ref();
      leash.stdin.end();
      return gone;
    },
  };
}

/** Settings of the host that peers and their installers need (PATH, HOME, certificates), without OPAL_* and NODE_*. */
export function plainEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !/^(OPAL_|NODE_OPTIONS$|VITEST|npm_|PYTHONDONTWRITEBYTECODE$)/.test(name),
  );
  return Object.fromEntries(kept.map(([name, value]) => [name, value ?? '']));
}

/** The last lines of a file, for messages. */
export function tail(file: string, lines = 40): string {
  return readFileSync(file, 'utf8').split('\n').slice(-lines).join('\n');
}

/** True when `url` answers 2xx. */
export async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  return response.ok;
}
