import { onTestFinished } from 'vitest';
import { listenOn } from '../loopback-server.ts';
import type { Permissions, Repository } from './model.ts';
import { answer, type Answer, problem } from './routes.ts';

export interface FakeGitHub {
  /** `GITHUB_API_URL` */
  readonly url: string;
  readonly repository: Repository;
  /** Who comments with which token. */
  readonly tokens: Map<string, string>;
  readonly requests: { readonly method: string; readonly path: string }[];
  /** Requests that change something. */
  readonly writes: readonly string[];
  /** What the next requests are answered with, the first one first. */
  readonly faults: Answer[];
}

/** A stateful GitHub on loopback, strict in what it takes. Gone when the test ends. */
export async function fakeGitHub(
  options: { readonly name?: string; readonly permissions?: Permissions } = {},
): Promise<FakeGitHub> {
  const [owner = '', repo = ''] = (options.name ?? 'Codertocat/Hello-World').split('/');
  const repository: Repository = {
    owner,
    repo,
    permissions: options.permissions ?? { 'pull-requests': 'write', issues: 'write' },
    hasIssues: true,
    comments: new Map(),
    issues: [],
    nextId: 1_000,
  };
  const tokens = new Map([['ghs_workflow_token', 'github-actions[bot]']]);
  const requests: FakeGitHub['requests'] = [];
  const faults: Answer[] = [];
  const server = await listenOn('127.0.0.1', (request, text, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
    const method = request.method ?? '';
    requests.push({ method, path: pathname });
    const { status, body, headers } = respond();
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...withOrigin(headers) });
    response.end(JSON.stringify(body));

    function respond(): Answer {
      const fault = faults.shift();
      if (fault !== undefined) return fault;
      if (!request.headers['user-agent']) return problem(403, 'Request forbidden by administrative rules.');
      const token = /^(?:token|bearer) (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
      const login = tokens.get(token);
      if (login === undefined) return problem(401, 'Bad credentials');
      const parsed = parse(text);
      if (parsed === undefined) return problem(400, 'Problems parsing JSON');
      return answer(repository, { method, path: pathname, query: searchParams, body: parsed, login });
    }
  });
  const withOrigin = (headers: Answer['headers'] = {}) =>
    Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, value.replace('{origin}', server.url)]));
  onTestFinished(() => server.stop());
  return {
    url: server.url,
    repository,
    tokens,
    requests,
    get writes() {
      return requests
        .filter(({ method, path }) => method !== 'GET' && path !== '/graphql')
        .map(({ method, path }) => `${method} ${path}`);
    },
    faults,
  };
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text === '') return {};
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}
