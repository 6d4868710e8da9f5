import type { Config } from '../domain/config.ts';
import { canonicalJson } from '../domain/json.ts';
import type { Change, Plan } from '../domain/plan.ts';
import { type Problem, ProblemError } from '../domain/problem.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { apply } from './apply.ts';
import { openLine, silentObserver } from './open.ts';
import { preview } from './preview.ts';

export interface TakeOverOptions {
  readonly config: Config;
  /** Of the toggles. */
  readonly keys: ReadonlySet<string>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/**
 * Puts our mark on flags that are as their files say, and changes nothing else: the same as `apply` of these toggles,
 * backup and audit log included, but only where its plan holds nothing else. Gives how many were marked, and what is wrong.
 */
export async function takeOver(
  options: TakeOverOptions,
): Promise<{ readonly taken: number; readonly failed: readonly Problem[] }> {
  const { config, keys, clock } = options;
  const deadline = clock.now() + options.timeout;
  const common = { ...options, only: keys, observer: silentObserver };
  const opened = openLine({ ...common, mode: 'preview' });
  let plan: Plan;
  try {
    const found = await preview({ ...options, line: opened.line });
    if (found.failed.length > 0) return { taken: 0, failed: found.failed };
    plan = found.plan;
  } finally {
    await opened.close();
  }
  const more = plan.changes.filter(change => !isMarkAlone(change));
  const waiting = [...plan.blocked.flatMap(({ placements }) => placements), ...plan.held, ...plan.refused];
  const toggles = [...new Set([...more, ...waiting].map(({ toggle }) => toggle))];
  if (toggles.length > 0) return { taken: 0, failed: [notAlone(toggles)] };
  if (plan.changes.length === 0) return { taken: 0, failed: detectsOnly(config, keys) };
  const applied = await apply({ ...common, approve: [], timeout: deadline - clock.now() });
  const done = applied.done.filter(({ change, outcome }) => change.kind === 'adopt' && outcome.result === 'done');
  const isOver = applied.left.changes.length === 0 && applied.left.blocked.length === 0;
  const failed = isOver || applied.failed.length > 0 ? applied.failed : [unfinished(applied.left.changes.length)];
  return { taken: done.length, failed };
}

/** Nobody gains or loses anything by it, and nothing is written over. */
function isMarkAlone(change: Change): boolean {
  if (change.kind === 'adopt') return canonicalJson(change.before ?? {}) === canonicalJson(change.metadata);
  if (change.kind !== 'placement') return false;
  const { before, after, granted, revoked, closes } = change;
  const isSame = before.known && before.on === after.on && before.group === after.group;
  return isSame && granted.size === 0 && revoked.size === 0 && closes.length === 0;
}

function detectsOnly(config: Config, keys: ReadonlySet<string>): readonly Problem[] {
  if (keys.size === 0 || config.targets.every(({ policy }) => policy !== 'detect')) return [];
  const message = 'The flags were not marked: the target has `policy: detect`, so nothing is written there.';
  return [{ code: 'import-not-marked', message, hint: 'Say --no-mark; `apply` marks them once it may write.' }];
}

function notAlone(toggles: readonly string[]): Problem {
  const [first = '', ...others] = toggles;
  const who = others.length === 0 ? first : `${first} and ${others.length} more`;
  return {
    code: 'import-not-equal',
    message: `The files were written, but no flag was marked: ${who} would change by more than the mark.`,
    hint: 'Somebody changed it meanwhile, or the configuration asks for more: look at `optoggles plan`, then `apply`.',
  };
}

function unfinished(count: number): Problem {
  return {
    code: 'import-not-marked',
    message: `The files were written, but ${count} changes that only mark flags are still to be made.`,
    hint: '`optoggles plan` shows them, `optoggles apply` makes them.',
  };
}

/** What it means for an import that nothing could be taken over. */
export function notTakenOver(error: unknown): readonly Problem[] {
  if (!(error instanceof ProblemError)) throw error;
  const { problem } = error;
  const message = `The files were written, but no flag was marked: ${problem.message}`;
  return [{ hint: 'Run `optoggles apply`: it marks them.', ...problem, message }];
}
