import { type Members, membersOf, noMembers, union } from '../../domain/members.ts';
import type { SegmentAnswer } from './answers.ts';

/** A segment as last seen. */
export interface SegmentView {
  readonly key: string;
  readonly tags: readonly string[];
  readonly version: number | undefined;
  /** A big segment: its keys are not shown, and not written by us. */
  readonly unbounded: boolean;
  /** Keys by kind of context; each set is one object, however many flags use it. */
  readonly included: ReadonlyMap<string, Members>;
  readonly excluded: ReadonlyMap<string, Members>;
  readonly rules: readonly (string | undefined)[];
}

/** Turns an answer into a view. */
export function viewSegment(segment: SegmentAnswer): SegmentView {
  return {
    key: segment.key,
    tags: segment.tags,
    version: segment.version,
    unbounded: segment.unbounded ?? false,
    included: byKind(segment.included, segment.includedContexts),
    excluded: byKind(segment.excluded, segment.excludedContexts),
    rules: segment.rules.map(({ _id }) => _id),
  };
}

function byKind(
  users: readonly string[] | undefined,
  contexts: SegmentAnswer['includedContexts'],
): ReadonlyMap<string, Members> {
  const kinds = new Map<string, Members>();
  const add = (kind: string, values: readonly string[] | undefined) => {
    if (values === undefined || values.length === 0) return;
    kinds.set(kind, union(kinds.get(kind) ?? noMembers, membersOf(values)));
  };
  add('user', users);
  for (const { contextKind, values } of contexts ?? []) add(contextKind ?? 'user', values);
  return kinds;
}

/** A segment that was only just made. */
export function newSegment(key: string, tags: readonly string[]): SegmentView {
  return { key, tags, version: undefined, unbounded: false, included: new Map(), excluded: new Map(), rules: [] };
}

/** The segment with these as its keys of a kind, and nothing else: as it is after we wrote it. */
export function filledSegment(before: SegmentView, kind: string, members: Members): SegmentView {
  const included = members.size === 0 ? new Map<string, Members>() : new Map([[kind, members]]);
  return { ...before, version: undefined, included, excluded: new Map(), rules: [] };
}
