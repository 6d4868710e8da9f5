import type { JsonObject } from '../../domain/json.ts';
import { placementIdOf } from '../../domain/identity.ts';
import { type Members, noMembers } from '../../domain/members.ts';
import type { LiveListing, LivePlacement } from '../../domain/listing.ts';
import type { Problem } from '../../domain/problem.ts';
import { approved, linkOf } from './approvals.ts';
import type { ApprovalAnswer, FlagAnswer } from './answers.ts';
import { type FlagEnvironment, type FlagView, likelyKind, listIn, type Variations } from './flag.ts';
import { shownMetadata } from './metadata.ts';
import { type Names, removedTag } from './names.ts';
import type { RequestsFound } from './read-requests.ts';
import type { SegmentView } from './segment.ts';
import type { KnownEnvironment, Seen } from './seen.ts';
import { accessOf } from './ways-in.ts';

export interface ListingOptions {
  /** `target ld` */
  readonly target: string;
  readonly address: string;
  readonly mark: string;
  readonly baseUrl: string;
  readonly names: Names;
  readonly seen: Seen;
  /** Theirs by ours, in order. */
  readonly environments: ReadonlyMap<string, string>;
}

/** A flag in the words of the house. `raw`: as it was found, for the backup before adoption. */
export function listingOf(
  options: ListingOptions,
  view: FlagView,
  raw: FlagAnswer,
  known: ReadonlyMap<string, KnownEnvironment>,
  requests: RequestsFound,
): LiveListing {
  const { names, seen, environments } = options;
  const key = names.keyOf(view);
  const wanted = seen.wanted.get(key);
  const owner = names.ownerOf(view.tags);
  const { variations } = view;
  const placements: LivePlacement[] = [];
  const notes: Problem[] = [];
  for (const [ours, theirs] of environments) {
    const environment = view.environments.get(theirs);
    if (environment === undefined || variations === undefined || !known.has(theirs)) continue;
    const request = requests(view, theirs);
    placements.push(placementOf(options, view, variations, environment, { key, ours, theirs, request }));
    if (environment.prerequisites.length > 0) notes.push(prerequisites(options, key, ours, environment));
  }
  return {
    key,
    owner,
    metadata: shownMetadata(view, wanted?.metadata) as unknown as JsonObject,
    archived: view.archived,
    // A flag that somebody opened again is not gone, whatever its tag says.
    removed: view.tags.includes(removedTag) && placements.every(({ on, waysIn }) => !on && !waysIn.some(w => w.open)),
    placements,
    ...(variations === undefined && { refused: notBoolean(options, key) }),
    ...(notes.length > 0 && { notes }),
    ...(owner !== 'ours' && { definition: raw }),
  };
}

interface Place {
  readonly key: string;
  readonly ours: string;
  readonly theirs: string;
  readonly request: ApprovalAnswer | undefined;
}

function placementOf(
  options: ListingOptions,
  view: FlagView,
  variations: Variations,
  environment: FlagEnvironment,
  { key, ours, theirs, request }: Place,
): LivePlacement {
  const { seen, names, address, baseUrl } = options;
  const contextKind = seen.wanted.get(key)?.contextKind ?? likelyKind(view);
  const segment = (name: string): SegmentView | 'missing' | undefined => {
    if (!names.isGroup(name)) return undefined;
    const found = seen.segment({ project: view.project, environment: theirs, key: name });
    return found === 'missing' || found?.tags.includes(names.tag) ? found : undefined;
  };
  const access = accessOf({ environment, variations, contextKind, segment });
  const membersIn = (name: string): Members => {
    const found = segment(name);
    return found === undefined || found === 'missing' ? noMembers : (found.included.get(contextKind) ?? noMembers);
  };
  const held = access.group === undefined ? undefined : segment(access.group);
  const isUnknown = held !== undefined && held !== 'missing' && held.unbounded;
  return {
    id: placementIdOf(address, theirs, key),
    environment: ours,
    seen: isUnknown ? 'unknown' : 'read',
    on: environment.on,
    who: { kind: 'members', members: access.members },
    waysIn: access.waysIn,
    ...(environment.version !== undefined && { version: String(environment.version) }),
    ...(access.group !== undefined && { group: access.group }),
    ...(request !== undefined && { pending: pendingOf(request) }),
  };

  function pendingOf(waiting: ApprovalAnswer): NonNullable<LivePlacement['pending']> {
    const now = {
      on: environment.on,
      listed: listIn(environment, contextKind, variations.true.index),
      grouped: access.group === undefined ? noMembers : membersIn(access.group),
    };
    const { on, members } = approved(waiting, now, variations, contextKind, membersIn);
    const link = linkOf(waiting, baseUrl, view, theirs);
    return { on, who: { kind: 'members', members }, since: waiting.creationDate, link };
  }
}

function prerequisites({ target }: ListingOptions, key: string, ours: string, environment: FlagEnvironment): Problem {
  return {
    code: 'launchdarkly-prerequisites',
    message: `${target}: flag ${key} in ${ours} has prerequisites (${environment.prerequisites.join(', ')}), which are left as they are.`,
    hint: 'Members have it only where those flags serve what it asks for; take them off in LaunchDarkly if policy alone is to decide.',
  };
}

function notBoolean({ target }: ListingOptions, key: string): Problem {
  return {
    code: 'launchdarkly-not-boolean',
    message: `${target}: flag ${key} does not have the two variations true and false.`,
    hint: 'Give the toggle another key, with `key:` under its target; flags of several variations are not written.',
  };
}
