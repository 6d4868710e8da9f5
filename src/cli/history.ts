import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { UsageError } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import { systemClock } from '../lib/clock.ts';
import { auditJsonLines, historyJsonText, reportHistory } from '../report/history.ts';
import { historyOf, stateToLookAt } from '../tasks/history.ts';
import { saving } from '../tasks/saving.ts';
import { type Context, lookOf, openConfig, writeJson } from './context.ts';
import { sinceOption } from './since.ts';

export interface HistoryFlags {
  readonly config?: string | undefined;
  readonly json?: string | undefined;
  readonly since?: string | undefined;
  readonly export?: string | undefined;
}

/** `optoggles history`: what was done with a toggle, or with one member of it, by the audit log; or the log itself. */
export async function historyCommand(
  context: Context,
  key: string | undefined,
  user: string | undefined,
  flags: HistoryFlags,
): Promise<void> {
  if (key === undefined && flags.export === undefined) {
    throw new UsageError({
      code: 'no-toggle',
      message: 'history takes the key of a toggle, and maybe a user.',
      hint: 'Write optoggles history KEY [USER], or --export FILE for the whole audit log.',
    });
  }
  const since = flags.since === undefined ? undefined : sinceOption(flags.since, systemClock.now());
  const { config, log } = await openConfig(context, flags.config, 'look');
  const store = stateToLookAt(config, systemClock, log);
  try {
    if (flags.export !== undefined) return await exportLines(context, store, flags.export, key, user, since);
    const asked = { toggle: key ?? '', member: user, since };
    const lines = historyOf(store, asked);
    if (flags.json !== undefined) await writeJson(context, flags.json, historyJsonText(lines, asked));
    if (flags.json !== '-') {
      context.stdout.write(reportHistory(lines, asked, lookOf(context.stdout, context.env)));
    }
  } finally {
    store.close();
  }
}

async function exportLines(
  context: Context,
  store: StateStore,
  where: string,
  toggle: string | undefined,
  member: string | undefined,
  since: number | undefined,
): Promise<void> {
  const filter = since === undefined ? {} : { since };
  const lines = toggle === undefined ? store.auditLines(filter) : historyOf(store, { toggle, member, since });
  const text = auditJsonLines(lines);
  if (where !== '-') {
    const path = resolve(context.cwd, where);
    await saving(where, () => pipeline(Readable.from(text), createWriteStream(path, { mode: 0o600 })));
    return;
  }
  // Whoever reads from a pipe may be slow, and the log may be large.
  try {
    for (const line of text) {
      if (context.stdout.destroyed) return;
      if (!context.stdout.write(line)) await once(context.stdout, 'drain');
    }
  } catch (error) {
    // They have read enough.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
  }
}
