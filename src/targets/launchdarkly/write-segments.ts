import { difference, type Members, noMembers } from '../../domain/members.ts';
import type { Problem } from '../../domain/problem.ts';
import { segmentShape } from './answers.ts';
import { segmentDelete, segmentGet, segmentPatch, type SegmentPlace, segmentPost } from './calls.ts';
import type { Client, Written } from './client.ts';
import type { Instruction } from './instructions.ts';
import type { Names } from './names.ts';
import { countsOf } from './patch.ts';
import { filledSegment, newSegment, type SegmentView, viewSegment } from './segment.ts';
import type { Seen } from './seen.ts';
import { unreadOf, type Verdict } from './verdicts.ts';

/** A standard segment takes no more changes of keys at once (launchdarkly/ldcli: ld-openapi.json, patchSegment). */
const mostOperations = 1500;

export interface SegmentWriter {
  readonly client: Client;
  readonly names: Names;
  readonly seen: Seen;
  /** `target ld` */
  readonly target: string;
  readonly mark: string;
}

/** `wrote`: something of it was changed, whatever the verdict. */
export interface SegmentResult {
  readonly verdict: Verdict;
  readonly wrote: boolean;
}

/**
 * Brings a segment of ours to exactly these members, revocations first; makes it where it is not there. What is right
 * already costs no request. Once the first of several requests for keys went through, the others follow, and if one of
 * those fails, nobody knows: `unanswered`.
 */
export async function fillSegment(
  writer: SegmentWriter,
  place: SegmentPlace,
  contextKind: string,
  members: Members,
  signal: AbortSignal,
  mayStart: () => boolean,
): Promise<SegmentResult> {
  const { client, seen, names } = writer;
  let wrote = false;
  const start = () => wrote || mayStart();
  const ended = (verdict: Verdict): SegmentResult => {
    if (verdict.result === 'late' && !wrote) return { verdict, wrote };
    seen.forgetSegment(place);
    return { verdict: wrote ? unfinished(writer, place, verdict) : verdict, wrote };
  };
  let view: SegmentView | 'missing' | undefined;
  try {
    view = seen.segment(place) ?? (await look(writer, place, signal));
  } catch (error) {
    return { verdict: unreadOf(error, signal), wrote };
  }
  if (view === 'missing') {
    const made = await client.write(segmentPost(place, bodyOf(writer, place)), signal, start);
    if (made.result === 'ok') {
      // Empty, and nobody stands in it: as good as nothing.
      view = segmentShape.fits(made.body) ? viewSegment(made.body) : newSegment(place.key, [names.tag]);
      seen.keepSegment(place, view, seen.moment());
    } else if (made.result === 'existed') {
      seen.forgetSegment(place);
      return { verdict: { result: 'conflict', problem: problemIn(made.verdict) ?? unclear(writer, place) }, wrote };
    } else return ended(failure(writer, place, made));
  }
  const objection = objectionTo(writer, place, view);
  if (objection !== undefined) return { verdict: { result: 'refused', problem: objection }, wrote };
  const { instructions, rest } = changesOf(view, contextKind, members);
  const requests = chunked(instructions, mostOperations);
  if (rest.length > 0) requests.unshift([...rest, ...(requests.shift() ?? [])]);
  for (const one of requests) {
    const comment = `optoggles ${writer.mark} ${countsOf(one)}`;
    const written = await client.write(segmentPatch(place, one, comment), signal, start);
    if (written.result !== 'ok') return ended(failure(writer, place, written));
    wrote = true;
  }
  if (requests.length > 0) seen.keepSegment(place, filledSegment(view, contextKind, members), seen.moment());
  return { verdict: { result: 'done' }, wrote };
}

async function look(
  { client, seen }: SegmentWriter,
  place: SegmentPlace,
  signal: AbortSignal,
): Promise<SegmentView | 'missing'> {
  const since = seen.moment();
  const found = await client.find(segmentGet(place), segmentShape, signal);
  return seen.keepSegment(place, found === undefined ? 'missing' : viewSegment(found), since);
}

function bodyOf({ names }: SegmentWriter, { key }: SegmentPlace) {
  const description = 'Users of one policy, kept by OPToggles: what is changed here by hand is changed back.';
  return { key, name: key, description, tags: [names.tag] };
}

function changesOf(view: SegmentView, contextKind: string, members: Members) {
  // Who is in both lists is in, and rules add others: nothing but our list may decide.
  const rest: Instruction[] = view.rules.flatMap(ruleId =>
    ruleId === undefined ? [] : [{ kind: 'removeRule', ruleId }],
  );
  const { added, removed } = difference(view.included.get(contextKind) ?? noMembers, members);
  const instructions: Instruction[] = [];
  if (removed.size > 0)
    instructions.push({ kind: 'removeIncludedTargets', contextKind, values: [...removed.values()] });
  for (const [kind, others] of view.included) {
    if (kind !== contextKind) {
      instructions.push({ kind: 'removeIncludedTargets', contextKind: kind, values: [...others.values()] });
    }
  }
  for (const [kind, others] of view.excluded) {
    instructions.push({ kind: 'removeExcludedTargets', contextKind: kind, values: [...others.values()] });
  }
  if (added.size > 0) instructions.push({ kind: 'addIncludedTargets', contextKind, values: [...added.values()] });
  return { instructions, rest };
}

/** Cuts lists of keys so that no request has more than `most` of them; the order stays. */
export function chunked(instructions: readonly Instruction[], most: number): Instruction[][] {
  const requests: Instruction[][] = [];
  let current: Instruction[] = [];
  let room = most;
  for (const one of instructions) {
    if (!('contextKind' in one) || !('values' in one)) {
      current.push(one);
      continue;
    }
    for (let at = 0; at < one.values.length; ) {
      if (room === 0) {
        requests.push(current);
        current = [];
        room = most;
      }
      const values = one.values.slice(at, at + room);
      current.push({ ...one, values });
      at += values.length;
      room -= values.length;
    }
  }
  if (current.length > 0) requests.push(current);
  return requests;
}

/** Deletes a segment of ours that no flag uses. True: it is gone. */
export async function dropSegment(writer: SegmentWriter, place: SegmentPlace, signal: AbortSignal): Promise<boolean> {
  const { client, seen, names } = writer;
  let isUnused: boolean;
  try {
    const found = await client.find(segmentGet(place), segmentShape, signal);
    if (found !== undefined && !found.tags.includes(names.tag)) return false;
    // Flags that are none of ours may have come to use it.
    isUnused = (found?._flags ?? []).length === 0;
    if (found === undefined) {
      seen.keepSegment(place, 'missing', seen.moment());
      return true;
    }
  } catch {
    return false;
  }
  if (!isUnused || seen.isAwaited(place)) return false;
  const written = await client.write(segmentDelete(place), signal, () => true);
  if (written.result !== 'ok') return false;
  seen.keepSegment(place, 'missing', seen.moment());
  return true;
}

function objectionTo({ names, target }: SegmentWriter, { key, environment }: SegmentPlace, view: SegmentView) {
  if (!view.tags.includes(names.tag)) {
    return {
      code: 'launchdarkly-segment-taken',
      message: `${target}: segment ${key} in ${environment} does not carry our mark ${names.tag}.`,
      hint: 'Delete it, or give it that tag back if it is ours.',
    };
  }
  if (view.unbounded) {
    return {
      code: 'launchdarkly-big-segment',
      message: `${target}: segment ${key} in ${environment} is a big segment, which is not written.`,
      hint: 'Delete it: a standard one is made in its place.',
    };
  }
  return undefined;
}

function failure(writer: SegmentWriter, place: SegmentPlace, written: Exclude<Written, { result: 'ok' }>): Verdict {
  if (written.result !== 'approval') return written.verdict;
  const problem = {
    code: 'launchdarkly-segment-approval',
    message: `${writer.target}: segments in ${place.environment} are changed by approval only.`,
    hint: 'Exempt segments from approval there, or set audienceAs: targets, so that each flag asks for its own.',
  };
  return { result: 'refused', problem };
}

function unfinished(writer: SegmentWriter, place: SegmentPlace, verdict: Verdict): Verdict {
  const retryAfter = 'retryAfter' in verdict ? verdict.retryAfter : undefined;
  return {
    result: 'unanswered',
    problem: problemIn(verdict) ?? unclear(writer, place),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

function problemIn(verdict: Verdict): Problem | undefined {
  return 'problem' in verdict ? verdict.problem : undefined;
}

function unclear({ target }: SegmentWriter, { key, environment }: SegmentPlace): Problem {
  return {
    code: 'launchdarkly-half',
    message: `${target}: segment ${key} in ${environment} was written only in part.`,
    hint: 'It is read and planned anew.',
  };
}
