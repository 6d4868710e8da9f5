import { systemClock } from '../lib/clock.ts';
import { checkOnly } from '../tasks/only.ts';
import { type Opened, openLine, silentObserver } from '../tasks/open.ts';
import { type Context, openConfig } from './context.ts';

export interface PreviewFlags {
  readonly config?: string | undefined;
  /** Keys of toggles; each must have a file. */
  readonly only?: readonly string[] | undefined;
  /** What named them, for errors (default: `--only`). */
  readonly where?: string;
}

/** Gives `use` a line that writes nothing and leaves no trace in the state, and closes it afterwards. */
export async function withPreviewLine<Result>(
  context: Context,
  flags: PreviewFlags,
  use: (opened: Opened, only: ReadonlySet<string> | undefined) => Promise<Result>,
): Promise<Result> {
  const { config, log } = await openConfig(context, flags.config);
  const only = flags.only && new Set(flags.only);
  if (only) await checkOnly(config, only, flags.where);
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
    return await use(opened, only);
  } finally {
    await opened.close();
  }
}
