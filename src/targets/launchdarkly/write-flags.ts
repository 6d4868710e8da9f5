import type { Change, ListingChange, PlacementChange } from '../../domain/plan.ts';
import type { Problem } from '../../domain/problem.ts';
import { flagShape } from './answers.ts';
import { askApproval, type Approvals, hashOf, withdraw } from './approvals.ts';
import { flagGet, flagJsonPatch, flagPatch, flagPost } from './calls.ts';
import type { Written } from './client.ts';
import { type FlagView, viewFlag } from './flag.ts';
import {
  archived,
  archivedApproval,
  exists,
  gone,
  half,
  noEnvironment,
  notBoolean,
  notOurs,
  onlyLists,
  settingsApproval,
} from './flag-problems.ts';
import type { Instruction } from './instructions.ts';
import { creationOf, metadataPatch } from './metadata.ts';
import { type FlagPlace, type Names, removedTag } from './names.ts';
import { countsOf, patchFor, type Wanted } from './patch.ts';
import { restoreActions, restoredClosed } from './restore.ts';
import { requestName } from './seen.ts';
import { unreadOf, type Verdict } from './verdicts.ts';
import type { SegmentResult } from './write-segments.ts';

export interface FlagWriter extends Approvals {
  readonly names: Names;
  /** Theirs by ours. */
  readonly environments: ReadonlyMap<string, string>;
}

type Start = () => boolean;
type Seen = { readonly view: FlagView } | { readonly verdict: Verdict } | undefined;

const done: Verdict = { result: 'done' };

/** Makes, takes over, updates, retires, restores or archives a flag. What is so already costs no request. */
export async function writeListing(
  writer: FlagWriter,
  change: ListingChange & Change,
  signal: AbortSignal,
  mayStart: Start,
): Promise<Verdict> {
  const { names } = writer;
  const place = names.placeOf(change.key);
  if (change.kind === 'create') return create(writer, change, place, signal, mayStart);
  const found = await flagAt(writer, place, signal);
  if (found === undefined) {
    const isGone = change.kind === 'retire' || change.kind === 'archive';
    return isGone ? done : { result: 'conflict', problem: gone(writer, place) };
  }
  if ('verdict' in found) return found.verdict;
  const { view } = found;
  const owner = names.ownerOf(view.tags);
  const isAllowed = owner === 'ours' || (change.kind === 'adopt' && owner === 'none');
  if (!isAllowed) return conflict(notOurs(writer, place));
  const isBack =
    view.archived && (change.kind === 'adopt' || change.kind === 'restore') && change.closesIn !== undefined;
  if (isBack) return restoreClosed(writer, change, place, view, signal, mayStart);
  const patch = listingPatch(change, view, names.tag);
  if (patch.length === 0) return done;
  const call = flagPatch(place, undefined, patch, `optoggles ${writer.mark} ${change.kind}`);
  const written = await writer.client.write(call, signal, mayStart);
  if (written.result === 'ok') return kept(writer, place, written.body);
  if (written.result === 'approval') return { result: 'refused', problem: settingsApproval(writer, place) };
  return failed(writer, place, written.verdict, change.kind);
}

function listingPatch(change: ListingChange, view: FlagView, tag: string): readonly Instruction[] {
  const back: Instruction[] = view.archived ? [{ kind: 'restoreFlag' }] : [];
  switch (change.kind) {
    case 'adopt':
    case 'restore':
      return [...back, ...metadataPatch(view, change.metadata, tag, false)];
    case 'update':
      return view.archived ? [] : metadataPatch(view, change.metadata, tag, view.tags.includes(removedTag));
    case 'retire':
      return view.archived ? [] : metadataPatch(view, {}, tag, true);
    case 'archive':
      return view.archived ? [] : [{ kind: 'archiveFlag' }];
    case 'create':
      return [];
  }
}

/** Two writes: back with nobody in it where somebody is to lose it, then the rest of what it shows. */
async function restoreClosed(
  writer: FlagWriter,
  change: ListingChange & Change,
  place: FlagPlace,
  view: FlagView,
  signal: AbortSignal,
  mayStart: Start,
): Promise<Verdict> {
  const { client, names, mark, environments } = writer;
  const { variations } = view;
  if (variations === undefined) return { result: 'refused', problem: notBoolean(writer, place) };
  const closed = (change.closesIn ?? []).map(ours => environments.get(ours) ?? ours);
  const operations = restoredClosed(view, variations, closed, names.tag);
  const comment = `optoggles ${mark} ${change.kind}`;
  const written = await client.write(flagJsonPatch(place, operations, restoreActions, comment), signal, mayStart);
  if (written.result === 'approval') return { result: 'refused', problem: archivedApproval(writer, place) };
  if (written.result !== 'ok') return failed(writer, place, written.verdict, change.kind);
  kept(writer, place, written.body);
  const found = await flagAt(writer, place, signal);
  if (found === undefined || 'verdict' in found)
    return unsure(writer, place, found?.verdict ?? conflict(gone(writer, place)));
  const patch = metadataPatch(found.view, change.metadata, names.tag, false);
  if (patch.length === 0) return done;
  const shown = await client.write(flagPatch(place, undefined, patch, comment), signal, () => true);
  if (shown.result === 'ok') return kept(writer, place, shown.body);
  return unsure(writer, place, shown.verdict);
}

async function create(
  writer: FlagWriter,
  change: ListingChange & Change,
  place: FlagPlace,
  signal: AbortSignal,
  mayStart: Start,
): Promise<Verdict> {
  const { client, names, seen } = writer;
  const body = creationOf(place.key, change.metadata, names.tag);
  const written = await client.write(flagPost(place, body), signal, mayStart);
  if (written.result === 'ok') return kept(writer, place, written.body);
  if (written.result !== 'existed') return failed(writer, place, written.verdict, 'create');
  seen.forgetFlag(place);
  const found = await flagAt(writer, place, signal);
  if (found !== undefined && 'verdict' in found) return found.verdict;
  const isOurs = found !== undefined && names.ownerOf(found.view.tags) === 'ours' && !found.view.archived;
  if (isOurs) return { result: 'done', existed: true };
  return conflict(found === undefined ? gone(writer, place) : exists(writer, place, found.view));
}

/** Who has it in one environment. `segment`: what became of the segment in which they are to stand. */
export async function writePlacement(
  writer: FlagWriter,
  change: PlacementChange & Change,
  segment: (() => Promise<SegmentResult>) | undefined,
  signal: AbortSignal,
  mayStart: Start,
): Promise<Verdict> {
  const { names, environments } = writer;
  const { who } = change.after;
  const place = names.placeOf(change.key);
  const environment = environments.get(change.environment);
  if (who.kind !== 'members') return { result: 'refused', problem: onlyLists(writer, place) };
  if (environment === undefined)
    return { result: 'refused', problem: noEnvironment(writer, place, change.environment) };
  const found = await flagAt(writer, place, signal);
  if (found === undefined) return change.removal ? done : conflict(gone(writer, place));
  if ('verdict' in found) return found.verdict;
  const { view } = found;
  if (names.ownerOf(view.tags) !== 'ours') return conflict(notOurs(writer, place));
  if (view.archived) return change.removal ? done : conflict(archived(writer, place));
  const { variations } = view;
  const config = view.environments.get(environment);
  if (variations === undefined) return { result: 'refused', problem: notBoolean(writer, place) };
  if (config === undefined) return { result: 'refused', problem: noEnvironment(writer, place, change.environment) };

  const { contextKind } = change;
  const wanted: Wanted = { on: change.after.on, members: who.members, contextKind, group: change.after.group };
  const filled = await segment?.();
  if (filled !== undefined && filled.verdict.result !== 'done') {
    const closing = patchFor(config, variations, wanted, { holds: change.before.group });
    // Ways in are closed whether or not the segment could be written.
    const closed = closing.length > 0 ? await patch(writer, place, environment, closing, signal, mayStart) : undefined;
    const isCertain = !filled.wrote && (closed === undefined || closed.result === 'late');
    return isCertain ? filled.verdict : unsure(writer, place, filled.verdict);
  }
  // Where they stand in it the members have moved already: the rest follows, or nobody knows how it stands.
  const isLed = filled?.wrote === true && config.rules.some(({ segment: name }) => name === wanted.group);
  const start = isLed ? () => true : mayStart;
  const whole = patchFor(config, variations, wanted);
  const verdict = await patch(writer, place, environment, whole, signal, start);
  if (filled?.wrote) {
    if (verdict.result === 'late' && !isLed) return verdict;
    return verdict.result === 'done' || verdict.result === 'pending' ? verdict : unsure(writer, place, verdict);
  }
  if (verdict.result !== 'refused' || verdict.problem.code !== 'launchdarkly-scheduled') return verdict;
  // A grant that a scheduled change forbids keeps nobody in who has to go.
  const taking = patchFor(config, variations, wanted, { holds: change.before.group });
  if (taking.length === 0 || taking.length === whole.length) return verdict;
  const taken = await patch(writer, place, environment, taking, signal, mayStart);
  return taken.result === 'done' ? conflict(verdict.problem) : verdict;
}

async function patch(
  writer: FlagWriter,
  place: FlagPlace,
  environment: string,
  instructions: readonly Instruction[],
  signal: AbortSignal,
  mayStart: Start,
): Promise<Verdict> {
  const { client, seen, mark } = writer;
  const waiting = seen.requests.get(requestName(place, environment));
  if (waiting !== undefined) {
    if (instructions.length > 0 && waiting.hash === hashOf(instructions))
      return { result: 'pending', link: waiting.link };
    // It asks for what nobody wants any more.
    const failure = await withdraw(writer, place, environment, waiting.id, signal, mayStart);
    if (failure !== undefined) return failure;
  }
  if (instructions.length === 0) return versionOf(seen.flag(place), environment);
  const comment = `optoggles ${mark} ${countsOf(instructions)}`;
  const written = await client.write(flagPatch(place, environment, instructions, comment), signal, mayStart);
  if (written.result === 'ok') return kept(writer, place, written.body, environment);
  if (written.result === 'approval') return askApproval(writer, place, environment, instructions, signal, mayStart);
  return failed(writer, place, written.verdict, 'placement');
}

/** The flag as last seen, or as it is. Undefined: there is none. */
async function flagAt(writer: FlagWriter, place: FlagPlace, signal: AbortSignal): Promise<Seen> {
  const { client, seen, environments } = writer;
  const known = seen.flag(place);
  if (known !== undefined) return { view: known };
  const since = seen.moment();
  const theirs = seen.projects.get(place.project);
  // Without knowing which environments there are, all of them are asked for.
  const names = theirs === undefined ? [] : [...environments.values()].filter(name => theirs.has(name));
  try {
    const found = await client.find(flagGet(place, names), flagShape, signal);
    return found && { view: seen.keepFlag(viewFlag(place.project, found), since) };
  } catch (error) {
    return { verdict: unreadOf(error, signal) };
  }
}

/** What LaunchDarkly answers to a write is how it stands now. */
function kept(writer: FlagWriter, place: FlagPlace, body: unknown, environment?: string): Verdict {
  const { seen } = writer;
  if (!flagShape.fits(body)) {
    seen.forgetFlag(place);
    return done;
  }
  const view = seen.keepFlag(viewFlag(place.project, body), seen.moment());
  return environment === undefined ? done : versionOf(view, environment);
}

function versionOf(view: FlagView | undefined, environment: string): Verdict {
  const version = view?.environments.get(environment)?.version;
  return version === undefined ? done : { result: 'done', version: String(version) };
}

function failed(
  { seen, target }: FlagWriter,
  place: FlagPlace,
  verdict: Written extends infer W ? (W extends { verdict: infer V } ? V : never) : never,
  kind: Change['kind'],
): Verdict {
  if (verdict.result === 'late') return verdict;
  // Whatever was wrong: the next try starts from how it is then.
  seen.forgetFlag(place);
  if (kind !== 'archive' || verdict.result !== 'conflict' || !/prerequisite/i.test(verdict.problem.message))
    return verdict;
  const problem = {
    ...verdict.problem,
    code: 'launchdarkly-depended-on',
    hint: `Take flag ${place.key} out of the prerequisites of those flags first; it is closed, but ${target} keeps it.`,
  };
  return { result: 'refused', problem };
}

function unsure(writer: FlagWriter, place: FlagPlace, verdict: Verdict): Verdict {
  writer.seen.forgetFlag(place);
  const retryAfter = 'retryAfter' in verdict ? verdict.retryAfter : undefined;
  const problem = 'problem' in verdict ? verdict.problem : half(writer, place);
  return { result: 'unanswered', problem, ...(retryAfter !== undefined && { retryAfter }) };
}

function conflict(problem: Problem): Verdict {
  return { result: 'conflict', problem };
}
