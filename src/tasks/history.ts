import type { Config } from '../domain/config.ts';
import type { AuditKind, AuditLine, StateStore } from '../domain/state.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { openState } from '../state/store.ts';

export interface HistoryOptions {
  readonly toggle: string;
  /** As policy names it: compared by its keyed hash where names are not kept. */
  readonly member?: string | undefined;
  /** ms since the epoch: not before. */
  readonly since?: number | undefined;
}

/** A state to look at, also beside a running instance. Throws a ProblemError, `state-missing` where there is none yet. */
export function stateToLookAt(config: Config, clock: Clock, log: Log): StateStore {
  const { stateDir: folder, instance, audit } = config;
  return openState({ folder, instance, clock, log, access: 'share', auditUsers: audit?.users ?? false });
}

/** What is about everybody of a toggle, and so about each member. */
const aboutAll: ReadonlySet<AuditKind> = new Set(['adopted', 'restored', 'off', 'paused', 'resumed']);

/**
 * The lines of the audit log about one toggle, oldest first; with a member those that let it in, took it out, would have
 * without the guard, denied it, or were about the toggle as a whole.
 */
export function historyOf(store: Pick<StateStore, 'auditLines'>, asked: HistoryOptions): AuditLine[] {
  const { toggle, member, since } = asked;
  const lines: AuditLine[] = [];
  const filter = { toggle, ...(member !== undefined && { member }), ...(since !== undefined && { since }) };
  for (const line of store.auditLines(filter)) {
    if (member === undefined || isAbout(line, member)) lines.push(line);
  }
  return lines;
}

function isAbout(line: AuditLine, member: string): boolean {
  // What the filter found without a toggle is about this member alone.
  if (line.entry.member !== undefined) return line.entry.toggle === undefined || line.isMember(member);
  return aboutAll.has(line.entry.what) || line.touched(member) !== undefined;
}
