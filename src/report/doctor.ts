import type { Check } from '../domain/checkup.ts';
import { inertLine } from './inert.ts';
import { type Look, paint, type Tone } from './table.ts';
import { counted } from './wording.ts';

/** A check with what it is about. */
export interface ShownCheck extends Check {
  readonly about: string;
}

const tones: Readonly<Record<Check['state'], Tone>> = { ok: 'good', warn: 'warn', fail: 'bad' };

/** A line for each finding, and what to do under it. */
export function reportCheck({ about, what, state, message, hint }: ShownCheck, look: Look): string {
  const line = `${paint(state.padEnd(4), tones[state], look)}  ${inertLine(`${about}, ${what}: ${message}`)}`;
  return hint === undefined || state === 'ok' ? `${line}\n` : `${line}\n      ${inertLine(hint)}\n`;
}

/** How many of which. */
export function reportChecks(checks: readonly ShownCheck[]): string {
  const of = (state: Check['state']) => checks.filter(check => check.state === state).length;
  const parts = [`${of('ok')} ok`, counted(of('warn'), 'warning'), counted(of('fail'), 'failure')];
  return `${parts.join(', ')}\n`;
}

/** The findings as JSON, ended by a line end. */
export function checksJsonText(checks: readonly ShownCheck[]): string {
  return `${JSON.stringify({ version: 1, healthy: checks.every(({ state }) => state !== 'fail'), checks }, null, 2)}\n`;
}
