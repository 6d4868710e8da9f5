import { addComment, addIssue, longestBody, type Permissions, type Repository } from './model.ts';

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  /** Whose token it is. */
  readonly login: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

type Handler = (repository: Repository, call: Call, id: number) => Answer;

const routes: readonly (readonly [string, RegExp, Handler])[] = [
  ['GET', /^\/issues\/(\d+)\/comments$/, listComments],
  ['POST', /^\/issues\/(\d+)\/comments$/, createComment],
  ['PATCH', /^\/issues\/comments\/(\d+)$/, updateComment],
  ['GET', /^\/issues$/, listIssues],
  ['POST', /^\/issues$/, createIssue],
  ['PATCH', /^\/issues\/(\d+)$/, updateIssue],
];

/** Answers as api.github.com does; what it does not know is 404, what it does not take is 422. */
export function answer(repository: Repository, call: Call): Answer {
  if (call.path === '/graphql') return graphql(call);
  const prefix = `/repos/${repository.owner}/${repository.repo}`;
  if (!call.path.startsWith(`${prefix}/`)) return problem(404, 'Not Found');
  const rest = call.path.slice(prefix.length);
  for (const [method, form, handle] of routes) {
    const match = form.exec(rest);
    if (method === call.method && match !== null) return handle(repository, call, Number(match[1] ?? 0));
  }
  return problem(404, 'Not Found');
}

/** Only who the token is. A workflow's own token may not ask `GET /user`, but this. */
function graphql({ body, login }: Call): Answer {
  if (!/^query\s*\{\s*viewer\s*\{\s*login\s*\}\s*\}$/.test(String(body.query))) {
    return { status: 200, body: { errors: [{ type: 'undefinedField', message: 'no such field' }] } };
  }
  return { status: 200, body: { data: { viewer: { login } } } };
}

function listComments(repository: Repository, call: Call, number: number): Answer {
  if (!mayRead(repository.permissions)) return forbidden();
  return paged(call, repository.comments.get(number) ?? []);
}

function createComment(repository: Repository, { body, login }: Call, number: number): Answer {
  const { permissions } = repository;
  if (permissions.issues !== 'write' && permissions['pull-requests'] !== 'write') return forbidden();
  const text = bodyOf(body, ['body']);
  if (typeof text !== 'string') return text;
  return { status: 201, body: addComment(repository, number, login, text) };
}

function updateComment(repository: Repository, { body, login }: Call, id: number): Answer {
  const { permissions } = repository;
  if (permissions.issues !== 'write' && permissions['pull-requests'] !== 'write') return forbidden();
  const comment = [...repository.comments.values()].flat().find(one => one.id === id);
  if (comment === undefined) return problem(404, 'Not Found');
  // Others' comments are not for an installation's token.
  if (comment.user.login !== login) return forbidden();
  const text = bodyOf(body, ['body']);
  if (typeof text !== 'string') return text;
  comment.body = text;
  return { status: 200, body: comment };
}

function listIssues(repository: Repository, call: Call): Answer {
  if (repository.permissions.issues === undefined) return forbidden();
  if (!repository.hasIssues) return problem(410, 'Issues are disabled for this repo');
  const state = call.query.get('state') ?? 'open';
  const creator = call.query.get('creator');
  const found = repository.issues.filter(
    issue => (state === 'all' || issue.state === state) && (creator === null || issue.user.login === creator),
  );
  return paged(call, found);
}

function createIssue(repository: Repository, { body, login }: Call): Answer {
  if (repository.permissions.issues !== 'write') return forbidden();
  if (!repository.hasIssues) return problem(410, 'Issues are disabled for this repo');
  const text = bodyOf(body, ['title', 'body']);
  if (typeof text !== 'string') return text;
  const { title } = body;
  if (typeof title !== 'string' || title === '' || title.length > 256) return problem(422, 'Validation Failed');
  return { status: 201, body: addIssue(repository, login, title, text) };
}

function updateIssue(repository: Repository, { body }: Call, number: number): Answer {
  if (repository.permissions.issues !== 'write') return forbidden();
  const issue = repository.issues.find(one => one.number === number);
  if (issue === undefined) return problem(404, 'Not Found');
  const { title = issue.title, state = issue.state } = body;
  const text = bodyOf({ body: issue.body, ...body }, ['title', 'body', 'state', 'state_reason']);
  if (typeof text !== 'string') return text;
  if (typeof title !== 'string' || (state !== 'open' && state !== 'closed')) return problem(422, 'Validation Failed');
  Object.assign(issue, { title, body: text, state });
  return { status: 200, body: issue };
}

/** The text of `body`, or why it is not taken: a field that is none of these, or too long a text. */
function bodyOf(body: Readonly<Record<string, unknown>>, known: readonly string[]): string | Answer {
  const strange = Object.keys(body).find(key => !known.includes(key));
  if (strange !== undefined) return problem(422, `${strange} is not a permitted key.`);
  const { body: text } = body;
  if (typeof text !== 'string' || text.trim() === '') return problem(422, 'Body cannot be blank');
  if (text.length > longestBody) return problem(422, `Body is too long (maximum is ${longestBody} characters)`);
  return text;
}

/** One page, and a link to the next: `per_page` is at most 100. */
function paged({ query, path }: Call, all: readonly object[]): Answer {
  const size = Math.min(Number(query.get('per_page') ?? 30), 100);
  const page = Number(query.get('page') ?? 1);
  const more = all.length > size * page;
  const next = new URLSearchParams([...query].filter(([key]) => key !== 'page'));
  next.set('page', String(page + 1));
  return {
    status: 200,
    body: all.slice(size * (page - 1), size * page),
    ...(more && { headers: { link: `<{origin}${path}?${next.toString()}>; rel="next"` } }),
  };
}

function mayRead(permissions: Permissions): boolean {
  return permissions.issues !== undefined || permissions['pull-requests'] !== undefined;
}

function forbidden(): Answer {
  return problem(403, 'Resource not accessible by integration');
}

/** An error as GitHub words it. */
export function problem(status: number, message: string): Answer {
  return { status, body: { message, documentation_url: 'https://docs.github.com/rest' } };
}
