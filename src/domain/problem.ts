/** Where in a file of the user's something stands. Lines and columns start at 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * Something wrong that a person has to hear about: what, where, and what to do. `message` and `hint` are whole
 * sentences without secrets and without members' names.
 */
export interface Problem {
  /** Stable, kebab-case; docs/operations.md lists them. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly at?: Place;
}

/** The error that carries a problem up to where it is reported. */
export class ProblemError extends Error {
  override readonly name: string = 'ProblemError';
  readonly problem: Problem;
  /** ms; the other side's own word on when to ask again. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, options?: ErrorOptions & { readonly retryAfter?: number | undefined }) {
    super(problem.message, options);
    this.problem = problem;
    this.retryAfter = options?.retryAfter;
  }
}

/** Several problems found in one go, as when loading; sorted by place. */
export class ProblemsError extends Error {
  override readonly name = 'ProblemsError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/** The command line was used wrongly: exit 64. */
export class UsageError extends ProblemError {
  override readonly name = 'UsageError';
}

/** `file:line:column: what. hint` */
export function formatProblem(problem: Problem): string {
  const place = problem.at ? `${problem.at.file}:${problem.at.line}:${problem.at.column}: ` : '';
  return place + [problem.message, problem.hint].filter(Boolean).join(' ');
}

/**
 * Any thrown thing as a problem. Anything that is not ours is `internal`: its message is shown, its stack is not. Errors
 * of lib, which knows no domain, are ours too: they carry a `problem` of the same shape (`HttpError`).
 */
export function toProblem(error: unknown, code = 'internal'): Problem {
  if (error instanceof ProblemError) return error.problem;
  if (error instanceof Error && 'problem' in error && isProblem(error.problem)) return error.problem;
  return { code, message: error instanceof Error ? error.message : String(error) };
}

/** When to ask again (ms) by the word of whoever refused: what a ProblemError or lib's HttpError carries. */
export function retryAfterOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('retryAfter' in error)) return undefined;
  return typeof error.retryAfter === 'number' ? error.retryAfter : undefined;
}

function isProblem(value: unknown): value is Problem {
  if (value === null || typeof value !== 'object' || !('code' in value) || !('message' in value)) return false;
  return typeof value.code === 'string' && typeof value.message === 'string';
}
