import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answers, LOGS, plainEnvironment, tail } from '../test/peers/process.ts';
import { until } from '../test/peers/until.ts';
import { now } from './clock.ts';
import type { Alive } from './probe.ts';
import { socketsOf } from '../test/support/sockets-of.ts';

/** What the image starts, with its options for Node: what is measured is what runs. */
const IMAGE = imageArguments();
const PROBE = new URL('probe.ts', import.meta.url).href;

/** A folder: where the time goes is written there, as `.cpuprofile`. The figures of such a run do not count. */
const PROFILES = process.env['OPTOGGLES_BENCH_PROFILES'];

export interface Program {
  readonly pid: number;
  /** Peak resident memory so far, bytes. Linux only. */
  peakMemory(): number;
  /** Open sockets. Linux only. */
  sockets(): number;
  /** What is alive in it after a garbage collection. */
  alive(): Promise<Alive>;
  stop(): Promise<void>;
}

/** Starts `optoggles run` on a configuration and waits until every toggle is in its target. */
export async function startProgram(config: string, port: number, timeoutMs: number): Promise<Program> {
  mkdirSync(LOGS, { recursive: true });
  const logFile = join(LOGS, `optoggles-${port}.log`);
  const log = openSync(logFile, 'w');
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--expose-gc',
      ...(PROFILES === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${PROFILES}`, '--cpu-prof-interval=200']),
      '--import',
      PROBE,
      ...IMAGE,
      'run',
      '--config',
      config,
    ],
    { stdio: ['ignore', log, log, 'ipc'], env: plainEnvironment() },
  );
  closeSync(log);
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
  const { pid } = child;
  if (pid === undefined) throw new Error('the program could not be started');
  const started = `http://127.0.0.1:${port}/health/started`;
  try {
    await until('the program has started', () => child.exitCode !== null || answers(started), { timeoutMs });
    if (child.exitCode !== null) throw new Error(`it exited with ${child.exitCode}`);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`optoggles did not start; the end of its log:\n${tail(logFile)}`, { cause: error });
  }
  return {
    pid,
    peakMemory: () => peakMemory(pid),
    sockets: () => socketsOf(pid),
    alive() {
      return new Promise(resolve => {
        child.once('message', got => resolve(got as Alive));
        child.send('look');
      });
    },
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 25_000);
      await ended;
      clearTimeout(late);
    },
  };
}

/** Runs one command of the program to its end. */
export async function runOnce(
  args: readonly string[],
  cwd: string,
): Promise<{ ms: number; memory: number; output: string; code: number | null }> {
  const memoryFile = join(cwd, 'memory');
  const began = now();
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--import', PROBE, ...IMAGE, ...args],
    {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...plainEnvironment(), OPTOGGLES_BENCH_MEMORY: memoryFile },
    },
  );
  let output = '';
  child.stdout.on('data', chunk => (output += String(chunk)));
  child.stderr.on('data', chunk => (output += String(chunk)));
  const code = await new Promise<number | null>(resolve => child.once('close', resolve));
  const took = now() - began;
  return { ms: took, memory: Number(readFileSync(memoryFile, 'utf8')), output, code };
}

function imageArguments(): readonly string[] {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
  const [, ...args] = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(dockerfile)?.[1] ?? '[]') as string[];
  return args.map(arg => (arg.startsWith('/app/') ? join(root, arg.slice('/app/'.length)) : arg));
}

function peakMemory(pid: number): number {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) * 1024;
}
