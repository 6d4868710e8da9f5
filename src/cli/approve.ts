import { userInfo } from 'node:os';
import type { Config } from '../domain/config.ts';
import { type Problem, toProblem, UsageError } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import { systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { openState } from '../state/store.ts';
import { approvalHolds } from '../sync/engine.ts';
import { type Context, durationOption, openConfig } from './context.ts';

export interface ApproveFlags {
  readonly config?: string | undefined;
  readonly source?: string | undefined;
  readonly for?: string | undefined;
  readonly reason?: string | undefined;
  readonly by?: string | undefined;
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
  const duration = flags.for === undefined ? approvalHolds : durationOption(flags.for);
  const { config, log } = await openConfig(context, flags.config, 'look');
  if (windowed && !config.sources.some(source => source.id === flags.source)) {
    throw new UsageError({
      code: 'unknown-source',
      message: `There is no source ${flags.source}.`,
      hint: `The configuration has ${config.sources.map(source => source.id).join(', ')}.`,
    });
  }
  const store = openShared(config, log);
  try {
    const now = systemClock.now();
    const until = now + duration;
    const by = flags.by ?? userInfo().username;
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

function openShared(config: Config, log: Log): StateStore {
  try {
    const { stateDir: folder, instance, audit } = config;
    const auditUsers = audit?.users ?? false;
    return openState({ folder, instance, clock: systemClock, log, access: 'share', auditUsers });
  } catch (error) {
    if (toProblem(error).code !== 'state-missing') throw error;
    throw new UsageError(unknownApproval('Nothing is blocked: nothing was ever applied from here.'));
  }
}

function unknownApproval(message: string): Problem {
  return {
    code: 'unknown-approval',
    message,
    hint: 'optoggles status and optoggles plan show what is blocked now, with its ids.',
  };
}
