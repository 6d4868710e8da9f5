import type { Recorded } from '../domain/state.ts';
import type { Change } from '../domain/plan.ts';
import type { Outcome } from '../domain/target.ts';
import { changeRow } from './sections.ts';
import { type Column, type Look, textTable, type Tone } from './table.ts';
import { counted, minus, plus, problemText } from './wording.ts';

/** A change and what became of it. */
export type Done = Pick<Recorded, 'change' | 'outcome'>;

const columns: readonly Column[] = [
  { title: 'toggle' },
  { title: 'target' },
  { title: 'environment' },
  { title: 'change' },
  { title: 'users', align: 'right' },
  { title: '+', align: 'right' },
  { title: '−', align: 'right' },
  { title: 'result' },
  { title: 'details', flexible: true },
];

const tones: Readonly<Record<Outcome['result'], Tone>> = {
  done: 'good',
  late: 'warn',
  pending: 'warn',
  conflict: 'warn',
  unanswered: 'warn',
  failed: 'bad',
  refused: 'bad',
};

/** What apply did: a row per change, then one line that sums up. Counts only; ended by a line end. */
export function reportOutcome(done: readonly Done[], look: Look): string {
  const rows = done.map(({ change, outcome }) => {
    const row = changeRow(change);
    return [
      row.toggle,
      row.target,
      row.environment,
      row.action,
      usersNow(change, outcome),
      { text: row.granted, tone: 'good' as const },
      { text: row.revoked, tone: 'bad' as const },
      { text: outcome.result, tone: tones[outcome.result] },
      outcomeDetails(outcome),
    ];
  });
  const table = rows.length === 0 ? '' : `${textTable(columns, rows, look)}\n`;
  return `${table}${outcomeLine(done)}\n`;
}

/** `3 changes done (+12 −1 users), 1 failed`, or `Nothing to do`. */
export function outcomeLine(done: readonly Done[]): string {
  if (done.length === 0) return 'Nothing to do';
  let granted = 0;
  let revoked = 0;
  const results = new Map<string, number>();
  for (const { change, outcome } of done) {
    results.set(outcome.result, (results.get(outcome.result) ?? 0) + 1);
    if (outcome.result !== 'done' || change.kind !== 'placement') continue;
    granted += change.granted.size;
    revoked += change.revoked.size;
  }
  const first = `${counted(results.get('done') ?? 0, 'change')} done (${plus(granted)} ${minus(revoked)} users)`;
  results.delete('done');
  return [
    first,
    ...[...results].sort(([a], [b]) => (a < b ? -1 : 1)).map(([result, count]) => `${count} ${result}`),
  ].join(', ');
}

function usersNow(change: Change, outcome: Outcome): string {
  const row = changeRow(change);
  if (change.kind !== 'placement' || outcome.result !== 'done') return row.users;
  return change.after.who.kind === 'members' ? String(change.after.who.members.size) : row.users;
}

/** What went wrong with a change, or what it waits for; empty for one that was done. */
export function outcomeDetails(outcome: Outcome): string {
  if (outcome.result === 'done') return '';
  if (outcome.result === 'late') return 'The answer was too old to be written: asked again.';
  if (outcome.result === 'pending') return `waits for an approval there: ${outcome.link}`;
  return problemText(outcome.problem);
}
