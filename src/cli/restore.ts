import { systemClock } from '../lib/clock.ts';
import { restorable, restore } from '../tasks/restore.ts';
import type { Context } from './context.ts';
import { byOf } from './operator.ts';
import { withPreviewLine } from './preview-line.ts';

export interface RestoreFlags {
  readonly config?: string | undefined;
  readonly target?: string | undefined;
  readonly yes?: boolean | undefined;
  readonly by?: string | undefined;
}

/** `optoggles restore KEY`: shows what putting it back as it was before it was taken over changes; with `--yes` does it. */
export async function restoreCommand(context: Context, toggle: string, flags: RestoreFlags): Promise<void> {
  await withPreviewLine(context, { config: flags.config }, async ({ config, line, store }) => {
    const targets = line.targets.map(lane => lane.target);
    const { signal } = context;
    const options = { config, store, targets, clock: systemClock, signal, toggle, target: flags.target };
    for (const { target, key, kept, changes } of await restorable(options)) {
      context.stdout.write(`${key} in ${target}, as it was before it was taken over at ${kept}:\n`);
      const lines = changes.length === 0 ? ['it is so already'] : changes;
      for (const one of lines) context.stdout.write(`  ${one}\n`);
    }
    if (flags.yes !== true) {
      context.stdout.write('Nothing was done. With --yes it is put back, no more ours, and the toggle is paused.\n');
      return;
    }
    const pause = await restore(options, byOf(flags));
    context.stdout.write(
      `It is put back. ${pause.what}; to let it be taken over again: optoggles resume ${pause.id}\n`,
    );
  });
}
