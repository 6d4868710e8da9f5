import { type Problem, ProblemsError, toProblem, UsageError } from '../domain/problem.ts';
import { systemClock } from '../lib/clock.ts';
import { lastWords } from '../lib/last-words.ts';
import { inCheckout } from '../tasks/checkout.ts';
import { exitCodes } from '../tasks/result.ts';
import { keyVariable } from '../tasks/snapshot-key.ts';
import { applyStep } from './apply.ts';
import { commandsOf, readEvent, refuseTarget } from './event.ts';
import { type Command, readInputs } from './inputs.ts';
import { planStep } from './plan.ts';
import { createRunner, type Runner } from './runner.ts';
import { staleStep } from './stale.ts';
import { createStep, type Step } from './step.ts';
import { validateStep } from './validate.ts';

const steps: Readonly<Record<Command, (step: Step) => Promise<number>>> = {
  validate: validateStep,
  plan: planStep,
  apply: applyStep,
  stale: staleStep,
};

const stopping = new AbortController();

/** Runs the commands of a step, all of them, and gives the worst exit status. Tells what was thrown; throws nothing. */
async function runStep(runner: Runner, signal: AbortSignal): Promise<number> {
  let head: Step['head'] | undefined;
  let worst = 0;
  try {
    // Before anything is read or said.
    const { OPTOGGLES_TOKEN: bearer = '', [keyVariable]: key = '' } = process.env;
    runner.hide([runner.input('github-token'), bearer.trim(), key.trim()]);
    const inputs = readInputs(name => runner.input(name));
    const event = readEvent(process.env);
    refuseTarget(event);
    const step = createStep({ inputs, event, runner, env: process.env, clock: systemClock, signal });
    head = step.head;
    for (const command of inputs.command === undefined ? commandsOf(event) : [inputs.command]) {
      const code = await runCommand(command, step);
      worst = worst === 0 ? code : worst;
    }
  } catch (error) {
    worst = tell(runner, error, head);
  }
  return worst;
}

async function runCommand(command: Command, step: Step): Promise<number> {
  try {
    return await steps[command](step);
  } catch (error) {
    return tell(step.runner, error, step.head);
  }
}

function tell(runner: Runner, error: unknown, head: Step['head'] | undefined): number {
  if (error instanceof ProblemsError) {
    for (const problem of error.problems) runner.annotate('error', head ? inCheckout(head, problem) : problem);
    return exitCodes.failed;
  }
  runner.annotate('error', unforeseen(error) ?? toProblem(error));
  return error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
}

const stoppedProblem: Problem = {
  code: 'stopped',
  message: 'The step was canceled.',
  hint: 'Run it again: the next run does what is left.',
};

/** A fault of ours: its place, and nothing that its message may quote. */
function unforeseen(error: unknown): Problem | undefined {
  if (toProblem(error).code !== 'internal') return undefined;
  if (stopping.signal.aborted) return stoppedProblem;
  const message = `Internal error: ${lastWords(error)}`;
  return { code: 'internal', message, hint: 'This is a fault of OPToggles: report it with this line.' };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort(new Error(signal)));

const runner = createRunner();
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, error => {
    tell(runner, error, undefined);
    process.exit(exitCodes.failed);
  });
}
const code = await runStep(runner, stopping.signal);
await runner.finish();
// What a library left open must not keep the job waiting.
process.exit(code);
