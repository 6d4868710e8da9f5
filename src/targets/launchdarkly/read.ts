import type { ListingRef, Live, LiveListing } from '../../domain/listing.ts';
import { type Problem, ProblemError, toProblem } from '../../domain/problem.ts';
import { bounded, type Bounds } from '../../lib/bounded.ts';
import { type FlagAnswer, flagShape, segmentShape } from './answers.ts';
import { flagGet, segmentGet, type SegmentPlace } from './calls.ts';
import type { Client } from './client.ts';
import { type FlagView, viewFlag } from './flag.ts';
import { listingOf, type ListingOptions } from './listing.ts';
import type { FlagPlace, Names } from './names.ts';
import { listEnvironments, listFlags, listSegments } from './pages.ts';
import { readRequests, type RequestsFound } from './read-requests.ts';
import { viewSegment } from './segment.ts';
import type { KnownEnvironment, Seen } from './seen.ts';
import { isOfTheWhole } from './verdicts.ts';

export interface ReaderOptions extends ListingOptions {
  readonly client: Client;
  readonly bounds: Bounds;
  readonly names: Names;
  readonly seen: Seen;
  /** The project in which flags with our mark are looked for even if no toggle is there. */
  readonly ownProject: string | undefined;
}

/** What was found of one project so far. */
interface Found {
  readonly listings: LiveListing[];
  readonly unreadable: { key: string; problem: Problem }[];
}

type Got = { readonly view: FlagView; readonly raw: FlagAnswer };

/**
 * Reads the wanted flags and, unless `onlyThese`, whatever carries our mark. Throws a ProblemError or an HttpError when
 * the target as a whole does not answer; what is wrong with one flag goes to `unreadable`, or is its `refused`.
 */
export async function readLive(
  options: ReaderOptions,
  want: readonly ListingRef[],
  onlyThese: boolean,
  signal: AbortSignal,
): Promise<Live> {
  const projects = new Map<string, ListingRef[]>();
  if (options.ownProject !== undefined && !onlyThese) projects.set(options.ownProject, []);
  for (const ref of want) {
    const { project } = options.names.placeOf(ref.key);
    const refs = projects.get(project);
    if (refs === undefined) projects.set(project, [ref]);
    else refs.push(ref);
  }
  const found: Found = { listings: [], unreadable: [] };
  for (const [project, refs] of projects) await readProject(options, project, refs, onlyThese, found, signal);
  return { listings: found.listings.sort(byKey), unreadable: found.unreadable.sort(byKey) };
}

function byKey(one: { readonly key: string }, other: { readonly key: string }): number {
  return one.key < other.key ? -1 : 1;
}

async function readProject(
  options: ReaderOptions,
  project: string,
  refs: readonly ListingRef[],
  onlyThese: boolean,
  found: Found,
  signal: AbortSignal,
): Promise<void> {
  const { seen, names, environments } = options;
  const since = seen.moment();
  const known = await environmentsOf(options, project, onlyThese, signal);
  if (known === undefined) {
    for (const { key } of refs) found.listings.push(refused(key, noProject(options, project)));
    return;
  }
  const theirs = [...environments.values()].filter(name => known.has(name));
  const wanted = new Map<string, ListingRef>();
  for (const ref of refs) {
    const missing = ref.environments.find(ours => !known.has(environments.get(ours) ?? ours));
    if (missing === undefined) wanted.set(names.placeOf(ref.key).key, ref);
    else found.listings.push(refused(ref.key, noEnvironment(options, project, missing)));
  }
  const flags = onlyThese
    ? await eachFlag(options, project, [...wanted.keys()], theirs, found, signal)
    : await allFlags(options, project, wanted, theirs, found, signal);
  const gotten = [...flags.values()].filter(({ view }) => wanted.has(view.key) || names.ownerOf(view.tags) === 'ours');
  const views = gotten.map(({ view, raw }) => ({ view: seen.keepFlag(view, since), raw }));
  await readSegments(
    options,
    project,
    theirs,
    views.map(({ view }) => view),
    onlyThese,
    since,
    signal,
  );
  if (!onlyThese) seen.forgetOlder(project, since);
  else for (const key of wanted.keys()) if (!flags.has(key)) seen.forgetFlag({ project, key });
  const requests: RequestsFound = await readRequests(
    options,
    project,
    known,
    views.map(({ view }) => view),
    onlyThese,
    signal,
  );
  for (const { view, raw } of views) found.listings.push(listingOf(options, view, raw, known, requests));
}

async function environmentsOf(
  options: ReaderOptions,
  project: string,
  onlyThese: boolean,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, KnownEnvironment> | undefined> {
  const { seen } = options;
  const known = onlyThese ? seen.projects.get(project) : undefined;
  if (known !== undefined) return known;
  const found = await listEnvironments(options, project, signal);
  if (found === undefined) seen.projects.delete(project);
  else seen.projects.set(project, found);
  return found;
}

/** Everything with our mark by lists; the wanted rest by a list or one by one, whichever takes fewer requests. */
async function allFlags(
  options: ReaderOptions,
  project: string,
  wanted: ReadonlyMap<string, ListingRef>,
  theirs: readonly string[],
  found: Found,
  signal: AbortSignal,
): Promise<Map<string, Got>> {
  const flags = new Map<string, Got>();
  const { tag } = options.names;
  const take = (items: readonly unknown[]) => {
    for (const item of items) {
      const got = checked(options, project, item, found);
      if (got !== undefined) flags.set(got.view.key, got);
    }
  };
  const query = { project, environments: theirs };
  take((await listFlags(options, { ...query, tag }, signal)) ?? []);
  take((await listFlags(options, { ...query, tag, archived: true }, signal)) ?? []);
  let missing = [...wanted.keys()].filter(key => !flags.has(key));
  if (missing.length > 1) {
    const all = await listFlags(options, query, signal, pages => pages < missing.length);
    if (all !== undefined) {
      take(all);
      // Archived flags of others are not in that list: whoever makes the flag is told that it exists.
      missing = [];
    }
  }
  for (const [key, got] of await eachFlag(options, project, missing, theirs, found, signal)) flags.set(key, got);
  return flags;
}

async function eachFlag(
  options: ReaderOptions,
  project: string,
  keys: readonly string[],
  theirs: readonly string[],
  found: Found,
  signal: AbortSignal,
): Promise<Map<string, Got>> {
  const flags = new Map<string, Got>();
  const { client, names, bounds } = options;
  const readOne = async (place: FlagPlace): Promise<Got | undefined> => {
    try {
      const raw = await client.find(flagGet(place, theirs), flagShape, signal);
      return raw && { raw, view: viewFlag(project, raw) };
    } catch (error) {
      if (signal.aborted || isOfTheWhole(error)) throw error;
      found.unreadable.push({ key: names.keyOf(place), problem: toProblem(error) });
      return undefined;
    }
  };
  const places = keys.map(key => ({ project, key }));
  for await (const got of bounded(places, readOne, bounds)) if (got !== undefined) flags.set(got.view.key, got);
  return flags;
}

/** One entry of a list; one that cannot be understood is not written. */
function checked({ target, names }: ReaderOptions, project: string, item: unknown, found: Found): Got | undefined {
  if (flagShape.fits(item)) return { raw: item, view: viewFlag(project, item) };
  const key = typeof item === 'object' && item !== null && 'key' in item ? String(item.key) : '';
  const problem = {
    code: 'launchdarkly-answer',
    message: `${target}: flag ${key} of project ${project} has a form that is not known here.`,
    hint: 'Look for a newer version of OPToggles; the flag is left as it is.',
  };
  found.unreadable.push({ key: names.keyOf({ project, key }), problem });
  return undefined;
}

/** The segments of ours, by list or, for a few flags, those that they point to. */
async function readSegments(
  options: ReaderOptions,
  project: string,
  theirs: readonly string[],
  views: readonly FlagView[],
  onlyThese: boolean,
  since: number,
  signal: AbortSignal,
): Promise<void> {
  const { seen, names } = options;
  if (!onlyThese) {
    for (const environment of theirs) {
      for (const item of await listSegments(options, { project, environment }, names.tag, signal)) {
        if (!segmentShape.fits(item)) continue;
        seen.keepSegment({ project, environment, key: item.key }, viewSegment(item), since);
      }
    }
  }
  const asked = new Map<string, SegmentPlace>();
  for (const view of views) {
    for (const environment of theirs) {
      for (const { segment: key } of view.environments.get(environment)?.rules ?? []) {
        if (key === undefined || !names.isGroup(key)) continue;
        const place = { project, environment, key };
        if (onlyThese || seen.segment(place) === undefined) asked.set(`${environment}\n${key}`, place);
      }
    }
  }
  const readOne = async (place: SegmentPlace) => {
    const segment = await options.client.find(segmentGet(place), segmentShape, signal);
    seen.keepSegment(place, segment === undefined ? 'missing' : viewSegment(segment), since);
  };
  for await (const _ of bounded([...asked.values()], readOne, options.bounds));
}

function refused(key: string, problem: Problem): LiveListing {
  return { key, owner: 'none', archived: false, removed: false, placements: [], refused: problem };
}

export function noProject({ target }: Pick<ReaderOptions, 'target'>, project: string): Problem {
  return {
    code: 'launchdarkly-no-project',
    message: `${target}: there is no project ${project}, or the token may not see it.`,
    hint: `Correct projKey, or give the token's role viewProject on proj/${project}.`,
  };
}

export function noEnvironment(
  { target, environments }: Pick<ReaderOptions, 'target' | 'environments'>,
  project: string,
  ours: string,
): Problem {
  const theirs = environments.get(ours) ?? ours;
  return {
    code: 'launchdarkly-no-environment',
    message: `${target}: project ${project} has no environment ${theirs} (our ${ours}).`,
    hint: `Correct environments of the ${target}, or leave ${ours} out of the toggle.`,
  };
}

/** Throws what an abort or a broken target throws, as a ProblemError where it is none. */
export function asProblemError(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted || error instanceof ProblemError) return error;
  return new ProblemError(toProblem(error), { cause: error });
}
