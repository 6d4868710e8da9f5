import type { Plan } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';
import { inertMarkdown, markdownName } from './inert.ts';
import { approveCommand, type JsonOptions } from './json.ts';
import { changeCells, list, markdownTable, planLists } from './markdown.ts';
import { type Done, outcomeDetails, outcomeLine } from './outcome.ts';
import { blockedWhat, blockedWhy } from './sections.ts';
import { problemText } from './wording.ts';

/** What an apply did, and what it could not do. */
export interface AppliedParts {
  readonly instance: string;
  readonly done: readonly Done[];
  /** What is still to be done, blocked or held. */
  readonly left: Plan;
  readonly failed: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** An apply for a step summary. Nothing from outside can act in it. */
export function appliedMarkdown(parts: AppliedParts, options: JsonOptions = {}): string {
  const { instance, done, left, failed, warnings } = parts;
  return [
    `## OPToggles: applied to ${markdownName(instance)}\n`,
    `**${outcomeLine(done)}**\n`,
    list('Errors', failed.map(problemItem)),
    doneTable(done),
    ...planLists(left, options),
    list('Other warnings', warnings.map(problemItem)),
  ]
    .filter(part => part !== '')
    .join('\n');
}

/**
 * What an apply left undone, each as a problem of its own, with the file of its toggle; `fileOf` gives that from the root
 * of the checkout. The worst come first.
 */
export function appliedProblems(
  { left, failed, warnings }: AppliedParts,
  fileOf: (toggle: string) => string | undefined,
  options: JsonOptions = {},
): readonly { readonly level: 'error' | 'warning'; readonly problem: Problem }[] {
  const approve = options.approve ?? approveCommand;
  const at = (toggle: string | undefined, problem: Problem): Problem => {
    const file = toggle === undefined ? undefined : fileOf(toggle);
    return problem.at !== undefined || file === undefined ? problem : { ...problem, at: { file, line: 1, column: 1 } };
  };
  const changeOf = ({ message }: Problem) => left.changes.find(({ id }) => message.startsWith(`${id}: `))?.toggle;
  const error = (problem: Problem) => ({ level: 'error', problem }) as const;
  const warning = (problem: Problem) => ({ level: 'warning', problem }) as const;
  return [
    ...failed.map(problem => error(at(changeOf(problem), problem))),
    ...left.refused.map(({ toggle, target, problem }) =>
      error(at(toggle, { ...problem, message: `${toggle} ${target}: ${problem.message}` })),
    ),
    ...left.blocked.map(block =>
      error(
        at(block.placements[0]?.toggle, {
          code: block.reason,
          message: `Blocked by the guard: ${blockedWhat(block)}: ${blockedWhy(block)}`,
          hint: `If that is meant: ${approve(block.id)}`,
        }),
      ),
    ),
    ...left.held.map(({ toggle, target, environment, problem }) =>
      warning(at(toggle, { ...problem, message: `Held: ${toggle} ${target} ${environment}: ${problem.message}` })),
    ),
    ...[...left.warnings, ...warnings].map(warning),
  ];
}

function problemItem(problem: Problem): string {
  return `**${markdownName(problem.code)}** ${inertMarkdown(problemText(problem))}`;
}

function doneTable(done: readonly Done[]): string {
  if (done.length === 0) return '';
  const rows = done.map(({ change, outcome }) => [
    ...changeCells(change),
    outcome.result,
    inertMarkdown(outcomeDetails(outcome)),
  ]);
  const head = ['toggle', 'target', 'environment', 'change', 'users', '+', '−', 'result', 'details'];
  return `### Changes\n\n${markdownTable(head, '----+++--', rows)}`;
}
