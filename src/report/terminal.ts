import type { Members } from '../domain/members.ts';
import type { Plan } from '../domain/plan.ts';
import { inertLine } from './inert.ts';
import { approveCommand } from './json.ts';
import { blockedWhat, changeRow, namesOfPlan, origins, overrideLines } from './sections.ts';
import { type Column, type Look, paint, textTable, type Tone } from './table.ts';
import { placementText, problemText, summaryLine } from './wording.ts';

export interface TerminalOptions extends Look {
  readonly showUsers?: boolean | undefined;
  readonly approve?: ((id: string) => string) | undefined;
}

const columns: readonly Column[] = [
  { title: 'toggle' },
  { title: 'target' },
  { title: 'environment' },
  { title: 'change' },
  { title: 'users', align: 'right' },
  { title: '+', align: 'right' },
  { title: '−', align: 'right' },
  { title: 'cause' },
  { title: 'details', flexible: true },
];

/** The plan for people at a terminal or in a pipe. Ended by a line end; color only where `color` says so. */
export function planTerminal(plan: Plan, options: TerminalOptions): string {
  const approve = options.approve ?? approveCommand;
  const parts: string[] = [];
  if (plan.changes.length > 0) {
    const rows = plan.changes.map(change => {
      const row = changeRow(change);
      return [
        row.toggle,
        row.target,
        row.environment,
        { text: row.action, tone: row.closing ? ('bad' as const) : ('good' as const) },
        row.users,
        { text: row.granted, tone: 'good' as const },
        { text: row.revoked, tone: 'bad' as const },
        row.causes,
        row.details,
      ];
    });
    parts.push(textTable(columns, rows, options));
  }
  if (options.showUsers) parts.push(section('Users', 'plain', namesOfPlan(plan).map(namesText), options));
  parts.push(
    section(
      'Blocked by the guard',
      'bad',
      plan.blocked.flatMap(block => [
        `${blockedWhat(block)}: ${block.message}`,
        `  to let it through: ${approve(block.id)}`,
      ]),
      options,
    ),
    section(
      'Against git and policy',
      'warn',
      overrideLines(plan).flatMap(({ text, resume }) => [text, `  to take it back: ${resume}`]),
      options,
    ),
    section(
      'Held',
      'warn',
      plan.held.map(held => `${placementText(held)} (${held.reason}): ${problemText(held.problem)}`),
      options,
    ),
    section(
      'Refused',
      'bad',
      plan.refused.map(refusal => `${refusal.toggle} ${refusal.target}: ${problemText(refusal.problem)}`),
      options,
    ),
    section(
      'Accepted after a restart',
      'plain',
      plan.accepted.map(accepted => `${accepted.source}: the answers of its new instance differ by little`),
      options,
    ),
    section('Warnings', 'warn', plan.warnings.map(problemText), options),
    section('Answers', 'quiet', origins(plan), options),
  );
  const commit = plan.commit === undefined ? '' : `${paint(`commit ${inertLine(plan.commit)}`, 'quiet', options)}\n`;
  parts.push(`${summaryLine(plan)}\n${commit}${paint(`checksum ${inertLine(plan.checksum)}`, 'quiet', options)}\n`);
  return parts.filter(part => part !== '').join('\n');
}

/** A title and indented lines; nothing where there are no lines. A leading double space indents one step more. */
export function section(title: string, tone: Tone, lines: readonly string[], look: Look): string {
  if (lines.length === 0) return '';
  const indented = lines.map(line => `  ${line.startsWith('  ') ? '  ' : ''}${inertLine(line)}`);
  return `${paint(title, tone, look)}\n${indented.join('\n')}\n`;
}

function namesText({ where, granted, revoked }: { where: string; granted: Members; revoked: Members }): string {
  return [where, ...signed('+', granted), ...signed('−', revoked)].join(' ');
}

function signed(sign: string, members: Members): string[] {
  return members.size === 0 ? [] : [`${sign} ${[...members.values()].map(nameText).join(', ')}`];
}

/** Quoted where it could be taken for two names. */
export function nameText(name: string): string {
  return /^[^\s,"+−]+$/.test(name) ? name : JSON.stringify(name);
}
