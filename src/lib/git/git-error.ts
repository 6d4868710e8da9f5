import { HttpError } from '../../lib/http-error.ts';

/** What went wrong with a repository, in words without tokens. The shape of a domain Problem. */
export interface GitProblem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/**
 * Whose fault it is. `remote`: the server or the way to it, tried again. `access`: it does not let us in. `ref`: what
 * was asked for is not there. `damaged`: the clone here, made anew. `content`: of one commit, another may be right.
 * `setup`: of this machine.
 */
export type GitFault = 'remote' | 'access' | 'ref' | 'damaged' | 'content' | 'setup';

/** The error of everything in this folder; domain's `toProblem` reads its `problem`. */
export class GitError extends Error {
  override readonly name = 'GitError';
  readonly fault: GitFault;
  readonly problem: GitProblem;
  /** ms; what the server asked for. */
  readonly retryAfter: number | undefined;

  constructor(fault: GitFault, problem: GitProblem, retryAfter?: number) {
    // No `cause`: what git, undici and TLS throw may quote headers and addresses.
    super(problem.message);
    this.fault = fault;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** The address as it may be shown: without user, password and query. */
export function shownAddress(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? url.replace(/^[^@/]*@/, '') : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}

export function accessRefused(url: string, how: string): GitError {
  return new GitError('access', {
    code: 'git-access',
    message: `${shownAddress(url)} refused access (${how}).`,
    hint: 'The token may have expired, or may not read this repository: make a new one and set it in "flags.token".',
  });
}

export function noRepository(url: string): GitError {
  return new GitError('access', {
    code: 'git-not-found',
    message: `There is no repository at ${shownAddress(url)}, or it is not shown to us.`,
    hint: 'Correct "flags.git"; a private repository needs a "flags.token" that may read it.',
  });
}

export function badAnswer(url: string, what: string): GitError {
  return new GitError('remote', {
    code: 'git-bad-answer',
    message: `${shownAddress(url)} does not answer as a git server does (${what}).`,
    hint: 'Look at the address and at proxies between. It is tried again.',
  });
}

export function tooSlow(url: string, ms: number): GitError {
  return new GitError('remote', {
    code: 'git-timeout',
    message: `${shownAddress(url)} gave no whole answer within ${Math.round(ms / 1000)} s.`,
    hint: 'It is tried again; if it goes on, look at the server and the network between.',
  });
}

export function tooLarge(url: string, what: string): GitError {
  return new GitError('setup', {
    code: 'git-too-large',
    message: `${shownAddress(url)} is too large: ${what}.`,
    hint: 'Keep the flags in a repository of their own, or set "driver: cli" to let an installed git fetch less.',
  });
}

export function damaged(what: string): GitError {
  return new GitError('damaged', {
    code: 'git-damaged',
    message: `The clone in the state folder is damaged (${what}).`,
    hint: 'It is made anew as soon as the server can be reached; look at the disk if it comes again.',
  });
}

/** A commit that cannot be taken, whoever reads it. */
export function badCommit(message: string): GitError {
  return new GitError('content', { code: 'git-tree', message, hint: 'Correct it with another commit.' });
}

/** A failure of the file system under the clone; undefined for other errors. */
export function folderTrouble(error: unknown): GitError | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!/^(ENOSPC|EDQUOT|EACCES|EPERM|EROFS|EMFILE|ENFILE|EIO)$/.test(code)) return undefined;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new GitError('setup', {
    code: 'git-folder',
    message: `The clone in the state folder cannot be written (${code}).`,
    hint: full ? 'Free space on that disk.' : 'Let this process write its state folder.',
  });
}

/** What the HTTP client threw, as an error of a repository; undefined for other errors. */
export function fromHttp(error: unknown, url: string): GitError | undefined {
  if (!(error instanceof HttpError)) return undefined;
  const { status, retryAfter, problem } = error;
  if (status === 401 || (status === 403 && retryAfter === undefined)) return accessRefused(url, String(status));
  if (status === 404 || status === 410) return noRepository(url);
  if (problem.code === 'too-large') return tooLarge(url, 'its answer is larger than what is held in memory');
  return new GitError('remote', problem, retryAfter);
}
