import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../domain/config.ts';
import type { Problem } from '../domain/problem.ts';
import type { Review } from '../domain/review.ts';
import { fitMarkdown } from '../report/fit.ts';
import { planJsonText } from '../report/json.ts';
import { reviewLine, reviewParts, totals } from '../report/review.ts';
import type { Checkout } from '../tasks/checkout.ts';
import { exitCodes } from '../tasks/result.ts';
import { review } from '../tasks/review.ts';
import { judge, rulesInput } from '../tasks/rules.ts';
import { askedOf } from './asked.ts';
import { putComment } from './comment.ts';
import { createGitHub, refusedBy } from './github.ts';
import { markerOf } from './marker.ts';
import { approveInput, type Step } from './step.ts';

/** https://github.com/orgs/community/discussions/27190: a comment may have 65,536 characters, the marker counts. */
const longestComment = 65_536;
const markerRoom = 1_024;

/** Shows what a pull request would do: in a comment, in the step summary, and as outputs. */
export async function planStep(step: Step): Promise<number> {
  const { inputs, runner, env, clock, kinds, head, signal } = step;
  const base = await step.base();
  const { config, mute, elsewhere } = await askedOf(base, step);
  const compared = await review({
    base,
    head,
    config,
    mute,
    elsewhere,
    kinds,
    env,
    clock,
    random: Math.random,
    log: runner.log,
    timeout: inputs.timeout,
    signal,
  });
  const hasNames = elsewhere === undefined;
  const showUsers = inputs.showUsers && hasNames;
  if (inputs.showUsers && !hasNames) runner.annotate('warning', noNames);
  const found = await judged(step, base, compared, hasNames);
  for (const problem of found.problems) runner.annotate('error', problem);
  for (const problem of found.unknown) {
    runner.annotate('warning', { ...problem, message: `Audience unknown: ${problem.message}` });
  }
  await giveOutputs(step, found, showUsers);
  const parts = reviewParts(found, { showUsers, approve: approveInput }).map(runner.redact);
  runner.summarize(parts.join('\n'));
  runner.say(reviewLine(found));
  await comment(step, config, parts);
  return found.problems.length + (found.verdict?.denied.length ?? 0) > 0 ? exitCodes.failed : exitCodes.done;
}

/** With the word of the base branch's rules, where there are any and there is a plan. */
async function judged(step: Step, base: Checkout, found: Review, hasNames: boolean): Promise<Review> {
  const { inputs, runner, env, clock, signal } = step;
  const { rules, timeout } = inputs;
  if (rules === undefined || found.planned === undefined) return found;
  if ((await stat(join(base.root, rules)).catch(() => undefined)) === undefined) {
    runner.annotate('warning', noRules(rules));
    return found;
  }
  const input = rulesInput(found.planned, found.toggles, { names: hasNames, complete: found.unknown.length === 0 });
  const verdict = await judge(base, input, { rules, clock, log: runner.log, timeout, path: env.PATH, signal });
  const hint = `So say the rules in ${rules} on the base branch.`;
  for (const message of verdict.denied) runner.annotate('error', { code: 'rule-denied', message, hint });
  for (const message of verdict.warned) runner.annotate('warning', { code: 'rule-warned', message, hint });
  return { ...found, verdict };
}

const noNames: Problem = {
  code: 'names-not-here',
  message: 'A snapshot and a running instance tell how many users gain and lose a toggle, and not who.',
  hint: 'Leave the input "show-users" out.',
};

function noRules(rules: string): Problem {
  return {
    code: 'rules-missing',
    message: `The rules ${JSON.stringify(rules)} are not on the base branch, so nothing is judged by them.`,
    hint: 'They count once they are merged; if they are there under another name, correct the input "rules".',
  };
}

async function giveOutputs({ runner, event }: Step, found: Review, showUsers: boolean): Promise<void> {
  const { planned, definitions } = found;
  const plan = planned?.plan;
  const isKnown = planned !== undefined && found.unknown.length === 0;
  const counts = totals(planned?.placements ?? []);
  runner.output('changed', definitions.length + (plan?.changes.length ?? 0) > 0);
  runner.output('blocked', plan?.blocked.length ?? 0);
  runner.output('granted', isKnown ? counts.granted : '');
  runner.output('revoked', isKnown ? counts.revoked : '');
  runner.output('checksum', plan?.checksum ?? '');
  if (plan === undefined) return runner.output('plan-path', '');
  const path = join(event.temp, 'optoggles-plan.json');
  await writeFile(path, runner.redact(planJsonText(plan, { showUsers })), { mode: 0o600 });
  runner.output('plan-path', path);
}

async function comment({ inputs, event, runner }: Step, config: Config, parts: readonly string[]): Promise<void> {
  const { pull } = event;
  if (pull === undefined || inputs.token === undefined) return;
  const more = `The rest has no room here: [all of it](${event.runUrl}) is in the summary of the run.\n`;
  const body = fitMarkdown(parts, longestComment - markerRoom, more);
  try {
    const github = createGitHub(inputs.token, event);
    const done = await putComment(github, pull.number, markerOf('plan', config.instance, inputs.config), body);
    runner.say(done === 'written' ? 'The comment was written.' : 'The comment is the same as before.');
  } catch (error) {
    runner.annotate('warning', refusedBy(error, 'The plan was not written as a comment', 'pull-requests: write'));
  }
}
