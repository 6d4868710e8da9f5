/** One line of the table. */
export interface Row {
  readonly name: string;
  readonly measured: string;
  /** OPA's own cheapest strict answer in the same run, or what else stands beside it. */
  readonly beside: string;
  readonly goal: string;
  /** Undefined: nothing was promised. */
  readonly met: boolean | undefined;
  /** The Go service that this replaces, measured on such a machine on another day. */
  readonly before: string;
}

export interface Surroundings {
  readonly machine: string;
  readonly node: string;
  readonly opa: string;
  readonly commit: string;
  readonly date: string;
}

const HEADINGS = ['case', 'measured', 'beside it', 'goal', 'met', 'Go service'];

function cells(row: Row): string[] {
  const met = row.met === undefined ? '' : row.met ? 'yes' : '**no**';
  return [row.name, row.measured, row.beside, row.goal, met, row.before];
}

/** The page that is committed. Misses are in it like everything else. */
export function renderPage(rows: readonly Row[], around: Surroundings, notes: readonly string[]): string {
  const line = (texts: readonly string[]) => `| ${texts.join(' | ')} |`;
  return [
    '# Benchmarks',
    '',
    '`npm run bench` writes this page. Each case runs beside OPA’s own cheapest strict answer, asked for in turn with it in',
    'the same run; "callback → write" is from sending the callback until the REST target, a process of its own, has read',
    'the whole write. The Go service’s figures are from the same kind of machine on another day: compare shapes.',
    '',
    `${around.date}, commit ${around.commit}, ${around.machine}, Node ${around.node}, OPA ${around.opa}.`,
    '',
    line(HEADINGS),
    line(HEADINGS.map(() => '---')),
    ...rows.map(row => line(cells(row))),
    '',
    ...(notes.length > 0 ? ['## Notes', '', ...notes.map(note => `- ${note}`), ''] : []),
  ].join('\n');
}

/** One row for the terminal. */
export function renderRow(row: Row): string {
  const met = row.met === undefined ? '' : row.met ? '  met' : '  MISSED';
  return `${row.name}: ${row.measured}; beside it ${row.beside || '–'}; goal ${row.goal || '–'}${met}`;
}
