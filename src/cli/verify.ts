import { UsageError } from '../domain/problem.ts';
import { systemClock } from '../lib/clock.ts';
import { reportVerification, verificationJsonText } from '../report/verify.ts';
import { verify, verifyExitCode } from '../tasks/verify.ts';
import { type Context, durationOption, lookOf, tellProblems, writeJson } from './context.ts';
import { withPreviewLine } from './preview-line.ts';

export interface VerifyFlags {
  readonly config?: string | undefined;
  readonly json?: string | undefined;
  readonly showUsers?: boolean | undefined;
  readonly only?: readonly string[] | undefined;
  readonly timeout: string;
  readonly strangers: string;
  readonly seed: string;
}

const mostStrangers = 1_000_000;

/** `optoggles verify`: asks each platform's own evaluation whether it serves what policy says, and writes nothing. */
export async function verifyCommand(context: Context, flags: VerifyFlags): Promise<void> {
  const timeout = durationOption('--timeout', flags.timeout);
  const strangers = numberOption('--strangers', flags.strangers, mostStrangers);
  const seed = numberOption('--seed', flags.seed, 2 ** 32 - 1);
  await withPreviewLine(context, flags, async ({ line }, only) => {
    const found = await verify({ line, clock: systemClock, timeout, signal: context.signal, seed, strangers, only });
    const { showUsers } = flags;
    if (flags.json !== undefined) await writeJson(context, flags.json, verificationJsonText(found, { showUsers }));
    if (flags.json !== '-') {
      context.stdout.write(reportVerification(found, { showUsers, ...lookOf(context.stdout, context.env) }));
    }
    tellProblems(context, found.warnings, 'warning: ');
    tellProblems(context, found.failed);
    context.exit(verifyExitCode(found));
  });
}

function numberOption(name: string, text: string, most: number): number {
  const number = Number(text);
  if (/^[0-9]+$/.test(text) && number <= most) return number;
  throw new UsageError({
    code: 'bad-number',
    message: `${name}: ${JSON.stringify(text)} is no whole number from 0 to ${most}.`,
    hint: `Write it in digits: ${name} 1000.`,
  });
}
