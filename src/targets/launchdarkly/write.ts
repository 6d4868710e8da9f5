import type { Change, PlacementChange } from '../../domain/plan.ts';
import { toProblem } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/target.ts';
import { bounded, type Bounds } from '../../lib/bounded.ts';
import type { SegmentPlace } from './calls.ts';
import { segmentName } from './seen.ts';
import type { Verdict } from './verdicts.ts';
import { type FlagWriter, writeListing, writePlacement } from './write-flags.ts';
import { dropSegment, fillSegment, type SegmentResult, type SegmentWriter } from './write-segments.ts';

export interface Writer extends FlagWriter, SegmentWriter {
  readonly bounds: Bounds;
}

/** Changes of one batch that stand in one segment, and its one write. */
interface Group {
  readonly place: SegmentPlace;
  readonly changes: (PlacementChange & Change)[];
  result: Promise<SegmentResult> | undefined;
}

/**
 * Writes a batch: each segment once, then each flag; changes of one flag one after the other, since two writes of one
 * flag at a time get into each other's way (409). Yields an outcome per change as soon as its flag is done.
 */
export async function* writeBatch(
  writer: Writer,
  batch: readonly Change[],
  signal: AbortSignal,
  mayStart: (change: Change) => boolean,
): AsyncGenerator<Outcome> {
  const groups = groupsOf(writer, batch);
  const flags = Map.groupBy(batch, ({ key }) => key);
  let landed = false;
  const work = async (changes: readonly Change[]): Promise<readonly Outcome[]> => {
    const outcomes: Outcome[] = [];
    for (const change of changes) {
      const verdict = await writeOne(writer, groups, change, signal, mayStart);
      if (verdict.result === 'done') landed = true;
      outcomes.push({ change: change.id, ...verdict });
    }
    return outcomes;
  };
  for await (const outcomes of bounded([...flags.values()], work, writer.bounds)) yield* outcomes;
  if (landed && !signal.aborted) await dropUnused(writer, groups, signal);
}

async function writeOne(
  writer: Writer,
  groups: ReadonlyMap<string, Group>,
  change: Change,
  signal: AbortSignal,
  mayStart: (change: Change) => boolean,
): Promise<Verdict> {
  if (signal.aborted) return { result: 'late' };
  const start = () => !signal.aborted && mayStart(change);
  try {
    if (change.kind !== 'placement') return await writeListing(writer, change, signal, start);
    const group = groups.get(groupName(writer, change) ?? '');
    const fill = group && (() => (group.result ??= fillGroup(writer, group, change, signal, mayStart)));
    const write = () => writePlacement(writer, change, fill, signal, start);
    if (group === undefined) return await write();
    return await writer.seen.entering(writer.names.placeOf(change.key), group.place, write);
  } catch (error) {
    writer.seen.forgetFlag(writer.names.placeOf(change.key));
    const problem = { hint: 'It is read again before anything else is written.', ...toProblem(error) };
    return { result: 'unanswered', problem };
  }
}

function fillGroup(
  writer: Writer,
  group: Group,
  { contextKind, after }: PlacementChange & Change,
  signal: AbortSignal,
  mayStart: (change: Change) => boolean,
): Promise<SegmentResult> {
  if (after.who.kind !== 'members') throw new TypeError('a segment holds members');
  const start = () => !signal.aborted && group.changes.some(mayStart);
  return fillSegment(writer, group.place, contextKind, after.who.members, signal, start);
}

function groupsOf(writer: Writer, batch: readonly Change[]): ReadonlyMap<string, Group> {
  const groups = new Map<string, Group>();
  for (const change of batch) {
    if (change.kind !== 'placement') continue;
    const name = groupName(writer, change);
    if (name === undefined) continue;
    const known = groups.get(name);
    if (known !== undefined) known.changes.push(change);
    else groups.set(name, { place: segmentOf(writer, change), changes: [change], result: undefined });
  }
  return groups;
}

function groupName(writer: Writer, change: PlacementChange & Change): string | undefined {
  if (change.after.group === undefined || !writer.environments.has(change.environment)) return undefined;
  return segmentName(segmentOf(writer, change));
}

function segmentOf({ names, environments }: Writer, change: PlacementChange & Change): SegmentPlace {
  const { project } = names.placeOf(change.key);
  return { project, environment: environments.get(change.environment) ?? '', key: change.after.group ?? '' };
}

/** Segments of ours that no flag uses any more go; one that cannot be deleted is tried after the next batch again. */
async function dropUnused(writer: Writer, groups: ReadonlyMap<string, Group>, signal: AbortSignal): Promise<void> {
  const { seen, names } = writer;
  const unused: SegmentPlace[] = [];
  let used: ReadonlySet<string> | undefined;
  for (const { place, view } of seen.segments()) {
    if (view === 'missing' || !view.tags.includes(names.tag) || !names.isGroup(place.key)) continue;
    const name = segmentName(place);
    used ??= seen.usedSegments();
    if (!used.has(name) && !groups.has(name)) unused.push(place);
  }
  for (const place of unused) await dropSegment(writer, place, signal);
}
