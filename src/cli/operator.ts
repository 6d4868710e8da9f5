import { userInfo } from 'node:os';
import type { PausedKind } from '../domain/override.ts';
import { type Problem, UsageError } from '../domain/problem.ts';
import { systemClock } from '../lib/clock.ts';
import { type Asked, type AskedBack, createOperator, type Operator, type Told } from '../tasks/operator.ts';
import type { OverrideBody, ResumeBody } from '../tasks/operator-wire.ts';
import { type Context, durationOption, openConfig } from './context.ts';
import { tellServer } from './server.ts';
import { openShared } from './shared-state.ts';

export interface OperatorFlags {
  readonly config?: string | undefined;
  readonly server?: string | undefined;
  readonly for?: string | undefined;
  readonly reason?: string | undefined;
  readonly by?: string | undefined;
}

/** `optoggles off KEY`: nobody has it, at once, until `resume`. */
export function offCommand(
  context: Context,
  toggle: string,
  flags: OperatorFlags & { readonly environment?: string | undefined },
): Promise<void> {
  const { environment } = flags;
  return override(
    context,
    flags,
    { kind: 'off', toggle, environment },
    { off: toggle, ...(environment && { environment }) },
  );
}

/** `optoggles deny USER`: that user has nothing, at once, until `resume`. */
export function denyCommand(context: Context, user: string, flags: OperatorFlags): Promise<void> {
  return override(context, flags, { kind: 'deny', user }, { deny: user });
}

/** `optoggles pause NAME`: no answers are taken from that source, nothing is written to that target or toggle. */
export function pauseCommand(
  context: Context,
  name: string,
  flags: OperatorFlags & { readonly kind?: string | undefined },
): Promise<void> {
  const what = kindOption(flags.kind, ['source', 'target', 'toggle']);
  return override(context, flags, { kind: 'pause', name, what }, { pause: name, ...(what && { kind: what }) });
}

/** `optoggles resume NAME`: takes back what was said, by its id or by what it is about. */
export async function resumeCommand(
  context: Context,
  name: string,
  flags: Omit<OperatorFlags, 'for' | 'reason'> & {
    readonly kind?: string | undefined;
    readonly environment?: string | undefined;
  },
): Promise<void> {
  const { environment } = flags;
  const what = kindOption(flags.kind, ['source', 'target', 'toggle', 'user']);
  const asked: AskedBack = { name, what, environment };
  const body: ResumeBody = { name, ...(what && { kind: what }), ...(environment && { environment }) };
  const resumed =
    flags.server === undefined
      ? await withOperator(context, flags, operator => operator.resume(asked, byOf(flags)))
      : ((await tellServer(context, { ...flags, server: flags.server }, '/api/resume', body))
          .resumed as readonly Told[]);
  for (const { what: sentence } of resumed) context.stdout.write(`over: ${sentence}\n`);
}

async function override(context: Context, flags: OperatorFlags, asked: Asked, subject: OverrideBody): Promise<void> {
  const time = flags.for === undefined ? undefined : durationOption('--for', flags.for);
  const { reason = '', server } = flags;
  const body: OverrideBody = { ...subject, ...(flags.for && { for: flags.for }), ...(reason && { reason }) };
  const told =
    server === undefined
      ? await withOperator(context, flags, operator => operator.override(asked, { time, reason, by: byOf(flags) }))
      : ((await tellServer(context, { ...flags, server }, '/api/overrides', body)) as unknown as Told);
  const until = told.until === null ? '' : ` until ${told.until}`;
  context.stdout.write(`${told.what}${until}\n  to take it back: optoggles resume ${told.id}\n`);
}

/** Writes into the state; an instance that runs sees it within 2 s. */
async function withOperator<Result>(
  context: Context,
  flags: OperatorFlags,
  use: (operator: Operator) => Result,
): Promise<Result> {
  const { config, log } = await openConfig(context, flags.config, 'look');
  const store = openShared(config, log, nothingYet);
  try {
    return use(createOperator({ config, store, clock: systemClock }));
  } finally {
    store.close();
  }
}

/** Who says it, for the audit log: whoever runs the command, where nobody else is named. */
export function byOf({ by }: Pick<OperatorFlags, 'by'>): string {
  return by ?? userInfo().username;
}

function kindOption<Kind extends PausedKind | 'user'>(
  given: string | undefined,
  kinds: readonly Kind[],
): Kind | undefined {
  const found = kinds.find(one => one === given);
  if (given === undefined || found !== undefined) return found;
  throw new UsageError({
    code: 'unknown-kind',
    message: `--kind: there is no kind ${JSON.stringify(given)}.`,
    hint: `Write ${kinds.join(', ')}.`,
  });
}

const nothingYet: Problem = {
  code: 'nothing-applied',
  message: 'Nothing was ever applied from here, so there is nothing to be said of it.',
  hint: 'Run it where the state folder of the instance is, or name the instance with --server URL.',
};
