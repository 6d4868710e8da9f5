import { systemClock } from '../lib/clock.ts';
import { checksJsonText, reportCheck, reportChecks, type ShownCheck } from '../report/doctor.ts';
import { doctor } from '../tasks/doctor.ts';
import { type Context, durationOption, lookOf, openConfig, writeJson } from './context.ts';

export interface DoctorFlags {
  readonly config?: string | undefined;
  readonly json?: string | undefined;
  readonly trigger?: boolean | undefined;
  readonly timeout: string;
}

/** `optoggles doctor`: looks at everything that a running instance needs. Exit 1 where something fails. */
export async function doctorCommand(context: Context, flags: DoctorFlags): Promise<void> {
  const timeout = durationOption('--timeout', flags.timeout);
  const { config, log } = await openConfig(context, flags.config);
  const late = new AbortController();
  const cancel = systemClock.after(timeout, () => late.abort(new Error(`it took longer than ${flags.timeout}`)));
  const signal = AbortSignal.any([context.signal, late.signal]);
  const look = lookOf(context.stdout, context.env);
  const checks: ShownCheck[] = [];
  try {
    const trigger = flags.trigger ?? false;
    for await (const check of doctor({ config, clock: systemClock, random: Math.random, log, signal, trigger })) {
      checks.push(check);
      if (flags.json !== '-') context.stdout.write(reportCheck(check, look));
    }
  } catch (error) {
    if (!late.signal.aborted) throw error;
    const hint = 'What comes after the last line did not answer; give it more time with --timeout.';
    const check = {
      about: 'doctor',
      what: 'time',
      state: 'fail',
      message: `It took longer than ${flags.timeout}.`,
      hint,
    } as const;
    checks.push(check);
    if (flags.json !== '-') context.stdout.write(reportCheck(check, look));
  } finally {
    cancel();
  }
  if (flags.json !== undefined) await writeJson(context, flags.json, checksJsonText(checks));
  if (flags.json !== '-') context.stdout.write(reportChecks(checks));
  context.exit(checks.some(({ state }) => state === 'fail') ? 1 : 0);
}
