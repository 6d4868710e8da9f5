import type { Who } from '../../domain/audience.ts';
import { placementIdOf } from '../../domain/identity.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { membersOf, noMembers } from '../../domain/members.ts';
import { type Problem, ProblemError, toProblem } from '../../domain/problem.ts';
import type { ListingRef, Live, LiveListing, LivePlacement } from '../../domain/listing.ts';
import { bounded, type Bounds } from '../../lib/bounded.ts';
import type { HttpClient } from '../../lib/http.ts';
import { HttpError } from '../../lib/http-error.ts';
import { isShallow } from '../../lib/json-text.ts';
import { hintFor } from './answers.ts';
import type { ShownMetadata } from './shown.ts';
import { readRequest } from './wire.ts';

export interface ReaderOptions {
  readonly client: HttpClient;
  readonly target: string;
  readonly address: string;
  readonly bounds: Bounds;
  readonly metadata: ShownMetadata;
}

/** The one remote environment there is. */
export const onlyEnvironment = 'default';

type Found = { readonly listing?: LiveListing } | { readonly key: string; readonly problem: Problem };

/**
 * Reads each wanted toggle with a GET of its own. Throws a ProblemError when the target as a whole does not answer;
 * what is wrong with one toggle goes to `unreadable`.
 */
export async function readLive(
  options: ReaderOptions,
  want: readonly ListingRef[],
  signal: AbortSignal,
): Promise<Live> {
  const listings: LiveListing[] = [];
  const unreadable: { key: string; problem: Problem }[] = [];
  for await (const found of bounded(want, ref => readOne(options, ref, signal), options.bounds)) {
    if ('problem' in found) unreadable.push(found);
    else if (found.listing !== undefined) listings.push(found.listing);
  }
  return { listings: listings.sort(byKey), unreadable: unreadable.sort(byKey) };
}

function byKey(one: { readonly key: string }, other: { readonly key: string }): number {
  return one.key < other.key ? -1 : 1;
}

async function readOne(options: ReaderOptions, ref: ListingRef, signal: AbortSignal): Promise<Found> {
  const { client, target } = options;
  const request = { ...readRequest(ref.key), signal };
  try {
    const response = await client.send(request);
    if (response.status === 404) return {};
    if (!response.ok) throw client.unexpected(request, response, hintFor(target, request, response.status));
    const shown = objectIn(response.text());
    if (shown === undefined) return { key: ref.key, problem: noToggle(target, ref.key) };
    return { listing: listingOf(options, ref, shown) };
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    const { retryAfter } = error;
    if (isOfTheWhole(error)) throw new ProblemError(toProblem(error), { retryAfter });
    return { key: ref.key, problem: toProblem(error) };
  }
}

/** Nothing else will be answered either: no connection, a bad token, a redirect, a request for patience. */
function isOfTheWhole({ sent, status, retryAfter, problem }: HttpError): boolean {
  if (!sent || problem.code === 'redirect-refused') return true;
  if (status === undefined) return false;
  return status === 401 || status === 405 || status === 429 || (status >= 500 && retryAfter !== undefined);
}

function listingOf(options: ReaderOptions, ref: ListingRef, shown: JsonObject): LiveListing {
  const metadata = options.metadata.compare(ref.key, shown);
  const environment = ref.environments[0] ?? onlyEnvironment;
  return {
    key: ref.key,
    owner: 'ours',
    ...(metadata && { metadata }),
    archived: false,
    removed: false,
    placements: [placementOf(options.address, ref.key, environment, shown.users)],
  };
}

function placementOf(address: string, key: string, environment: string, users: Json | undefined): LivePlacement {
  const known = isStrings(users);
  const members = known ? membersOf(users) : noMembers;
  const who: Who = { kind: 'members', members };
  return {
    id: placementIdOf(address, onlyEnvironment, key),
    environment,
    seen: known ? 'read' : 'unknown',
    on: true,
    who,
    waysIn: [],
  };
}

function objectIn(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as Json;
    return isObject(value) && isShallow(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isStrings(value: Json | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every(member => typeof member === 'string');
}

function noToggle(target: string, key: string): Problem {
  return {
    code: 'bad-answer',
    message: `target ${target}: what it shows of ${key} is no JSON object.`,
    hint: 'Look at endpointUrl, or set read: false if this target cannot be read.',
  };
}
