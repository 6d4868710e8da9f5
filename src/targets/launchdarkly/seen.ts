import type { JsonObject } from '../../domain/json.ts';
import type { SegmentPlace } from './calls.ts';
import type { FlagView } from './flag.ts';
import type { FlagPlace } from './names.ts';
import type { SegmentView } from './segment.ts';
import type { Verdict } from './verdicts.ts';

/** A request of ours for LaunchDarkly's own approval that waits. */
export interface WaitingRequest {
  readonly id: string;
  /** Names its instructions. */
  readonly hash: string;
  readonly link: string;
  /** Where the flag would come to stand. */
  readonly segments: readonly SegmentPlace[];
}

/** What is wanted of a flag, by its remote key: who reads it needs that to compare. */
export interface WantedFlag {
  readonly metadata: JsonObject;
  readonly contextKind: string;
}

/** A flag is told to stand in a segment. */
interface Entry {
  readonly place: FlagPlace;
  readonly segment: SegmentPlace;
  /** It was given up without an answer: the next look at the flag tells. */
  givenUp: boolean;
}

/** An environment of a project. */
export interface KnownEnvironment {
  /** Some flags of it, or all, are changed by approval only. */
  readonly approval: boolean;
}

/**
 * What was last seen in LaunchDarkly, by reading or in the answer to a write: what a write is a difference to. What was
 * seen while a read was under way is newer than what that read brings.
 */
export class Seen {
  readonly wanted = new Map<string, WantedFlag>();
  /** By project, then by their names. */
  readonly projects = new Map<string, ReadonlyMap<string, KnownEnvironment>>();
  readonly requests = new Map<string, WaitingRequest>();
  readonly #entries = new Map<string, Entry>();
  readonly #flags = new Map<string, { readonly view: FlagView; readonly at: number }>();
  readonly #segments = new Map<
    string,
    { readonly place: SegmentPlace; readonly view: SegmentView | 'missing'; readonly at: number }
  >();
  #now = 0;

  /** A moment: what is kept later is newer. */
  moment(): number {
    return ++this.#now;
  }

  flag(place: FlagPlace): FlagView | undefined {
    return this.#flags.get(flagName(place))?.view;
  }

  /** Keeps a flag that was asked for at `since`, unless something newer is known; gives what is known then. */
  keepFlag(view: FlagView, since: number): FlagView {
    const name = flagName(view);
    const known = this.#flags.get(name);
    if (known !== undefined && known.at > since) return known.view;
    this.#flags.set(name, { view, at: this.moment() });
    return view;
  }

  /** It has to be read before it is written again. */
  forgetFlag(place: FlagPlace): void {
    this.#flags.delete(flagName(place));
  }

  /** From before its segment is filled until it is known what became of it: the segment is needed. */
  async entering(place: FlagPlace, segment: SegmentPlace, write: () => Promise<Verdict>): Promise<Verdict> {
    const entry: Entry = { place, segment, givenUp: false };
    const name = `${flagName(place)}\n${segmentName(segment)}`;
    this.#entries.set(name, entry);
    let verdict: Verdict | undefined;
    try {
      return (verdict = await write());
    } finally {
      entry.givenUp = verdict === undefined || verdict.result === 'unanswered';
      if (!entry.givenUp) this.#entries.delete(name);
    }
  }

  /** Names of all segments in which a flag stands, or may come to stand. */
  usedSegments(): ReadonlySet<string> {
    const used = new Set(this.#awaitedSegments());
    for (const { view } of this.#flags.values()) {
      const { project, environments } = view;
      for (const [environment, { rules }] of environments) {
        for (const { segment: key } of rules)
          if (key !== undefined) used.add(segmentName({ project, environment, key }));
      }
    }
    return used;
  }

  /** True while a flag may come to stand in it: by a write, or once somebody approves one. */
  isAwaited(place: SegmentPlace): boolean {
    return this.#awaitedSegments().includes(segmentName(place));
  }

  #awaitedSegments(): readonly string[] {
    for (const [name, entry] of this.#entries)
      if (entry.givenUp && this.flag(entry.place) !== undefined) this.#entries.delete(name);
    const entered = [...this.#entries.values()].map(({ segment }) => segment);
    return [...entered, ...[...this.requests.values()].flatMap(({ segments }) => segments)].map(segmentName);
  }

  segment(place: SegmentPlace): SegmentView | 'missing' | undefined {
    return this.#segments.get(segmentName(place))?.view;
  }

  segments(): Iterable<{ readonly place: SegmentPlace; readonly view: SegmentView | 'missing' }> {
    return this.#segments.values();
  }

  keepSegment(place: SegmentPlace, view: SegmentView | 'missing', since: number): SegmentView | 'missing' {
    const name = segmentName(place);
    const known = this.#segments.get(name);
    if (known !== undefined && known.at > since) return known.view;
    this.#segments.set(name, { place, view, at: this.moment() });
    return view;
  }

  forgetSegment(place: SegmentPlace): void {
    this.#segments.delete(segmentName(place));
  }

  /** Forgets what was last seen before `since` in a project: a whole read did not find it. */
  forgetOlder(project: string, since: number): void {
    for (const [name, { view, at }] of this.#flags)
      if (view.project === project && at <= since) this.#flags.delete(name);
    for (const [name, { place, at }] of this.#segments) {
      if (place.project === project && at <= since) this.#segments.delete(name);
    }
  }
}

/** Names the waiting request of a flag in an environment of theirs. */
export function requestName({ project, key }: FlagPlace, environment: string): string {
  return `${project}\n${environment}\n${key}`;
}

function flagName({ project, key }: FlagPlace): string {
  return `${project}\n${key}`;
}

export function segmentName({ project, environment, key }: SegmentPlace): string {
  return `${project}\n${environment}\n${key}`;
}
