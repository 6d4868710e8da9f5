import type { StaleToggle } from '../domain/stale.ts';
import { ProblemError } from '../domain/problem.ts';
import { createFlagLoader } from '../load/flags.ts';
import { nothingStale, staleIssue, staleMarkdown } from '../report/stale.ts';
import { counted } from '../report/wording.ts';
import { fromRoot, inCheckout, loadCheckout } from '../tasks/checkout.ts';
import { exitCodes } from '../tasks/result.ts';
import { staleToggles } from '../tasks/stale.ts';
import { createGitHub, refusedBy } from './github.ts';
import { putIssues } from './issues.ts';
import type { Step } from './step.ts';

/** Looks for toggles that somebody should look at again, and keeps an issue per owner. Switches nothing off. */
export async function staleStep(step: Step): Promise<number> {
  const { runner, env, clock, kinds, head } = step;
  const { config } = await loadCheckout(head, { kinds, env, secrets: 'check', purpose: 'look' });
  const { toggles, problems, unreadable } = await createFlagLoader(config, kinds).load([]);
  if (unreadable !== undefined) throw new ProblemError(inCheckout(head, unreadable));
  for (const problem of problems) runner.annotate('warning', inCheckout(head, problem));
  const stale = staleToggles(toggles, clock.now()).map(one => ({ ...one, file: fromRoot(head, one.file) }));
  runner.summarize(staleMarkdown(stale));
  runner.say(counted(stale.length, 'stale toggle'));
  await keepIssues(step, config.instance, stale, problems.length === 0);
  return exitCodes.done;
}

async function keepIssues(
  { inputs, event, runner }: Step,
  instance: string,
  stale: readonly StaleToggle[],
  isComplete: boolean,
): Promise<void> {
  if (inputs.token === undefined) return;
  const linkOf = (file: string) => `${event.repositoryUrl}/blob/HEAD/${file.split('/').map(urlPart).join('/')}`;
  const byOwner = Map.groupBy(stale, ({ owner }) => owner ?? '');
  const wanted = new Map(
    [...byOwner].map(([owner, toggles]) => [owner, staleIssue(owner || undefined, toggles, instance, linkOf)]),
  );
  try {
    const github = createGitHub(inputs.token, event);
    // A file that cannot be read may be one that an issue speaks of.
    const done = isComplete ? nothingStale : undefined;
    const written = await putIssues(github, { family: [instance, inputs.config], wanted, done });
    runner.say(`${counted(written, 'issue')} written.`);
  } catch (error) {
    runner.annotate('warning', refusedBy(error, 'The issues were not written', 'issues: write'));
  }
}

/** Parentheses and quotes would end a Markdown link. */
function urlPart(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/[()'!*]/g, sign => `%${sign.charCodeAt(0).toString(16)}`);
}
