export interface Comment {
  readonly id: number;
  readonly user: { readonly login: string };
  body: string;
}

export interface Issue {
  readonly number: number;
  readonly user: { readonly login: string };
  title: string;
  body: string;
  state: 'open' | 'closed';
  /** Undefined: an issue; else a pull request, which GitHub lists among the issues. */
  readonly pull_request?: object;
}

/** What the token may. A permission that is not there: 403. */
export interface Permissions {
  issues?: 'read' | 'write';
  'pull-requests'?: 'read' | 'write';
}

/** A repository on GitHub, as far as the action asks about it. */
export interface Repository {
  readonly owner: string;
  readonly repo: string;
  readonly permissions: Permissions;
  hasIssues: boolean;
  /** By number of the issue or pull request. */
  readonly comments: Map<number, Comment[]>;
  readonly issues: Issue[];
  nextId: number;
}

/** GitHub takes no more characters in a comment or an issue. */
export const longestBody = 65_536;

/** Somebody writes a comment by hand. */
export function addComment(repository: Repository, number: number, login: string, body: string): Comment {
  const comment = { id: repository.nextId++, user: { login }, body };
  repository.comments.set(number, [...(repository.comments.get(number) ?? []), comment]);
  return comment;
}

/** Somebody opens an issue by hand. */
export function addIssue(repository: Repository, login: string, title: string, body: string): Issue {
  const issue: Issue = { number: repository.nextId++, user: { login }, title, body, state: 'open' };
  repository.issues.push(issue);
  return issue;
}
