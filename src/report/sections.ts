import type { Members } from '../domain/members.ts';
import type { Block, Change, PlacementRef, Plan } from '../domain/plan.ts';
import { approveCommand, changedFields } from './json.ts';
import { actionText, environmentText, minus, originText, placementText, plus, usersText } from './wording.ts';

/** What terminal and Markdown say of a change, cell by cell. Texts are raw: each form makes them harmless its own way. */
export interface ChangeRow {
  readonly toggle: string;
  readonly target: string;
  readonly environment: string;
  readonly action: string;
  readonly users: string;
  readonly granted: string;
  readonly revoked: string;
  readonly causes: string;
  readonly details: string;
  readonly closing: boolean;
}

export function changeRow(change: Change): ChangeRow {
  const at = change.kind === 'placement' ? change : undefined;
  return {
    toggle: change.toggle,
    target: change.target,
    environment: environmentText(change),
    action: actionText(change),
    users: usersText(change),
    granted: at && at.granted.size > 0 ? plus(at.granted.size) : '',
    revoked: at && at.revoked.size > 0 ? minus(at.revoked.size) : '',
    causes: change.causes.join(', '),
    details: at ? at.closes.map(way => `closes ${way.what}`).join('; ') : changedFields(change).join(', '),
    closing: at !== undefined && (at.removal || (at.before.on && !at.after.on) || at.revoked.size > 0),
  };
}

/** The answers that the plan stands on, each once, in order. */
export function origins(plan: Plan): string[] {
  const seen = new Set<string>();
  for (const change of plan.changes) {
    if (change.kind !== 'placement' || change.from === undefined) continue;
    seen.add(`${originText(change.from)}, answered ${timeText(change.from.answeredAt)}`);
  }
  return [...seen].sort();
}

function timeText(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? 'at an unknown time' : date.toISOString();
}

/** Who gains and who loses, by name: only for `--show-users`. */
export interface NamesOf {
  readonly where: string;
  readonly granted: Members;
  readonly revoked: Members;
}

export function namesOfPlan(plan: Plan): NamesOf[] {
  const ofChanges = plan.changes.flatMap(change =>
    change.kind === 'placement' && change.granted.size + change.revoked.size > 0
      ? [{ where: `${change.toggle} ${change.target} ${change.environment}`, ...change }]
      : [],
  );
  const ofBlocks = plan.blocked
    .filter(block => block.granted.size + block.revoked.size > 0)
    .map(block => ({ where: `blocked ${block.id}`, ...block }));
  return [...ofChanges, ...ofBlocks];
}

/** What a block stops, in a line: its placements, or the toggles that went. */
export function blockedWhat(block: Block): string {
  const gone = block.scope === 'removal' && block.removals.length > 0;
  return gone ? firstOf(block.removals) : blockedPlaces(block.placements);
}

/** Why a block is, without its last words: what to type at the command line, for where there is another way. */
export function blockedWhy({ id, message }: Block): string {
  const last = ` If that is right: ${approveCommand(id)}`;
  return message.endsWith(last) ? message.slice(0, -last.length) : message;
}

/** The first placements in a line, and how many more there are. */
export function blockedPlaces(placements: readonly PlacementRef[]): string {
  return firstOf(placements.map(placementText));
}

function firstOf(texts: readonly string[], most = 10): string {
  const more = texts.length > most ? [`and ${texts.length - most} more`] : [];
  return [...texts.slice(0, most), ...more].join(', ');
}

/** What is neither git's nor policy's, a line each, with the command that takes it back. */
export function overrideLines(plan: Plan): readonly { readonly text: string; readonly resume: string }[] {
  return (plan.overrides ?? []).map(({ id, what, by, reason }) => ({
    text: `${what}, by ${by}${reason === '' ? '' : `: ${reason}`}`,
    resume: `optoggles resume ${id}`,
  }));
}
