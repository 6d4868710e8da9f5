import { systemClock } from '../lib/clock.ts';
import { reportOutcome } from '../report/outcome.ts';
import { reportPlan } from '../report/report.ts';
import { planJson } from '../report/json.ts';
import { apply, applyExit } from '../tasks/apply.ts';
import { checkOnly } from '../tasks/only.ts';
import { silentObserver } from '../tasks/open.ts';
import { type Context, durationOption, lookOf, openConfig, tellProblems, writeJson } from './context.ts';

export interface ApplyFlags {
  readonly config?: string | undefined;
  readonly json?: string | undefined;
  readonly showUsers?: boolean | undefined;
  readonly only?: readonly string[] | undefined;
  readonly timeout: string;
  readonly checksum?: string | undefined;
  readonly approve?: readonly string[] | undefined;
}

/** `optoggles apply`: makes the targets agree with policy and git, once. */
export async function applyCommand(context: Context, flags: ApplyFlags): Promise<void> {
  const timeout = durationOption(flags.timeout);
  const { config, log } = await openConfig(context, flags.config);
  const only = flags.only && new Set(flags.only);
  if (only) await checkOnly(config, only);
  const applied = await apply({
    config,
    clock: systemClock,
    random: Math.random,
    log,
    observer: silentObserver,
    timeout,
    signal: context.signal,
    approve: flags.approve ?? [],
    ...(flags.checksum !== undefined && { checksum: flags.checksum }),
    ...(only && { only }),
  });
  const look = lookOf(context.stdout, context.env);
  const options = { showUsers: flags.showUsers, ...look };
  if (flags.json !== undefined) {
    const done = applied.done.map(({ change, outcome }) => ({ change: change.id, result: outcome.result }));
    const json = { version: 1, done, left: planJson(applied.left, options) };
    await writeJson(context, flags.json, `${JSON.stringify(json, null, 2)}\n`);
  }
  const { left } = applied;
  if (flags.json !== '-') {
    context.stdout.write(reportOutcome(applied.done, look));
    const unfinished = left.blocked.length + left.held.length + left.refused.length + left.changes.length > 0;
    if (unfinished) context.stdout.write(`\n${reportPlan(left, { ...options, form: 'terminal' })}`);
  }
  tellProblems(context, applied.warnings, 'warning: ');
  tellProblems(context, applied.failed);
  context.exit(applyExit(applied));
}
