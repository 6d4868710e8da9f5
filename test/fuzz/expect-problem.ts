import { expect } from 'vitest';
import { type Problem, ProblemError, ProblemsError } from '../../src/domain/problem.ts';

/** Each says what is wrong in few words, and what to do. */
export function expectProblems(problems: readonly Problem[]): void {
  expect(problems.length).toBeGreaterThan(0);
  for (const { code, message, hint, at } of problems) {
    expect(code).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(message.length).toBeGreaterThan(0);
    expect(message.length).toBeLessThan(2_000);
    expect(hint, `${code}: ${message}`).toBeTruthy();
    if (at === undefined) continue;
    expect(at.line).toBeGreaterThanOrEqual(1);
    expect(at.column).toBeGreaterThanOrEqual(1);
  }
}

/** What was thrown is for a person to read, not a stack. */
export function expectForPeople(error: unknown): void {
  if (error instanceof ProblemsError) return expectProblems(error.problems);
  if (error instanceof ProblemError) return expectProblems([error.problem]);
  if (error instanceof Error && 'problem' in error) return expectProblems([error.problem as Problem]);
  throw new Error('it threw something that is for nobody', { cause: error });
}
