import { placementIdOf } from '../../domain/identity.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { type Problem, ProblemError } from '../../domain/problem.ts';
import type { ListingRef, Live, LiveListing, LivePlacement } from '../../domain/listing.ts';
import type { FlagFile } from './flag-file.ts';
import { type FlagView, viewFlag } from './flag.ts';
import type { Groups } from './groups.ts';
import type { FlagStore } from './store.ts';

export interface ReadPlaces {
  readonly address: string;
  readonly mark: string;
  readonly groups: Groups;
  /** By environment of ours; the single file of a target that names none is under `default`. */
  readonly stores: ReadonlyMap<string, FlagStore>;
  /** Of an environment of ours: its key in `stores`. */
  place(environment: string): string;
}

interface Found {
  readonly environment: string;
  /** False: the toggle no longer names this environment. */
  readonly wanted: boolean;
  readonly text: string;
  readonly file: FlagFile;
  readonly view: FlagView;
}

/**
 * What the files hold of the wanted keys and of everything with our mark. The keys of an environment whose file cannot
 * be read are unreadable; throws a ProblemError when that is so of every file.
 */
export async function readLive(places: ReadPlaces, want: readonly ListingRef[]): Promise<Live> {
  const files = new Map<string, FlagFile>();
  const broken = new Map<string, Problem>();
  for (const [environment, store] of places.stores) {
    try {
      files.set(environment, (await store.read()).file);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      broken.set(environment, error.problem);
      if (broken.size === places.stores.size) throw error;
    }
  }
  places.groups.keepOnly(files.values());
  const wanted = new Map(want.map(ref => [ref.key, ref]));
  const listings: LiveListing[] = [];
  const unreadable: { readonly key: string; readonly problem: Problem }[] = [];
  for (const key of new Set([...wanted.keys(), ...ownKeys(places, files)])) {
    const ref = wanted.get(key);
    const problem = ref?.environments.map(name => broken.get(places.place(name))).find(one => one !== undefined);
    if (problem !== undefined) {
      unreadable.push({ key, problem });
      continue;
    }
    const listing = listingOf(places, key, ref, findIn(places, files, key, ref));
    if (listing !== undefined) listings.push(listing);
  }
  return { listings, unreadable };
}

function* ownKeys(places: ReadPlaces, files: ReadonlyMap<string, FlagFile>): Generator<string> {
  const mark = JSON.stringify(places.mark);
  for (const { flags, evaluators } of files.values()) {
    for (const [key, text] of flags) {
      // Most flags are not looked into when the mark is nowhere in them.
      if (text.includes(mark) && viewFlag(text, evaluators, places.groups).mark === places.mark) yield key;
    }
  }
}

/** The flag in each environment where it is wanted, or where it carries our mark. */
function findIn(places: ReadPlaces, files: ReadonlyMap<string, FlagFile>, key: string, ref: ListingRef | undefined) {
  const found: Found[] = [];
  for (const [place, file] of files) {
    const text = file.flags.get(key);
    if (text === undefined) continue;
    const view = viewFlag(text, file.evaluators, places.groups);
    const environment = ref?.environments.find(name => places.place(name) === place);
    if (environment === undefined && view.mark !== places.mark) continue;
    found.push({ environment: environment ?? place, wanted: environment !== undefined, text, file, view });
  }
  return found;
}

function listingOf(
  places: ReadPlaces,
  key: string,
  ref: ListingRef | undefined,
  found: readonly Found[],
): LiveListing | undefined {
  if (found.length === 0) return undefined;
  // What a toggle left behind elsewhere is closed, not kept up to date.
  const wanted = found.some(one => one.wanted) ? found.filter(one => one.wanted) : found;
  const foreign = found.filter(({ view }) => view.mark !== places.mark);
  const marked = foreign.find(({ view }) => view.mark !== undefined)?.view.mark;
  const notBoolean = found.find(({ view }) => view.notBoolean && view.mark !== places.mark);
  return {
    key,
    owner: foreign.length === 0 ? 'ours' : marked === undefined ? 'none' : { mark: marked },
    metadata: commonMetadata(foreign.length === 0 ? wanted : foreign),
    archived: false,
    removed: wanted.every(({ view }) => view.removed),
    placements: found.map(one => placementOf(places, key, one)),
    ...(notBoolean && { refused: notBooleanProblem(key, ref, notBoolean) }),
    ...(foreign.length > 0 && { definition: Object.fromEntries(foreign.map(definitionOf)) }),
  };
}

function placementOf(places: ReadPlaces, key: string, { environment, view }: Found): LivePlacement {
  const { on, waysIn } = view;
  return {
    id: placementIdOf(places.address, places.place(environment), key),
    environment,
    seen: 'read',
    on,
    who: { kind: 'members', members: view.who },
    waysIn,
  };
}

/** Where the files differ, something that nobody wants, so that all of them are written again. */
function commonMetadata(found: readonly Found[]): JsonObject {
  const [first, ...others] = found.map(({ view }) => view.metadata);
  const text = JSON.stringify(first);
  return others.every(other => JSON.stringify(other) === text) ? (first ?? {}) : { ...first, differs: true };
}

/** The flag and the evaluators it may need, for the backup before it is taken over. */
function definitionOf({ environment, text, file }: Found): readonly [string, Json] {
  const evaluators = [...file.evaluators].filter(([name]) => text.includes(JSON.stringify(name)));
  const parsed = evaluators.map(([name, rule]) => [name, JSON.parse(rule) as Json] as const);
  return [environment, { flag: JSON.parse(text) as Json, $evaluators: Object.fromEntries(parsed) }];
}

function notBooleanProblem(key: string, ref: ListingRef | undefined, { environment }: Found): Problem {
  return {
    code: 'flagd-not-boolean',
    message: `flag ${key} in ${environment} has variants that are not true or false.`,
    hint: `Use another key for ${ref === undefined ? 'it' : `the toggle ${ref.toggle}`}, with \`key:\` under its target.`,
  };
}
