import { systemClock } from '../lib/clock.ts';
import { explanationJsonText, reportExplanation } from '../report/explain.ts';
import { explain, explainExitCode } from '../tasks/explain.ts';
import { type Context, durationOption, lookOf, tellProblems, writeJson } from './context.ts';
import { withPreviewLine } from './preview-line.ts';

export interface ExplainFlags {
  readonly config?: string | undefined;
  readonly json?: string | undefined;
  readonly environment?: string | undefined;
  readonly timeout: string;
}

/** `optoggles explain KEY USER`: why somebody has a toggle, or does not; writes nothing. */
export async function explainCommand(
  context: Context,
  toggle: string,
  member: string,
  flags: ExplainFlags,
): Promise<void> {
  const timeout = durationOption('--timeout', flags.timeout);
  const { environment } = flags;
  const previewed = { config: flags.config, only: [toggle], where: 'explain' };
  await withPreviewLine(context, previewed, async ({ line, store }) => {
    const { signal } = context;
    const found = await explain({ line, store, clock: systemClock, timeout, signal, toggle, member, environment });
    if (flags.json !== undefined) await writeJson(context, flags.json, explanationJsonText(found));
    if (flags.json !== '-') context.stdout.write(reportExplanation(found, lookOf(context.stdout, context.env)));
    tellProblems(context, found.warnings, 'warning: ');
    tellProblems(context, found.failed);
    context.exit(explainExitCode(found));
  });
}
