#!/usr/bin/env node
import { lastWords } from '../lib/last-words.ts';
import { runProgram } from './program.ts';

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second one means it.
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort(new Error(signal));
  });
}

// Whoever read what is written here went away (`| head`, a log collector that was restarted): the work goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

// Node itself would print the whole error, with whatever its message quotes. The state is safe at any moment, so nothing
// is lost by ending here, and whoever started this process starts it again.
process.on('uncaughtException', error => {
  process.stderr.write(`internal error, this should not have happened; please report it: ${lastWords(error)}\n`);
  process.exit(1);
});

await runProgram(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stopping.signal,
  exit(code) {
    process.exitCode = code;
  },
});
