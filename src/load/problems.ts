import { distance } from 'fastest-levenshtein';
import type { Problem } from '../domain/problem.ts';
import type { Path } from './yaml-reader.ts';

/** Sorts problems by file, line, column and then by what they say, so that the same input gives the same lines. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort(
    (a, b) =>
      compare(a.at?.file ?? '', b.at?.file ?? '') ||
      (a.at?.line ?? 0) - (b.at?.line ?? 0) ||
      (a.at?.column ?? 0) - (b.at?.column ?? 0) ||
      compare(a.message, b.message),
  );
}

/** Orders by UTF-16 unit, whatever the locale. */
export function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * `Did you mean "owner"?` where one of the known names is near, else all of them. `what` is how to call them:
 * `Known keys here`.
 */
export function nearest(name: string, known: readonly string[], what: string): string {
  const lower = name.toLowerCase();
  let best: string | undefined;
  // Two letters that changed places are two edits.
  let least = 1 + (name.length <= 3 ? 1 : Math.max(2, Math.floor(name.length / 3)));
  for (const candidate of known) {
    const far = distance(lower, candidate.toLowerCase());
    if (far < least) {
      best = candidate;
      least = far;
    }
  }
  if (best !== undefined) return `Did you mean "${best}"?`;
  return known.length === 0 ? `${what}: none.` : `${what}: ${known.join(', ')}.`;
}

/** `sources[0].url`; empty for the root. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** A name from a file as it may stand in a message: one line, not endless, quoted. */
export function quoted(name: string): string {
  const short = name.length > 80 ? `${name.slice(0, 80)}…` : name;
  return `"${JSON.stringify(short).slice(1, -1)}"`;
}
