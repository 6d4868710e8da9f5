import { type Problem, UsageError } from '../domain/problem.ts';
import { systemClock } from '../lib/clock.ts';
import { approvalHolds } from '../sync/engine.ts';
import { type Context, durationOption, openConfig } from './context.ts';
import { byOf } from './operator.ts';
import { tellServer } from './server.ts';
import { openShared } from './shared-state.ts';

export interface ApproveFlags {
  readonly config?: string | undefined;
  readonly source?: string | undefined;
  readonly for?: string | undefined;
  readonly reason?: string | undefined;
  readonly by?: string | undefined;
  readonly server?: string | undefined;
}

/** `optoggles approve ID`: writes the approval into the state; a running instance sees it within 2 s. */
export async function approveCommand(context: Context, id: string | undefined, flags: ApproveFlags): Promise<void> {
  const windowed = flags.source !== undefined;
  if (windowed === (id !== undefined) || (windowed && (flags.for === undefined || flags.reason === undefined))) {
    throw new UsageError({
      code: 'bad-approval',
      message: 'approve takes an id, or --source with --for and --reason.',
      hint: 'optoggles plan and optoggles status show what is blocked, with its ids.',
    });
  }
  const duration = flags.for === undefined ? approvalHolds : durationOption('--for', flags.for);
  if (flags.server !== undefined) return approveByServer(context, id, { ...flags, server: flags.server });
  const { config, log } = await openConfig(context, flags.config, 'look');
  if (windowed && !config.sources.some(source => source.id === flags.source)) {
    throw new UsageError({
      code: 'unknown-source',
      message: `There is no source ${flags.source}.`,
      hint: `The configuration has ${config.sources.map(source => source.id).join(', ')}.`,
    });
  }
  const store = openShared(config, log, unknownApproval('Nothing is blocked: nothing was ever applied from here.'));
  try {
    const now = systemClock.now();
    const until = now + duration;
    const by = byOf(flags);
    if (flags.source !== undefined) {
      store.openWindow({ source: flags.source, until, reason: flags.reason ?? '', by }, now);
    } else if (!store.approve(id ?? '', by, until, now)) {
      throw new UsageError(unknownApproval(`Nothing with the id ${id} is blocked.`));
    }
    context.stdout.write(`${flags.source ?? id} approved until ${new Date(until).toISOString()}\n`);
  } finally {
    store.close();
  }
}

/** The running instance writes it, with the name of the token. */
async function approveByServer(
  context: Context,
  id: string | undefined,
  { source, reason, ...flags }: ApproveFlags & { readonly server: string },
): Promise<void> {
  const body = id === undefined ? { source, for: flags.for, reason } : { id };
  const { until } = await tellServer(context, flags, '/api/approvals', body);
  context.stdout.write(`${source ?? id} approved until ${String(until)}\n`);
}

function unknownApproval(message: string): Problem {
  return {
    code: 'unknown-approval',
    message,
    hint: 'optoggles status and optoggles plan show what is blocked now, with its ids.',
  };
}
