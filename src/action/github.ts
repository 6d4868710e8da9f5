import { Octokit } from '@octokit/core';
import { paginateRest } from '@octokit/plugin-paginate-rest';
import { type Problem, ProblemError } from '../domain/problem.ts';

const Client = Octokit.plugin(paginateRest);

/** The API of the repository that the action runs in. */
export interface GitHub {
  readonly client: InstanceType<typeof Client>;
  readonly repository: { readonly owner: string; readonly repo: string };
  /** Who the token is: what it wrote carries this name. */
  readonly author: () => Promise<string>;
}

/** Every request is given up after so long (ms). */
const patience = 30_000;
const longestPause = 60_000;

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A client for a token. Nothing is asked yet. */
export function createGitHub(
  token: string,
  { apiUrl, repository }: { readonly apiUrl: string; readonly repository: GitHub['repository'] },
): GitHub {
  const client = new Client({ auth: token, baseUrl: apiUrl, userAgent: 'optoggles', log: silent });
  client.hook.wrap('request', async (request, options) => {
    const once = () => request({ ...options, request: { ...options.request, signal: AbortSignal.timeout(patience) } });
    try {
      return await once();
    } catch (error) {
      const pause = pauseOf(error);
      if (pause === undefined) throw error;
      await new Promise(resolve => setTimeout(resolve, pause));
      return once();
    }
  });
  let author: Promise<string> | undefined;
  return {
    client,
    repository,
    author() {
      author ??= authorOf(client);
      return author;
    },
  };
}

/** `GET /user` is not for a workflow's own token; this query is (https://docs.github.com/en/graphql/reference/queries). */
async function authorOf(client: GitHub['client']): Promise<string> {
  const { viewer } = await client.graphql<{ viewer: { login: string } }>('query { viewer { login } }');
  return viewer.login;
}

/** A rate limit that is soon over is waited for, once. */
function pauseOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('response' in error) || !('status' in error)) return undefined;
  if (error.status !== 403 && error.status !== 429) return undefined;
  const { headers } = error.response as { headers?: Readonly<Record<string, string | undefined>> };
  const after = headers?.['retry-after'];
  if (after === undefined || !/^\d+$/.test(after)) return undefined;
  const pause = Number(after) * 1000;
  return pause <= longestPause ? pause : undefined;
}

/** What GitHub refused, as a problem: `what` is what could not be done, a whole clause. Anything of ours is thrown on. */
export function refusedBy(error: unknown, what: string, permission: string): Problem {
  if (error instanceof ProblemError) return error.problem;
  const status = error instanceof Error && 'status' in error ? Number(error.status) : undefined;
  const say = (why: string, hint: string): Problem => ({ code: 'github-refused', message: `${what}: ${why}.`, hint });
  if (isLimit(error)) return say('the rate limit of the token is reached', 'Run it again later.');
  if (status === 401) return say('the token is not known', 'Give "github-token" one that is valid.');
  if (status === 410)
    return say('they are switched off in this repository', 'Read the step summary, or switch them on.');
  if (status === 403 || status === 404) {
    const hint = `Give the job "permissions: ${permission}". From a fork it cannot have them; the step summary has everything.`;
    return say(`the token may not (${status})`, hint);
  }
  const why = status === undefined ? 'GitHub did not answer' : `GitHub answered ${status}`;
  return say(why, 'Run it again; the step summary has everything.');
}

function isLimit(error: unknown): boolean {
  if (!(error instanceof Error) || !('response' in error) || !('status' in error)) return false;
  if (error.status === 429) return true;
  const { headers } = error.response as { headers?: Readonly<Record<string, string | undefined>> };
  return error.status === 403 && (headers?.['x-ratelimit-remaining'] === '0' || headers?.['retry-after'] !== undefined);
}
