import { type Problem, ProblemError } from '../../domain/problem.ts';
import { bounded, type Bounds } from '../../lib/bounded.ts';
import { HttpError } from '../../lib/http-error.ts';
import { environmentsShape, flagsShape, segmentsShape } from './answers.ts';
import { environmentsPage, flagsPage, segmentsPage } from './calls.ts';
import type { Client } from './client.ts';
import type { KnownEnvironment } from './seen.ts';

// Lists are read page by page. `totalCount` says how many pages there are: `_links.next` is not to be trusted
// (terraform-provider-launchdarkly reads on past it too).

/** The most that LaunchDarkly gives at once. */
const mostPerPage = 100;
/** A list that claims more than this would be read for hours: it is no list of flags, segments or environments. */
const mostItems = 1_000_000;

interface Page {
  readonly items: readonly unknown[];
  readonly totalCount?: number | undefined;
}

type GetPage = (limit: number, offset: number) => Promise<Page>;

/** Which flags of a project are listed. */
export interface FlagQuery {
  readonly project: string;
  /** Theirs. */
  readonly environments: readonly string[];
  readonly tag?: string;
  readonly archived?: boolean;
}

/** What the lists are read with. */
export interface Pages {
  readonly client: Client;
  readonly bounds: Bounds;
}

/**
 * The flags of a project, unchecked. `isWorth` decides after the first page whether the other `pages` are read; then
 * the answer is undefined if not.
 */
export async function listFlags(
  { client, bounds }: Pages,
  query: FlagQuery,
  signal: AbortSignal,
  isWorth: (pages: number) => boolean = () => true,
): Promise<readonly unknown[] | undefined> {
  const { project, ...options } = query;
  const get: GetPage = (limit, offset) =>
    client.get(flagsPage(project, { ...options, limit, offset }), flagsShape, signal);
  return allPages(get, bounds, isWorth);
}

/** The segments with a tag in one environment, unchecked. */
export async function listSegments(
  { client, bounds }: Pages,
  place: { readonly project: string; readonly environment: string },
  tag: string,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const get: GetPage = (limit, offset) => client.get(segmentsPage(place, tag, limit, offset), segmentsShape, signal);
  return (await allPages(get, bounds, () => true)) ?? [];
}

/** The environments of a project by their keys; undefined: there is no such project. */
export async function listEnvironments(
  { client, bounds }: Pages,
  project: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, KnownEnvironment> | undefined> {
  const first = await client.find(environmentsPage(project, mostPerPage, 0), environmentsShape, signal);
  if (first === undefined) return undefined;
  const found = new Map<string, KnownEnvironment>();
  const get: GetPage = async (limit, offset) => {
    const page =
      offset === 0 ? first : await client.get(environmentsPage(project, limit, offset), environmentsShape, signal);
    for (const { key, approvalSettings: settings } of page.items) {
      const isNeeded = settings?.required === true || (settings?.requiredApprovalTags?.length ?? 0) > 0;
      found.set(key, { approval: isNeeded });
    }
    return page;
  };
  await allPages(get, bounds, () => true);
  return found;
}

async function allPages(
  get: GetPage,
  bounds: Bounds,
  isWorth: (pages: number) => boolean,
): Promise<readonly unknown[] | undefined> {
  const first = await piecewise(get, mostPerPage, 0);
  const items = [...first.items];
  const total = first.totalCount ?? items.length;
  if (total > mostItems) throw new ProblemError(tooMany(total));
  const offsets = Array.from(
    { length: Math.max(0, Math.ceil(total / mostPerPage) - 1) },
    (_, at) => (at + 1) * mostPerPage,
  );
  if (!isWorth(offsets.length)) return undefined;
  for await (const page of bounded(offsets, offset => piecewise(get, mostPerPage, offset), bounds)) {
    items.push(...page.items);
  }
  return items;
}

function tooMany(total: number): Problem {
  return {
    code: 'launchdarkly-answer',
    message: `LaunchDarkly says that a list has ${total} entries; at most ${mostItems} are read.`,
    hint: 'Look at baseUrl: something else seems to answer there.',
  };
}

/** One page; in pieces where it is larger than an answer may be: a hundred flags of 10,000 targets are. */
async function piecewise(get: GetPage, limit: number, offset: number): Promise<Page> {
  try {
    return await get(limit, offset);
  } catch (error) {
    if (!(error instanceof HttpError) || error.problem.code !== 'too-large' || limit === 1) throw error;
  }
  const step = Math.ceil(limit / 5);
  const items: unknown[] = [];
  let totalCount: number | undefined;
  for (let at = 0; at < limit; at += step) {
    const piece = await piecewise(get, Math.min(step, limit - at), offset + at);
    items.push(...piece.items);
    totalCount = piece.totalCount;
    if (totalCount !== undefined && offset + at + step >= totalCount) break;
  }
  return { items, totalCount };
}
