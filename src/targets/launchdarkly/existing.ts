import type { Account, FoundFlag, FoundPlacement, Obstacle } from '../../domain/found.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { WayIn } from '../../domain/listing.ts';
import { compareCodePoints } from '../../domain/code-points.ts';
import { ProblemError } from '../../domain/problem.ts';
import { type FlagAnswer, flagShape } from './answers.ts';
import { type FlagView, likelyKind, viewFlag } from './flag.ts';
import { shownMetadata } from './metadata.ts';
import { type Names, removedTag } from './names.ts';
import { listEnvironments, listFlags, type Pages } from './pages.ts';
import { asProblemError, noEnvironment, noProject } from './read.ts';
import { accessOf } from './ways-in.ts';

// What an account in use holds, for `import`: every flag, and what of it no flag file could say.

export interface ExistingOptions extends Pages {
  /** `target ld` */
  readonly target: string;
  readonly names: Names;
  /** Theirs by ours, in order. */
  readonly environments: ReadonlyMap<string, string>;
  /** The project where nobody names another. */
  readonly ownProject: string;
}

/** The account behind a target. Errors are ProblemErrors; nothing is written. */
export function existingIn(options: ExistingOptions): Account {
  return {
    environments: (project = options.ownProject, signal) =>
      told(signal, async () => [...(await environmentsIn(options, project, signal))].sort(compareCodePoints)),
    flags: (project = options.ownProject, signal) => told(signal, () => flagsIn(options, project, signal)),
  };
}

async function told<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asProblemError(error, signal);
  }
}

async function environmentsIn(options: ExistingOptions, project: string, signal: AbortSignal): Promise<Set<string>> {
  const known = await listEnvironments(options, project, signal);
  if (known === undefined) throw new ProblemError(noProject(options, project));
  return new Set(known.keys());
}

async function flagsIn(options: ExistingOptions, project: string, signal: AbortSignal): Promise<readonly FoundFlag[]> {
  const known = await environmentsIn(options, project, signal);
  for (const [ours, theirs] of options.environments) {
    if (!known.has(theirs)) throw new ProblemError(noEnvironment(options, project, ours));
  }
  const query = { project, environments: [...options.environments.values()] };
  const found = new Map<string, FoundFlag>();
  for (const archived of [false, true]) {
    for (const item of (await listFlags(options, { ...query, archived }, signal)) ?? []) {
      const flag = flagShape.fits(item) ? foundFlag(options, project, item) : strange(item);
      found.set(flag.key, flag);
    }
  }
  return [...found.values()].sort((a, b) => compareCodePoints(a.key, b.key));
}

function foundFlag(options: ExistingOptions, project: string, raw: FlagAnswer): FoundFlag {
  const { names } = options;
  const view = viewFlag(project, raw);
  const contextKind = likelyKind(view);
  const placements: FoundPlacement[] = [];
  const obstacles = [...ofTheWhole(view, names)];
  for (const [ours, theirs] of options.environments) {
    const environment = view.environments.get(theirs);
    const { variations } = view;
    if (variations === undefined) continue;
    if (environment === undefined) {
      obstacles.push({ code: 'no-environment', environment: ours, what: `LaunchDarkly shows nothing of ${theirs}` });
      continue;
    }
    // Segments are rules here, ours too: who is in them is no list of the flag.
    const { members, waysIn } = accessOf({ environment, variations, contextKind, segment: () => undefined });
    for (const way of waysIn) obstacles.push({ code: codeOf(way), environment: ours, what: way.what });
    if (environment.prerequisites.length > 0) {
      const what = `it has prerequisites: ${environment.prerequisites.join(', ')}`;
      obstacles.push({ code: 'prerequisite', environment: ours, what });
    }
    placements.push({ environment: ours, on: environment.on, members });
  }
  return {
    key: view.key,
    owner: names.ownerOf(view.tags),
    name: view.name,
    description: view.description,
    created: raw.creationDate,
    maintainer: raw.maintainerTeamKey ?? raw._maintainer?.email,
    contextKind,
    spec: specOf(options, project, view),
    placements,
    obstacles,
  };
}

function codeOf({ kind, open }: WayIn): string {
  // Of lists, those of another kind let somebody in, those of the other variation keep somebody out.
  return kind === 'targets' ? (open ? 'context-kinds' : 'other-variation') : kind;
}

function* ofTheWhole(view: FlagView, names: Names): Generator<Obstacle> {
  const owner = names.ownerOf(view.tags);
  if (view.archived) yield { code: 'archived', what: 'it is archived' };
  if (view.variations === undefined) {
    yield { code: 'not-boolean', what: 'it does not have the two variations true and false' };
  }
  if (typeof owner === 'object') yield { code: 'foreign-mark', what: `it belongs to ${owner.mark}` };
  if (view.tags.includes(removedTag)) yield { code: 'removed', what: 'it was closed because its file went' };
  // See metadataFor: LaunchDarkly's SDK for Node loses its stream over such a key.
  if (view.key in Object.prototype) yield { code: 'bad-key', what: 'its key is a word of JavaScript' };
}

/** What the file says to the target: as it is there, so that nothing is written over. */
function specOf({ ownProject }: ExistingOptions, project: string, view: FlagView): JsonObject {
  const { tags = [], temporary, maintainer, clientSideAvailability: sides } = shownMetadata(view, undefined);
  const takesTags = tags.every(tag => /^[A-Za-z0-9._-]{1,64}$/.test(tag));
  return {
    ...(project !== ownProject && { projKey: project }),
    ...(takesTags && { tags: [...tags] }),
    temporary: temporary ?? false,
    ...(maintainer !== undefined && maintainer !== '' && { maintainer }),
    clientSideAvailability: { ...sides },
  };
}

/** A flag of a form that is not known here: nothing can be said of it but that it is there. */
function strange(item: unknown): FoundFlag {
  const key = typeof item === 'object' && item !== null && 'key' in item ? String(item.key) : '';
  return {
    key,
    owner: 'none',
    name: '',
    description: '',
    created: undefined,
    maintainer: undefined,
    contextKind: 'user',
    spec: {},
    placements: [],
    obstacles: [{ code: 'not-understood', what: 'it has a form that is not known here' }],
  };
}
