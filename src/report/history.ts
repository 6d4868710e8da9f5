import type { AuditEntry, AuditLine } from '../domain/state.ts';
import { type Column, type Look, textTable, type Tone } from './table.ts';

/** What was asked about: the member as the operator wrote it. */
export interface HistoryAsked {
  readonly toggle: string;
  readonly member?: string | undefined;
}

const columns: readonly Column[] = [
  { title: 'time' },
  { title: 'what' },
  { title: 'target' },
  { title: 'environment' },
  { title: 'granted', align: 'right' },
  { title: 'revoked', align: 'right' },
  { title: 'because of' },
  { title: 'commit' },
  { title: 'revision' },
  { title: 'approval' },
  { title: 'note', flexible: true },
];

/** Ids of commits and revisions are known by their beginning. */
const idShown = 12;

/** Lines of the audit log for people, oldest first, one each; with a member, what became of that member. */
export function reportHistory(lines: readonly AuditLine[], asked: HistoryAsked, look: Look): string {
  if (lines.length === 0) {
    const whom = asked.member === undefined ? '' : ' and this member';
    return `The audit log has nothing about ${asked.toggle}${whom}.\n`;
  }
  const rows = lines.map(line => {
    const { entry } = line;
    const what = whatOf(line, asked.member);
    const isCounted = asked.member === undefined;
    return [
      new Date(entry.at).toISOString(),
      { text: what, tone: tones[what] ?? 'plain' },
      entry.target ?? '',
      entry.environment ?? '',
      isCounted && entry.granted ? String(entry.granted) : '',
      isCounted && entry.revoked ? String(entry.revoked) : '',
      (entry.causes ?? []).join(', '),
      (entry.commit ?? '').slice(0, idShown),
      (entry.revision ?? '').slice(0, idShown),
      approvalOf(entry),
      noteOf(entry),
    ];
  });
  return textTable(columns, rows, look);
}

const tones: Readonly<Record<string, Tone>> = {
  granted: 'good',
  revoked: 'bad',
  denied: 'bad',
  off: 'bad',
  blocked: 'warn',
  failed: 'warn',
};

/** Of one member: whether it was let in or taken out; what was not written only would have been. */
function whatOf(line: AuditLine, member: string | undefined): string {
  const { what } = line.entry;
  const effect = member === undefined ? undefined : line.touched(member);
  if (effect === undefined) return what;
  if (what === 'written') return effect;
  return `${what} (${effect === 'granted' ? 'grant' : 'revocation'})`;
}

function approvalOf({ approval, by }: AuditEntry): string {
  return [approval, by && `by ${by}`].filter(Boolean).join(' ');
}

function noteOf({ on, until, message }: AuditEntry): string {
  const said = [
    on === undefined ? '' : on ? 'opened' : 'closed',
    until === undefined ? '' : `until ${new Date(until).toISOString()}`,
    message ?? '',
  ];
  return said.filter(part => part !== '').join('; ');
}

/** The same as JSON, ended by a line end; members are not listed but for the one asked about. */
export function historyJsonText(lines: readonly AuditLine[], asked: HistoryAsked): string {
  const { toggle, member } = asked;
  const shown = lines.map(line => {
    const effect = member === undefined ? undefined : line.touched(member);
    return { ...plain(line), ...(effect !== undefined && { effect }) };
  });
  return `${JSON.stringify({ version: 1, toggle, ...(member !== undefined && { member }), lines: shown }, null, 2)}\n`;
}

/** Members in one line of an export: a first fill of a million must not make a line that no reader takes. */
const membersInLine = 1000;

/**
 * Lines of the audit log as JSON lines, with members as the state has them (`h:…`, or names with `audit.users`). A line
 * with many members goes on in further ones of the same `id`, which have `part` from 2 on and nothing but members.
 */
export function* auditJsonLines(lines: Iterable<AuditLine>): Generator<string> {
  for (const line of lines) {
    const granted = piecesOf(line.granted());
    const revoked = piecesOf(line.revoked());
    for (let part = 1; ; part++) {
      const [more, less] = [granted.next(), revoked.next()];
      if (part > 1 && more.done && less.done) break;
      const members = {
        ...(!more.done && { granted: more.value }),
        ...(!less.done && { revoked: less.value }),
      };
      const shown = part === 1 ? { version: 1, ...plain(line) } : { id: line.id, part };
      const isAboutMembers = Object.keys(members).length > 0;
      yield `${JSON.stringify({ ...shown, ...(isAboutMembers && { members }) })}\n`;
    }
  }
}

function* piecesOf(members: Iterable<string>): Generator<readonly string[]> {
  let piece: string[] = [];
  for (const member of members) {
    piece.push(member);
    if (piece.length < membersInLine) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

/** A line with ISO times. */
function plain({ id, entry }: AuditLine): Record<string, unknown> {
  const { at, until, ...rest } = entry;
  return {
    id,
    time: new Date(at).toISOString(),
    ...rest,
    ...(until !== undefined && { until: new Date(until).toISOString() }),
  };
}
