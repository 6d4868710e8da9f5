import { type Problem, toProblem } from '../domain/problem.ts';
import { validationMarkdown } from '../report/validation.ts';
import type { Checkout } from '../tasks/checkout.ts';
import { exitCodes } from '../tasks/result.ts';
import { validateChange } from '../tasks/validate-change.ts';
import type { Step } from './step.ts';

/** Checks the configuration and flag files that were checked out, without secrets and without a network. */
export async function validateStep(step: Step): Promise<number> {
  const { inputs, runner, env, clock, kinds, head, signal } = step;
  const { base, missing } = await baseOf(step);
  const found = await validateChange({
    head,
    base,
    all: inputs.all,
    kinds,
    env,
    now: clock.now(),
    rules: inputs.rules,
    signal,
  });
  const warnings = [...(missing ? [missing] : []), ...found.warnings];
  for (const problem of found.problems) runner.annotate('error', problem);
  for (const problem of warnings) runner.annotate('warning', problem);
  runner.summarize(validationMarkdown({ ...found, warnings }));
  return found.problems.length > 0 ? exitCodes.failed : exitCodes.done;
}

/** Only a pull request has a base; where it is not there, everything is told, and that. */
async function baseOf(step: Step): Promise<{ readonly base: Checkout | undefined; readonly missing?: Problem }> {
  if (step.event.pull === undefined) return { base: undefined };
  try {
    return { base: await step.base() };
  } catch (error) {
    const { message, ...problem } = toProblem(error);
    const why = `${message} So all files are checked, and changes of the configuration are not.`;
    return { base: undefined, missing: { ...problem, message: why } };
  }
}
