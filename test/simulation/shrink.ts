import type { Setup } from './setup.ts';
import { simulate } from './simulate.ts';
import type { Step } from './steps.ts';

/**
 * Drops steps as long as what is wrong stays wrong (the kind of it: without names and numbers). At most so many tries.
 */
export async function shrink(
  setup: Setup,
  steps: readonly Step[],
  what: string,
  tries = 400,
  spoil?: Parameters<typeof simulate>[3],
): Promise<readonly Step[]> {
  let kept = [...steps];
  let left = tries;
  const kind = kindOf(what);

  async function fails(some: readonly Step[]): Promise<boolean> {
    left--;
    const { wrong } = await simulate(setup, some, undefined, spoil);
    return wrong.some(one => kindOf(one) === kind);
  }

  for (let size = kept.length >> 1; size >= 1 && left > 0; ) {
    let dropped = false;
    for (let at = kept.length - size; at > -size && left > 0; at -= size) {
      const some = [...kept.slice(0, Math.max(0, at)), ...kept.slice(at + size)];
      if (some.length === kept.length || !(await fails(some))) continue;
      kept = some;
      dropped = true;
    }
    if (!dropped) size = size === 1 ? 0 : size >> 1;
  }
  // Time that nobody needs is left out, too.
  for (let at = 0; at < kept.length && left > 0; at++) {
    for (const after of [0, 3_000]) {
      const step = kept[at];
      if (step === undefined || step.after <= after) continue;
      const some = kept.with(at, { ...step, after });
      if (!(await fails(some))) continue;
      kept = some;
      break;
    }
  }
  return kept;
}

/** What went wrong, whoever it happened to. */
export function kindOf(what: string): string {
  return what.replace(/^[^:]*: /, '').replace(/\b[a-z]\b|\d+|\([^)]*\)|with [a-z]+ in place of [a-z]+/g, '_');
}
