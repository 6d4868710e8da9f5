import { systemClock } from '../lib/clock.ts';
import { reportPlan } from '../report/report.ts';
import { checkOnly } from '../tasks/only.ts';
import { openLine, silentObserver } from '../tasks/open.ts';
import { preview } from '../tasks/preview.ts';
import { exitCode } from '../tasks/result.ts';
import { type Context, durationOption, lookOf, openConfig, tellProblems, writeJson } from './context.ts';

export interface PlanFlags {
  readonly config?: string | undefined;
  readonly json?: string | undefined;
  readonly markdown?: boolean | undefined;
  readonly showUsers?: boolean | undefined;
  readonly only?: readonly string[] | undefined;
  readonly timeout: string;
  readonly detailedExitcode?: boolean | undefined;
}

/** `optoggles plan`: shows what `apply` would do now, and writes nothing. */
export async function planCommand(context: Context, flags: PlanFlags): Promise<void> {
  const timeout = durationOption(flags.timeout);
  const { config, log } = await openConfig(context, flags.config);
  const only = flags.only && new Set(flags.only);
  if (only) await checkOnly(config, only);
  const opened = openLine({
    config,
    mode: 'preview',
    clock: systemClock,
    random: Math.random,
    log,
    observer: silentObserver,
    ...(only && { only }),
  });
  try {
    const { plan, failed, warnings } = await preview({
      line: opened.line,
      clock: systemClock,
      timeout,
      signal: context.signal,
    });
    const options = { showUsers: flags.showUsers, ...lookOf(context.stdout, context.env) };
    if (flags.json !== undefined) await writeJson(context, flags.json, reportPlan(plan, { ...options, form: 'json' }));
    if (flags.json !== '-') {
      context.stdout.write(reportPlan(plan, { ...options, form: flags.markdown ? 'markdown' : 'terminal' }));
    }
    tellProblems(context, warnings, 'warning: ');
    tellProblems(context, failed);
    context.exit(exitCode(plan, failed.length > 0, flags.detailedExitcode ?? false));
  } finally {
    await opened.close();
  }
}
