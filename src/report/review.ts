import type { DefinitionChange, PlacementReview, Review, Shares } from '../domain/review.ts';
import { inertMarkdown, markdownName } from './inert.ts';
import type { JsonOptions } from './json.ts';
import { folded, list, markdownTable, namesText, planLists } from './markdown.ts';
import { counted, minus, plus, problemText } from './wording.ts';

/** What a pull request does, for its comment and the step summary: parts, the most important first, none of them empty. */
export function reviewParts(review: Review, options: JsonOptions = {}): readonly string[] {
  const { planned, unknown, problems, weaker, verdict } = review;
  const parts = [
    `## OPToggles: what changes in ${markdownName(review.instance)}\n`,
    `**${reviewLine(review)}**\n`,
    verdictBox(verdict),
    warningBox('This pull request weakens what protects', weaker.map(inertMarkdown)),
    unknown.length === 0 ? '' : `> [!NOTE]\n> **Audience unknown**${unknown.map(unknownItem).join('')}\n`,
    list(
      'Not in this plan',
      problems.map(problem => `**error** ${inertMarkdown(problemText(problem))}`),
    ),
    notes(review),
    definitionTable(review.definitions),
    placementTable(planned?.placements ?? []),
    ...(planned === undefined ? [] : planLists(planned.plan, options)),
    options.showUsers ? folded('Users', (planned?.placements ?? []).filter(hasUsers).map(usersText)) : '',
    planned === undefined ? '' : `Checksum ${markdownName(planned.plan.checksum)}\n`,
  ];
  return parts.filter(part => part !== '');
}

/** `2 toggles changed, 1 created; +12 −3 users; 1 blocked` */
export function reviewLine({ definitions, planned, unknown }: Review): string {
  const kinds = (['created', 'changed', 'removed'] as const).flatMap(kind => {
    const count = definitions.filter(one => one.kind === kind).length;
    return count === 0 ? [] : [`${counted(count, 'toggle')} ${kind}`];
  });
  const what = kinds.length === 0 ? 'No toggle is defined otherwise' : kinds.join(', ');
  if (planned === undefined) return `${what}; audience unknown`;
  const { granted, revoked } = totals(planned.placements);
  const users = granted + revoked === 0 ? 'nobody gains or loses one' : `${plus(granted)} ${minus(revoked)} users`;
  const { blocked, held } = planned.plan;
  return [
    what,
    users,
    ...(blocked.length > 0 ? [`${blocked.length} blocked by the guard`] : []),
    ...(held.length > 0 ? [`${held.length} held`] : []),
    ...(unknown.length > 0 ? ['not every audience is known'] : []),
  ].join('; ');
}

/** Users are counted per placement. */
export function totals(placements: readonly PlacementReview[]): { readonly granted: number; readonly revoked: number } {
  const sum = (side: 'granted' | 'revoked') => placements.reduce((all, one) => all + one[side].all.size, 0);
  return { granted: sum('granted'), revoked: sum('revoked') };
}

function warningBox(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return `> [!WARNING]\n> **${title}**\n${lines.map(line => `> - that is: ${line}\n`).join('')}`;
}

function verdictBox(verdict: Review['verdict']): string {
  const box = (sign: string, title: string, messages: readonly string[]) =>
    messages.length === 0
      ? []
      : [
          `> [!${sign}]\n> **${title}**\n${messages.map(message => `> - it says: ${inertMarkdown(message)}\n`).join('')}`,
        ];
  const { denied = [], warned = [] } = verdict ?? {};
  return [...box('CAUTION', 'Denied by rules', denied), ...box('WARNING', 'Rules warn', warned)].join('\n');
}

function unknownItem(problem: Review['unknown'][number]): string {
  return `\n> - because ${inertMarkdown(problemText(problem))}`;
}

function notes({ configChanged, policyChanged, expired }: Review): string {
  const said = [
    ...(configChanged
      ? [
          'The configuration is changed too. What follows is by that of the base branch; the change counts once it is merged.',
        ]
      : []),
    ...(policyChanged ? ['Policy or data of this repository is changed too, and was evaluated before and after.'] : []),
    ...expired.map(({ key, expires }) => `The toggle ${markdownName(key)} expired on ${inertMarkdown(expires ?? '')}.`),
  ];
  return said.map(note => `- ${note}\n`).join('');
}

const longestValue = 200;

function definitionTable(definitions: readonly DefinitionChange[]): string {
  if (definitions.length === 0) return '';
  const rows = definitions.flatMap(({ toggle, kind, fields }) => {
    if (kind === 'removed') return [[markdownName(toggle), kind, '', '', '']];
    return fields.map(({ field, before, after }, index) => [
      index === 0 ? markdownName(toggle) : '',
      index === 0 ? kind : '',
      markdownName(field),
      valueText(before),
      valueText(after),
    ]);
  });
  return `### Definitions\n\n${markdownTable(['toggle', '', 'field', 'before', 'after'], '-----', rows)}`;
}

function valueText(value: string | undefined): string {
  if (value === undefined) return '';
  return inertMarkdown(value.length > longestValue ? `${value.slice(0, longestValue)}…` : value);
}

function placementTable(placements: readonly PlacementReview[]): string {
  if (placements.length === 0) return '';
  const rows = placements.map(one => [
    markdownName(one.toggle),
    markdownName(one.target),
    markdownName(one.environment),
    [...(one.created ? ['created'] : []), ...(one.closes ? [one.closes] : [])].join(', '),
    `${one.before ?? '?'} → ${one.after}`,
    one.granted.all.size > 0 ? plus(one.granted.all.size) : '',
    one.revoked.all.size > 0 ? minus(one.revoked.all.size) : '',
    whyText(one),
  ]);
  const head = ['toggle', 'target', 'environment', '', 'users', 'gain it', 'lose it', 'why'];
  return `### Who gains and who loses\n\n${markdownTable(head, '----+++-', rows)}`;
}

function whyText({ granted, revoked }: PlacementReview): string {
  const why = (part: 'definition' | 'policy' | 'pending', words: string) => {
    const counts = [...signed(granted[part].size, plus), ...signed(revoked[part].size, minus)];
    return counts.length === 0 ? [] : [`${counts.join(' ')} ${words}`];
  };
  return [
    ...why('definition', 'by definition'),
    ...why('policy', 'by policy or data'),
    ...why('pending', 'pending anyway'),
  ].join(', ');
}

function signed(count: number, sign: (count: number) => string): string[] {
  return count === 0 ? [] : [sign(count)];
}

function hasUsers({ granted, revoked }: PlacementReview): boolean {
  return granted.all.size + revoked.all.size > 0;
}

function usersText({ toggle, target, environment, granted, revoked }: PlacementReview): string {
  const members = ({ all }: Shares) => all;
  return namesText({
    where: `${toggle} ${target} ${environment}`,
    granted: members(granted),
    revoked: members(revoked),
  });
}
