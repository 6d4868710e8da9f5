import { Type } from 'typebox';
import { type ApprovalAnswer, approvalShape, shapeOf } from './answers.ts';
import { ownHash, ownRequests, waitingOf } from './approvals.ts';
import type { Call, Client } from './client.ts';
import type { FlagView } from './flag.ts';
import type { FlagPlace, Names } from './names.ts';
import { type KnownEnvironment, requestName, type Seen } from './seen.ts';

/** Our request that waits for a flag in one of their environments. */
export type RequestsFound = (place: FlagPlace, environment: string) => ApprovalAnswer | undefined;

export interface RequestReader {
  readonly client: Client;
  readonly mark: string;
  readonly baseUrl: string;
  readonly names: Names;
  readonly seen: Seen;
  readonly environments: ReadonlyMap<string, string>;
}

const mostPerPage = 100;
const listShape = shapeOf(
  'a list of approval requests',
  Type.Object({ items: Type.Array(Type.Unknown()), totalCount: Type.Optional(Type.Integer()) }),
);
const withResource = shapeOf('an approval request', Type.Object({ resourceId: Type.Optional(Type.String()) }));

/**
 * Requests of ours that wait. Nothing is asked where no environment of ours needs approval; then one list for all, or,
 * for a few flags, a list for each.
 */
export async function readRequests(
  options: RequestReader,
  project: string,
  known: ReadonlyMap<string, KnownEnvironment>,
  views: readonly FlagView[],
  onlyThese: boolean,
  signal: AbortSignal,
): Promise<RequestsFound> {
  const guarded = [...options.environments.values()].filter(name => known.get(name)?.approval);
  const found = new Map<string, ApprovalAnswer>();
  const ours = views.filter(({ tags }) => options.names.ownerOf(tags) === 'ours');
  if (guarded.length > 0 && ours.length > 0) {
    if (onlyThese) await ofEach(options, ours, guarded, found, signal);
    else await ofAll(options, project, found, signal);
    remember(options, ours, guarded, found);
  }
  return (place, environment) => found.get(requestName(place, environment));
}

async function ofEach(
  options: RequestReader,
  views: readonly FlagView[],
  guarded: readonly string[],
  found: Map<string, ApprovalAnswer>,
  signal: AbortSignal,
): Promise<void> {
  for (const view of views) {
    for (const environment of guarded) {
      for (const request of await ownRequests(options, view, environment, signal)) {
        if (request.reviewStatus !== 'declined') found.set(requestName(view, environment), request);
      }
    }
  }
}

async function ofAll(
  { client, mark }: RequestReader,
  project: string,
  found: Map<string, ApprovalAnswer>,
  signal: AbortSignal,
): Promise<void> {
  for (let offset = 0; ; offset += mostPerPage) {
    const page = await client.get(pageCall(project, offset), listShape, signal);
    for (const item of page.items) {
      if (!approvalShape.fits(item) || !withResource.fits(item) || ownHash(item, mark) === undefined) continue;
      const [, where, environment, key] = /^proj\/([^:]+):env\/([^:]+):flag\/(.+)$/.exec(item.resourceId ?? '') ?? [];
      if (where !== project || environment === undefined || key === undefined) continue;
      found.set(requestName({ project, key }, environment), item);
    }
    if (offset + mostPerPage >= (page.totalCount ?? 0)) return;
  }
}

/** One list for the whole account: its filters know no project. */
function pageCall(project: string, offset: number): Call {
  const query = new URLSearchParams({
    filter: 'resourceKind equals "flag",reviewStatus anyOf ["pending"]',
    limit: String(mostPerPage),
    offset: String(offset),
  });
  return {
    method: 'GET',
    route: 'GET approval-requests',
    path: `/approval-requests?${query.toString()}`,
    what: 'approval requests that wait',
    right: { actions: ['viewProject'], resource: `proj/${project}` },
  };
}

function remember(
  { seen, mark, baseUrl }: RequestReader,
  views: readonly FlagView[],
  guarded: readonly string[],
  found: ReadonlyMap<string, ApprovalAnswer>,
): void {
  for (const view of views) {
    for (const environment of guarded) {
      const name = requestName(view, environment);
      const request = found.get(name);
      if (request === undefined) seen.requests.delete(name);
      else seen.requests.set(name, waitingOf(request, ownHash(request, mark) ?? '', baseUrl, view, environment));
    }
  }
}
