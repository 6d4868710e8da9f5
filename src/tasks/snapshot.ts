import type { Ask, Audience } from '../domain/audience.ts';
import { ruleName } from '../domain/identity.ts';
import type { SourceEntry } from '../domain/config.ts';
import { type Problem, ProblemsError } from '../domain/problem.ts';
import type { Snapshot, SnapshotAudience } from '../domain/snapshot.ts';
import type { Clock } from '../lib/clock.ts';
import type { KeyedHash } from '../lib/keyed-hash.ts';
import type { Line } from '../sync/line.ts';
import { type HashMembers, memberHasher } from './hashed.ts';
import { isLocal } from './local-policy.ts';
import { findingsOf } from './result.ts';
import { settle } from './settle.ts';

export interface SnapshotOptions {
  /** A line opened with mode `preview`. */
  readonly line: Line;
  readonly instance: string;
  readonly sources: readonly SourceEntry[];
  readonly hash: KeyedHash;
  readonly clock: Clock;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export interface Snapped {
  readonly snapshot: Snapshot;
  /** Rules without an answer: a plan with this snapshot leaves their toggles as they are. */
  readonly open: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/**
 * Asks the sources that lie behind a network what the flag files ask them. Throws a ProblemsError where one of them is
 * not ready: what it says then would be taken for the truth until the next snapshot.
 */
export async function takeSnapshot(options: SnapshotOptions): Promise<Snapped> {
  const { line, clock, instance, hash } = options;
  await line.start();
  await settle(line, clock, options.timeout, options.signal);
  const { failed, warnings } = findingsOf(line);
  const remote = new Set(options.sources.filter(entry => !isLocal(entry)).map(({ id }) => id));
  const lanes = line.sources.filter(({ source }) => remote.has(source.id));
  const doubtful = lanes
    .filter(lane => lane.view().standing.state !== 'ready')
    .map(({ source }) => notReady(source.id));
  if (failed.length + doubtful.length > 0) throw new ProblemsError([...failed, ...doubtful]);
  const hashed = memberHasher(hash);
  const audiences = asksOf(line)
    .filter(({ policy }) => remote.has(policy.source))
    .map(ask => snapped(ask, line.audiences.get(ask.id), hashed));
  const sources = lanes.map(lane => {
    const { readiness } = lane.view();
    return { id: lane.source.id, revision: readiness?.revision, dataUpdate: readiness?.dataUpdate };
  });
  return {
    snapshot: { instance, takenAt: clock.now(), keyId: hash.id, sources, audiences },
    open: audiences.flatMap(openIn),
    warnings,
  };
}

function asksOf({ targets }: Line): readonly Ask[] {
  return [...new Map(targets.flatMap(({ desired }) => [...desired.asks])).values()];
}

function snapped(
  { id, policy, contextKind }: Ask,
  audience: Audience | undefined,
  hashed: HashMembers,
): SnapshotAudience {
  const about = { id, source: policy.source, rule: ruleName(policy), contextKind };
  if (audience?.state === 'failed') return { ...about, state: 'failed', problem: audience.error };
  if (audience?.state === 'defined') {
    if (audience.who.kind === 'members') return { ...about, state: 'defined', members: hashed(audience.who.members) };
    const hint = 'Let the rule answer with a list.';
    const message = `${about.rule} of ${policy.source} answers with something else than a list.`;
    return { ...about, state: 'failed', problem: { code: 'audience-no-list', message, hint } };
  }
  return { ...about, state: 'undefined' };
}

function openIn(audience: SnapshotAudience): readonly Problem[] {
  if (audience.state === 'defined') return [];
  if (audience.state === 'failed') return [audience.problem];
  return [
    {
      code: 'audience-undefined',
      message: `${audience.rule} of ${audience.source} is undefined.`,
      hint: 'Check that the rule exists and that its data has arrived.',
    },
  ];
}

function notReady(source: string): Problem {
  return {
    code: 'snapshot-not-ready',
    message: `source ${source} is not ready, so no snapshot is taken.`,
    hint: 'See "optoggles plan" for what it waits for, and take the snapshot then; the one before stays good.',
  };
}
