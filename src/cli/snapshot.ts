import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { replaceFile } from '../lib/replace-file.ts';
import { readSnapshot, snapshotText } from '../load/snapshot.ts';
import { counted } from '../report/wording.ts';
import { throughSnapshot, toldOfSnapshot, unneededWithSnapshot } from '../tasks/from-snapshot.ts';
import { checkOnly } from '../tasks/only.ts';
import { openLine, silentObserver } from '../tasks/open.ts';
import { type Planned, preview } from '../tasks/preview.ts';
import { exitCodes } from '../tasks/result.ts';
import { saving } from '../tasks/saving.ts';
import { takeSnapshot } from '../tasks/snapshot.ts';
import { snapshotHash } from '../tasks/snapshot-key.ts';
import { type Context, durationOption, openConfig, tellProblems } from './context.ts';

export interface SnapshotFlags {
  readonly config?: string | undefined;
  readonly out?: string | undefined;
  readonly timeout: string;
}

/** `optoggles snapshot`: what policy answers now, with keyed hashes for names, for a plan where it cannot be asked. */
export async function snapshotCommand(context: Context, flags: SnapshotFlags): Promise<void> {
  const timeout = durationOption('--timeout', flags.timeout);
  const { config, log } = await openConfig(context, flags.config);
  const hash = snapshotHash(context.env, config.instance);
  const { instance, sources } = config;
  const how = { config, clock: systemClock, random: Math.random, log, observer: silentObserver } as const;
  const opened = openLine({ ...how, mode: 'preview' });
  try {
    const { line } = opened;
    const { signal } = context;
    const found = await takeSnapshot({ line, instance, sources, hash, clock: systemClock, timeout, signal });
    const text = snapshotText(found.snapshot);
    const counts = `${counted(found.snapshot.audiences.length, 'audience')} of ${counted(found.snapshot.sources.length, 'source')}`;
    if (flags.out === undefined) context.stdout.write(text);
    else {
      const path = resolve(context.cwd, flags.out);
      await saving(flags.out, () => writeWhole(path, text));
      context.stdout.write(`${flags.out}: ${counts}\n`);
    }
    tellProblems(context, found.warnings, 'warning: ');
    tellProblems(context, found.open);
    context.exit(found.open.length > 0 ? exitCodes.held : exitCodes.done);
  } finally {
    await opened.close();
  }
}

/** Whoever reads it meanwhile has the old one or the new one, whole. */
async function writeWhole(path: string, text: string): Promise<void> {
  for (;;) {
    const before = await readFile(path, 'utf8').catch(() => undefined);
    if (await replaceFile(path, text, before)) return;
  }
}

export interface SnapshotPlanFlags {
  readonly config?: string | undefined;
  readonly only?: readonly string[] | undefined;
  /** The snapshot, as it was named. */
  readonly file: string;
  /** ms */
  readonly timeout: number;
}

/** What `apply` would do if policy still answered what the snapshot says; members are hashes. */
export async function planFromSnapshot(context: Context, flags: SnapshotPlanFlags): Promise<Planned> {
  const { config, log } = await openConfig(context, flags.config, 'once', unneededWithSnapshot);
  const hash = snapshotHash(context.env, config.instance);
  const snapshot = await readSnapshot(resolve(context.cwd, flags.file), flags.file);
  const through = throughSnapshot(snapshot, hash, config.instance, systemClock);
  const only = flags.only && new Set(flags.only);
  if (only) await checkOnly(config, only);
  const how = { config, clock: systemClock, random: Math.random, log, observer: silentObserver } as const;
  const opened = openLine({ ...how, mode: 'preview', through, ...(only && { only }) });
  try {
    const { line } = opened;
    const { signal } = context;
    const found = await preview({ line, clock: systemClock, timeout: flags.timeout, signal });
    return { ...found, plan: toldOfSnapshot(found.plan, line, snapshot, systemClock.now()) };
  } finally {
    await opened.close();
  }
}
