import type { StaleIssue } from '../report/stale.ts';
import type { GitHub } from './github.ts';
import { type Marker, markerOf } from './marker.ts';

export interface IssuesOptions {
  /** Which issues are ours: instance and path of the configuration. */
  readonly family: readonly [string, string];
  /** By owner; `''` for nobody. */
  readonly wanted: ReadonlyMap<string, StaleIssue>;
  /** What is written into an issue before it is closed. Undefined: none is closed. */
  readonly done: string | undefined;
}

interface Issue {
  readonly number: number;
  readonly title: string;
  readonly state: string;
  readonly body: string;
}

/**
 * Keeps one issue per owner. One that a person closed stays so until something else is to be said. Throws what the client
 * throws; gives how many issues were written.
 */
export async function putIssues(github: GitHub, { family, wanted, done }: IssuesOptions): Promise<number> {
  const ours = await listOurs(github, markerOf('stale', ...family).start);
  const used = new Set<Issue>();
  let written = 0;
  for (const [owner, { title, body }] of wanted) {
    const marker = markerOf('stale', ...family, owner);
    const issue = ours.find(one => one.body.startsWith(marker.start));
    if (issue !== undefined) used.add(issue);
    if (issue === undefined) await create(github, title, marker.write(body));
    else if (isSame(issue, marker, body)) continue;
    else await update(github, issue.number, { title, body: marker.write(body), state: 'open' });
    written += 1;
  }
  if (done === undefined) return written;
  for (const issue of ours) {
    if (used.has(issue) || issue.state !== 'open') continue;
    const [first = ''] = issue.body.split('\n', 1);
    const body = `${first.replace(/sha256=\S*/, 'sha256=')}\n${done}`;
    await update(github, issue.number, { body, state: 'closed', state_reason: 'completed' });
    written += 1;
  }
  return written;
}

function isSame({ body }: Issue, marker: Marker, wanted: string): boolean {
  return body.startsWith(`${marker.start}${marker.signature(wanted)} `);
}

/** Open or closed, newest first. */
async function listOurs({ client, repository, author }: GitHub, start: string): Promise<readonly Issue[]> {
  const login = await author();
  const pages = client.paginate.iterator('GET /repos/{owner}/{repo}/issues', {
    ...repository,
    state: 'all',
    creator: login,
    per_page: 100,
  });
  const found: Issue[] = [];
  for await (const { data } of pages) {
    for (const { number, title, state, body, user, pull_request } of data) {
      const isOurs = pull_request === undefined && user?.login === login && body?.startsWith(start);
      if (isOurs) found.push({ number, title, state, body: body ?? '' });
    }
  }
  return found;
}

async function create({ client, repository }: GitHub, title: string, body: string): Promise<void> {
  await client.request('POST /repos/{owner}/{repo}/issues', { ...repository, title, body });
}

async function update(
  { client, repository }: GitHub,
  issue_number: number,
  what: { title?: string; body: string; state: 'open' | 'closed'; state_reason?: 'completed' },
): Promise<void> {
  await client.request('PATCH /repos/{owner}/{repo}/issues/{issue_number}', { ...repository, issue_number, ...what });
}
