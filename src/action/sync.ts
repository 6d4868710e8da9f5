import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../domain/problem.ts';
import { appliedProblems } from '../report/applied.ts';
import { planJsonText } from '../report/json.ts';
import { planMarkdown } from '../report/markdown.ts';
import { planFromJson } from '../report/plan-from-json.ts';
import { counted } from '../report/wording.ts';
import { withRemote } from './asked.ts';
import { approveInput, type Step } from './step.ts';

/** Brings a running instance to the commit that was checked out, and waits for what comes of it. */
export async function syncStep(step: Step, server: string): Promise<number> {
  const { inputs, event, runner, env, clock, signal } = step;
  if (inputs.checksum !== undefined) {
    throw new UsageError({
      code: 'not-with-server',
      message: 'The input "checksum" cannot be used with "server": the instance applies all of its commit.',
      hint: 'Leave one of them out.',
    });
  }
  const commit = env.GITHUB_SHA ?? '';
  const answer = await withRemote(step, server, async remote => {
    for (const id of inputs.approve) await remote.approve(id, signal);
    return remote.sync(commit, signal);
  });
  const { written, granted, revoked } = answer;
  const left = planFromJson(answer.left, clock.now());
  const line = `${counted(written, 'change')} written by the running instance (+${granted} −${revoked} users)`;
  const { failed, warnings } = answer;
  const parts = { instance: '', done: [], left, failed, warnings };
  for (const { level, problem } of appliedProblems(parts, () => undefined, { approve: approveInput })) {
    runner.annotate(level, problem);
  }
  runner.summarize(
    `## OPToggles: applied\n\n${line}.\n\nLeft to be done:\n\n${planMarkdown(left, { approve: approveInput })}`,
  );
  runner.say(line);
  runner.output('changed', written > 0);
  runner.output('blocked', left.blocked.length);
  runner.output('granted', granted);
  runner.output('revoked', revoked);
  runner.output('checksum', left.checksum);
  const path = join(event.temp, 'optoggles-plan.json');
  await writeFile(path, runner.redact(planJsonText(left)), { mode: 0o600 });
  runner.output('plan-path', path);
  return answer.exit;
}
