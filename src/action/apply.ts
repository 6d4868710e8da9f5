import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../domain/problem.ts';
import { secretsOf } from '../load/config.ts';
import { createFlagLoader } from '../load/flags.ts';
import { appliedMarkdown, appliedProblems } from '../report/applied.ts';
import { planJsonText } from '../report/json.ts';
import { outcomeLine } from '../report/outcome.ts';
import { apply, applyExit } from '../tasks/apply.ts';
import { fromRoot, inCheckout, loadCheckout } from '../tasks/checkout.ts';
import { silentObserver } from '../tasks/open.ts';
import { approveInput, type Step } from './step.ts';
import { syncStep } from './sync.ts';

/** Makes the targets agree with what was checked out and with policy. */
export async function applyStep(step: Step): Promise<number> {
  const { inputs, event, runner, env, clock, kinds, head, signal } = step;
  if (event.pull !== undefined) throw onPullRequest();
  if (inputs.server !== undefined) return syncStep(step, inputs.server);
  const { config, warnings } = await loadCheckout(head, { kinds, env, secrets: 'substitute', purpose: 'once' });
  runner.hide(secretsOf(config));
  for (const problem of warnings) runner.annotate('warning', inCheckout(head, problem));
  const applied = await apply({
    config,
    clock,
    random: Math.random,
    log: runner.log,
    observer: silentObserver,
    timeout: inputs.timeout,
    signal,
    approve: inputs.approve,
    ...(inputs.checksum !== undefined && { checksum: inputs.checksum }),
  });
  const parts = {
    instance: config.instance,
    done: applied.done,
    left: applied.left,
    failed: applied.failed.map(problem => inCheckout(head, problem)),
    warnings: applied.warnings.map(problem => inCheckout(head, problem)),
  };
  const { toggles } = await createFlagLoader(config, kinds).load([]);
  const files = new Map(toggles.map(({ key, file }) => [key, fromRoot(head, file)]));
  const options = { showUsers: inputs.showUsers, approve: approveInput };
  for (const { level, problem } of appliedProblems(parts, toggle => files.get(toggle), options)) {
    runner.annotate(level, problem);
  }
  runner.summarize(appliedMarkdown(parts, options));
  runner.say(outcomeLine(applied.done));

  const done = applied.done.filter(({ outcome }) => outcome.result === 'done').map(({ change }) => change);
  const sum = (side: 'granted' | 'revoked') =>
    done.reduce((all, change) => all + (change.kind === 'placement' ? change[side].size : 0), 0);
  runner.output('changed', done.length > 0);
  runner.output('blocked', applied.left.blocked.length);
  runner.output('granted', sum('granted'));
  runner.output('revoked', sum('revoked'));
  runner.output('checksum', applied.left.checksum);
  const path = join(event.temp, 'optoggles-plan.json');
  await writeFile(path, runner.redact(planJsonText(applied.left, options)), { mode: 0o600 });
  runner.output('plan-path', path);
  return applyExit(applied);
}

function onPullRequest(): UsageError {
  return new UsageError({
    code: 'apply-unreviewed',
    message: 'What a pull request proposes is not applied: nobody has reviewed it yet.',
    hint: 'Apply on a push to the default branch; on a pull request use "plan".',
  });
}
