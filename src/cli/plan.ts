import { UsageError } from '../domain/problem.ts';
import { systemClock } from '../lib/clock.ts';
import { reportPlan } from '../report/report.ts';
import { type Planned, preview } from '../tasks/preview.ts';
import { exitCode } from '../tasks/result.ts';
import { type Context, durationOption, lookOf, tellProblems, writeJson } from './context.ts';
import { withPreviewLine } from './preview-line.ts';
import { planByServer } from './server.ts';
import { planFromSnapshot } from './snapshot.ts';

export interface PlanFlags {
  readonly config?: string | undefined;
  readonly json?: string | undefined;
  readonly markdown?: boolean | undefined;
  readonly showUsers?: boolean | undefined;
  readonly only?: readonly string[] | undefined;
  readonly timeout: string;
  readonly detailedExitcode?: boolean | undefined;
  readonly snapshot?: string | undefined;
  readonly server?: string | undefined;
}

/** `optoggles plan`: shows what `apply` would do now, and writes nothing. */
export async function planCommand(context: Context, flags: PlanFlags): Promise<void> {
  const timeout = durationOption('--timeout', flags.timeout);
  const { plan, failed, warnings } = await planned(context, flags, timeout);
  const options = { showUsers: flags.showUsers, approve: approveHint(flags), ...lookOf(context.stdout, context.env) };
  if (flags.json !== undefined) await writeJson(context, flags.json, reportPlan(plan, { ...options, form: 'json' }));
  if (flags.json !== '-') {
    context.stdout.write(reportPlan(plan, { ...options, form: flags.markdown ? 'markdown' : 'terminal' }));
  }
  tellProblems(context, warnings, 'warning: ');
  tellProblems(context, failed);
  context.exit(exitCode(plan, failed.length > 0, flags.detailedExitcode ?? false));
}

function planned(context: Context, flags: PlanFlags, timeout: number): Promise<Planned> {
  const { snapshot, server, showUsers } = flags;
  if (snapshot === undefined && server === undefined) return planHere(context, flags, timeout);
  if (snapshot !== undefined && server !== undefined) throw notBoth();
  if (showUsers) throw noNames(snapshot === undefined ? '--server' : '--snapshot');
  if (server !== undefined) return planByServer(context, { ...flags, server });
  return planFromSnapshot(context, { ...flags, file: snapshot ?? '', timeout });
}

function planHere(context: Context, flags: PlanFlags, timeout: number): Promise<Planned> {
  return withPreviewLine(context, flags, ({ line }) =>
    preview({ line, clock: systemClock, timeout, signal: context.signal }),
  );
}

/** The id of a block is made of the members that it is about, so with hashes it is another. */
function approveHint({ snapshot }: PlanFlags): ((id: string) => string) | undefined {
  if (snapshot === undefined) return undefined;
  return () => 'optoggles approve with the id that "optoggles status" shows once it is merged';
}

function noNames(option: string): UsageError {
  return new UsageError({
    code: 'names-not-here',
    message: `--show-users cannot be used with ${option}: no names come from there.`,
    hint: 'Leave one of them out.',
  });
}

function notBoth(): UsageError {
  return new UsageError({
    code: 'snapshot-or-server',
    message: '--snapshot and --server cannot be used together: each has its own answers.',
    hint: 'Leave one of them out.',
  });
}
