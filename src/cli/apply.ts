import { UsageError } from '../domain/problem.ts';
import { systemClock } from '../lib/clock.ts';
import { reportOutcome } from '../report/outcome.ts';
import { reportPlan } from '../report/report.ts';
import { planJson } from '../report/json.ts';
import { planFromJson } from '../report/plan-from-json.ts';
import { counted } from '../report/wording.ts';
import { apply, applyExit } from '../tasks/apply.ts';
import { checkOnly } from '../tasks/only.ts';
import { silentObserver } from '../tasks/open.ts';
import { type Context, durationOption, lookOf, openConfig, tellProblems, writeJson } from './context.ts';
import { syncServer } from './server.ts';

export interface ApplyFlags {
  readonly config?: string | undefined;
  readonly json?: string | undefined;
  readonly showUsers?: boolean | undefined;
  readonly only?: readonly string[] | undefined;
  readonly timeout: string;
  readonly checksum?: string | undefined;
  readonly approve?: readonly string[] | undefined;
  readonly server?: string | undefined;
  readonly commit?: string | undefined;
}

/** `optoggles apply`: makes the targets agree with policy and git, once. */
export async function applyCommand(context: Context, flags: ApplyFlags): Promise<void> {
  const timeout = durationOption('--timeout', flags.timeout);
  if (flags.commit !== undefined && flags.server === undefined) throw commitAlone();
  if (flags.server !== undefined) return applyByServer(context, { ...flags, server: flags.server });
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

/** The running instance writes; what it cannot be told beforehand is refused. */
async function applyByServer(context: Context, flags: ApplyFlags & { readonly server: string }): Promise<void> {
  for (const option of ['only', 'checksum', 'showUsers'] as const) {
    if (flags[option] === undefined) continue;
    throw new UsageError({
      code: 'not-with-server',
      message: `--${option === 'showUsers' ? 'show-users' : option} cannot be used with --server: the instance applies all of its commit.`,
      hint: 'Leave it out; "optoggles plan --server" shows beforehand what a commit does.',
    });
  }
  const answer = await syncServer(context, flags);
  const { instance, commit, written, granted, revoked, exit, failed, warnings } = answer;
  if (flags.json !== undefined) {
    const json = { version: 1, instance, commit, written, granted, revoked, left: answer.left };
    await writeJson(context, flags.json, `${JSON.stringify(json, null, 2)}\n`);
  }
  if (flags.json !== '-') {
    const at = commit === null ? '' : ` at commit ${commit.slice(0, 10)}`;
    context.stdout.write(`${instance}${at}: ${counted(written, 'change')} written (+${granted} −${revoked} users)\n`);
    const left = planFromJson(answer.left, systemClock.now());
    const unfinished = left.blocked.length + left.held.length + left.refused.length + left.changes.length > 0;
    const look = lookOf(context.stdout, context.env);
    if (unfinished) context.stdout.write(`\n${reportPlan(left, { ...look, form: 'terminal' })}`);
  }
  tellProblems(context, warnings, 'warning: ');
  tellProblems(context, failed);
  context.exit(exit);
}

function commitAlone(): UsageError {
  return new UsageError({
    code: 'bad-commit',
    message: '--commit goes with --server: here the files are applied as they lie there.',
    hint: 'Check that commit out, or name the running instance with --server.',
  });
}
