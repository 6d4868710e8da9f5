import { spawn } from 'node:child_process';
import { GitError } from './git-error.ts';

export interface GitRun {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Written to its stdin. */
  readonly input?: string;
  /** Most of stdout that is kept, in bytes. */
  readonly most?: number;
  /** Sees stdout instead of it being kept. */
  readonly onData?: (chunk: Buffer) => void;
}

export interface GitRan {
  readonly code: number;
  readonly stdout: Buffer;
  /** At most its last 8,000 characters. */
  readonly stderr: string;
}

const mostOutput = 64 * 1024 * 1024;

/**
 * Runs the installed git to its end. It cannot ask anybody anything: no terminal, no password program. Ended with its
 * children when the signal aborts.
 */
export function runGit({ args, env, signal, input, most = mostOutput, onData }: GitRun): Promise<GitRan> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    // A session of its own: ssh finds no terminal to ask at, and everything git starts ends with it.
    const child = spawn('git', args, { env: { ...env }, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    const chunks: Buffer[] = [];
    let size = 0;
    let stderr = '';
    let failure: Error | undefined;

    function end(error?: Error): void {
      failure ??= error;
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        child.kill('SIGKILL');
      }
    }
    const onAbort = () => end();
    signal.addEventListener('abort', onAbort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      if (onData !== undefined) return onData(chunk);
      size += chunk.length;
      if (size > most) end(new RangeError('too much output'));
      else chunks.push(chunk);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-8_000);
    });
    // git may end before it has read everything.
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    child.once('error', error => {
      signal.removeEventListener('abort', onAbort);
      reject('code' in error && error.code === 'ENOENT' ? notInstalled() : error);
    });
    child.once('close', code => {
      signal.removeEventListener('abort', onAbort);
      if (signal.aborted) reject(signal.reason);
      else if (failure !== undefined) reject(failure);
      else resolve({ code: code ?? 1, stdout: Buffer.concat(chunks), stderr });
    });
  });
}

function notInstalled(): GitError {
  return new GitError('setup', {
    code: 'git-missing',
    message: '"driver: cli" needs an installed git, and there is none.',
    hint: 'Install git, or take "driver: cli" out and use an https address.',
  });
}
