import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** What a command left behind. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in this process: the same program, without a start of Node. */
export async function optoggles(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Ended> {
  const stdout = collector();
  const stderr = collector();
  let code = 0;
  await runProgram(args, {
    env,
    cwd: folder,
    stdout: stdout.stream,
    stderr: stderr.stream,
    signal,
    exit(status) {
      code = status;
    },
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function collector(): { readonly stream: NodeJS.WriteStream; text(): string } {
  const chunks: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  // A pipe: what a terminal can do beyond it is not asked for.
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => chunks.join('') };
}

/** A command in a process of its own. */
export interface Running {
  readonly child: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  /** Where it serves, once it says so. Rejects with what it said when it ends before. */
  readonly url: Promise<string>;
  readonly ended: Promise<Ended>;
  /** Resolves once its stdout or stderr holds it. Rejects when it ends without. */
  says(text: string | RegExp): Promise<void>;
  kill(signal?: NodeJS.Signals): void;
}

/** Starts a command; whatever is still running is killed when the test ends. */
export function startOptoggles(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let over = false;
  const listeners = new Set<() => void>();
  const tell = () => {
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    tell();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    tell();
  });
  const ended = once(child, 'close').then(([code]): Ended => {
    over = true;
    tell();
    return { code: code as number | null, stdout, stderr };
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });

  function heard(look: () => string | undefined): Promise<string> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = look();
        if (found === undefined && !over) return;
        listeners.delete(check);
        if (found === undefined) reject(new Error(`ended without it:\n${stdout}\n${stderr}`));
        else resolve(found);
      };
      listeners.add(check);
      check();
    });
  }

  const url = heard(() => /^Serving (http:\S+)$/m.exec(stdout)?.[1]);
  url.catch(() => {});
  return {
    child,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    url,
    ended,
    async says(text) {
      const found = (where: string) => (typeof text === 'string' ? where.includes(text) : text.test(where));
      await heard(() => (found(stdout) || found(stderr) ? '' : undefined));
    },
    kill: (signal = 'SIGTERM') => child.kill(signal),
  };
}

/** Runs a command in a process of its own, to its end. */
export function runOptoggles(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return startOptoggles(folder, args, env).ended;
}
