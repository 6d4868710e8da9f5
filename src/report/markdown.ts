import type { Members } from '../domain/members.ts';
import type { Change, Plan } from '../domain/plan.ts';
import { inertMarkdown, markdownName } from './inert.ts';
import { approveCommand, type JsonOptions } from './json.ts';
import { blockedWhat, blockedWhy, changeRow, namesOfPlan, origins, overrideLines } from './sections.ts';
import { placementText, problemText, summaryLine } from './wording.ts';

/** The plan for a comment or a step summary. Nothing from outside can act in it: see `inertMarkdown`. */
export function planMarkdown(plan: Plan, options: JsonOptions = {}): string {
  const lists: string[] = [
    changeTable(plan),
    ...planLists(plan, options),
    folded(
      'Answers',
      origins(plan).map(origin => `from ${inertMarkdown(origin)}`),
    ),
    options.showUsers ? folded('Users', namesOfPlan(plan).map(namesText)) : '',
    plan.commit === undefined ? '' : `Commit ${markdownName(plan.commit)}\n`,
    `Checksum ${markdownName(plan.checksum)}\n`,
  ];
  return [`**${summaryLine(plan)}**\n`, ...lists].filter(part => part !== '').join('\n');
}

/** What of a plan is no change, a list each: blocked, held, refused, accepted, warnings. Empty ones are empty texts. */
export function planLists(plan: Plan, options: JsonOptions = {}): readonly string[] {
  const approve = options.approve ?? approveCommand;
  return [
    list(
      'Blocked by the guard',
      plan.blocked.map(
        block =>
          `**blocked** ${inertMarkdown(blockedWhat(block))}: ${inertMarkdown(blockedWhy(block))} To let it through: ${markdownName(approve(block.id))}`,
      ),
    ),
    list(
      'Against git and policy',
      overrideLines(plan).map(
        ({ text, resume }) => `**operator** ${inertMarkdown(text)}. To take it back: ${markdownName(resume)}`,
      ),
    ),
    list(
      'Held',
      plan.held.map(
        held => `**${held.reason}** ${markdownName(placementText(held))}: ${inertMarkdown(problemText(held.problem))}`,
      ),
    ),
    list(
      'Refused',
      plan.refused.map(
        refusal =>
          `**refused** ${markdownName(`${refusal.toggle} ${refusal.target}`)}: ${inertMarkdown(problemText(refusal.problem))}`,
      ),
    ),
    list(
      'Accepted after a restart',
      plan.accepted.map(accepted => `**accepted** ${markdownName(accepted.source)}`),
    ),
    list(
      'Warnings',
      plan.warnings.map(problem => `**${markdownName(problem.code)}** ${inertMarkdown(problemText(problem))}`),
    ),
  ];
}

/** The columns of a change from its toggle to who it takes out, as cells of a table. */
export function changeCells(change: Change): readonly string[] {
  const { toggle, target, environment, action, users, granted, revoked } = changeRow(change);
  return [markdownName(toggle), markdownName(target), markdownName(environment), action, users, granted, revoked];
}

function changeTable(plan: Plan): string {
  if (plan.changes.length === 0) return '';
  const rows = plan.changes.map(change => {
    const { causes, details } = changeRow(change);
    return [...changeCells(change), causes, inertMarkdown(details)];
  });
  const head = ['toggle', 'target', 'environment', 'change', 'users', '+', '−', 'cause', 'details'];
  return markdownTable(head, '----+++--', rows);
}

/** A Markdown table; `align` has a sign per column: `+` for numbers. Cells have to be inert. */
export function markdownTable(head: readonly string[], align: string, rows: readonly (readonly string[])[]): string {
  const rule = align.split('').map(sign => (sign === '+' ? '---:' : '---'));
  return [head, rule, ...rows].map(cells => `| ${cells.join(' | ')} |\n`).join('');
}

/** A heading and its list; empty where there is nothing to list. */
export function list(title: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `### ${title}\n\n${items.map(item => `- ${item}\n`).join('')}`;
}

/** A list that is shown on a click; empty where there is nothing to list. */
export function folded(title: string, items: readonly string[]): string {
  if (items.length === 0) return '';
  return `<details><summary>${title}</summary>\n\n${items.map(item => `- ${item}\n`).join('')}\n</details>\n`;
}

/** Who gains and who loses, by name. */
export function namesText({ where, granted, revoked }: { where: string; granted: Members; revoked: Members }): string {
  return [`in ${inertMarkdown(where)}`, ...signed('gained', granted), ...signed('lost', revoked)].join('; ');
}

function signed(word: string, members: Members): string[] {
  return members.size === 0 ? [] : [`${word} ${[...members.values()].map(markdownName).join(', ')}`];
}
