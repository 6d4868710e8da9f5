import type { Audience, AudienceId } from '../domain/audience.ts';
import { refKey, ruleName } from '../domain/identity.ts';
import type { Block, Change, Held } from '../domain/plan.ts';
import { formatProblem, type Problem } from '../domain/problem.ts';
import type { Override } from '../domain/override.ts';
import type { StoredBlock } from '../domain/state.ts';
import type { DesiredPlacement, LivePlacement } from '../domain/listing.ts';
import { sentenceOf } from './overriding.ts';
import type { SourceLane } from './source-lane.ts';
import type { TargetLane } from './target-lane.ts';
import type { BlockStatus, Health, OverrideStatus, SourceStatus, TargetStatus, ToggleStatus } from './view.ts';

/** A placement counts as failing from the second failure in a row on. */
export const keepsFailing = 2;

function isoOrNull(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}

export function sourceStatus(lane: SourceLane): SourceStatus {
  const view = lane.view();
  return {
    id: lane.source.id,
    type: lane.source.type,
    state: view.standing.state,
    revision: view.readiness?.revision ?? null,
    dataUpdate: view.readiness?.dataUpdate ?? null,
    lastAnswerAt: isoOrNull(view.lastAnswerAt),
    lastCallbackAt: isoOrNull(view.lastCallbackAt),
    error: view.problem ? formatProblem(view.problem) : null,
    warnings: view.warnings.map(formatProblem),
  };
}

export function targetStatus(lane: TargetLane): TargetStatus {
  const problem = lane.retries.held?.problem ?? unreadProblem(lane);
  return {
    name: lane.target.name,
    type: lane.target.type,
    state: problem ? 'failing' : 'ok',
    error: problem ? formatProblem(problem) : null,
  };
}

/** Why nothing of what is wanted there could be read; one toggle that cannot be read is held alone. */
function unreadProblem(lane: TargetLane): Problem | undefined {
  const unreadable = lane.view()?.live.unreadable ?? [];
  if (unreadable.length === 0) return undefined;
  const unread = new Set(unreadable.map(({ key }) => key));
  return lane.desired.listings.every(({ key }) => unread.has(key)) ? unreadable[0]?.problem : undefined;
}

/** One row per placement of the lane's target, and per listing it refuses or has removed. */
export function toggleStatuses(
  lane: TargetLane,
  audiences: ReadonlyMap<AudienceId, Audience>,
  overrides: readonly Override[] = [],
): ToggleStatus[] {
  const open = openChanges(lane);
  const held = new Map(lane.plan?.held.map(one => [nameOf(one), one]));
  const blocked = new Map(
    lane.plan?.blocked.flatMap(block => block.placements.map(placement => [nameOf(placement), block])),
  );
  const view = lane.view();
  const live = new Map<string, LivePlacement>(
    view?.live.listings.flatMap(listing => listing.placements.map(placement => [placement.id, placement])),
  );
  const appliedAt = new Map<string, number>();
  for (const listing of lane.applied().values()) {
    for (const placement of listing.placements) appliedAt.set(placement.id, placement.appliedAt);
  }
  const rows: ToggleStatus[] = [];
  for (const listing of lane.desired.listings) {
    const refusal = lane.plan?.refused.find(one => one.key === listing.key)?.problem;
    for (const placement of listing.placements) {
      const name = nameOf(placement);
      const here = live.get(placement.id);
      const audience = audiences.get(placement.audience);
      const ask = lane.desired.asks.get(placement.audience);
      const at = appliedAt.get(placement.id);
      rows.push({
        key: placement.toggle,
        target: placement.target,
        environment: placement.environment,
        ...stateOf(
          placement,
          here,
          refusal && formatProblem(refusal),
          held.get(name),
          blocked.get(name),
          open.get(name),
          lane,
          overrides,
        ),
        users: here && here.seen !== 'unknown' && here.who.kind === 'members' ? here.who.members.size : null,
        lastAppliedAt: isoOrNull(at),
        source: placement.source,
        rule: ask ? ruleName(ask.policy) : null,
        revision: audience?.from.revision ?? null,
      });
    }
  }
  for (const refusal of lane.desired.refused) {
    rows.push(bare(refusal.toggle, refusal.target, '', 'failed', formatProblem(refusal.problem)));
  }
  // A toggle that moved is where it is wanted now.
  const wanted = new Set(lane.desired.listings.map(listing => listing.toggle));
  for (const listing of lane.applied().values()) {
    if (!listing.removed || wanted.has(listing.toggle)) continue;
    for (const { environment } of listing.placements) {
      rows.push(bare(listing.toggle, lane.target.name, environment, 'removed', 'its file is gone'));
    }
  }
  return rows;
}

function bare(
  key: string,
  target: string,
  environment: string,
  state: ToggleStatus['state'],
  reason: string,
): ToggleStatus {
  const nothing = { users: null, lastAppliedAt: null, source: null, rule: null, revision: null };
  return { key, target, environment, state, reason, ...nothing };
}

function stateOf(
  placement: DesiredPlacement,
  live: LivePlacement | undefined,
  refusal: string | undefined,
  held: Held | undefined,
  block: Block | undefined,
  open: Change | undefined,
  lane: TargetLane,
  overrides: readonly Override[],
): Pick<ToggleStatus, 'state' | 'reason'> {
  if (refusal !== undefined) return { state: 'failed', reason: refusal };
  if (block) return { state: 'blocked', reason: block.message };
  const entry = open && lane.retries.entry(open.id);
  if (entry) return { state: 'failed', reason: formatProblem(entry.problem) };
  if (held?.reason === 'switched-off-by-hand') return { state: 'off', reason: formatProblem(held.problem) };
  if (held) return { state: 'held', reason: formatProblem(held.problem) };
  const link = open && lane.waitsFor(open);
  if (link !== undefined) return { state: 'pending', reason: `waits for an approval in ${placement.target}: ${link}` };
  if (open || !live)
    return { state: 'pending', reason: lane.retries.held ? formatProblem(lane.retries.held.problem) : null };
  if (placement.overridden) return { state: 'off', reason: offBy(placement, overrides) };
  if (placement.state === 'off') return { state: 'off', reason: 'state: off in its file' };
  return { state: 'in-sync', reason: null };
}

/** Who switched it off against its file. */
function offBy({ toggle, environment }: DesiredPlacement, overrides: readonly Override[]): string {
  const one = overrides.find(
    other =>
      other.kind === 'off' &&
      other.toggle === toggle &&
      (other.environment === null || other.environment === environment),
  );
  if (one === undefined) return 'closed: it was without an answer for longer than maxHold allows; its file says on';
  const reason = one.reason === '' ? '' : ` (${one.reason})`;
  return `switched off by ${one.by} since ${new Date(one.since).toISOString()}${reason}; its file says on. optoggles resume ${one.id} takes it back`;
}

function nameOf(placement: { toggle: string; environment: string }): string {
  return `${placement.toggle}\n${placement.environment}`;
}

/** Planned changes that are not done, by placement; a listing's change stands for each of its environments. */
function openChanges(lane: TargetLane): ReadonlyMap<string, Change> {
  const open = new Map<string, Change>();
  for (const change of lane.plan?.changes ?? []) {
    if (lane.isDone(change)) continue;
    const environments = change.kind === 'placement' ? [change.environment] : change.environments;
    for (const environment of environments) {
      const name = nameOf({ toggle: change.toggle, environment });
      if (!open.has(name)) open.set(name, change);
    }
  }
  return open;
}

/** Blocks of all targets, those of one id as one. Sorted by when they began, then id. */
export function blockStatuses(blocks: readonly StoredBlock[]): BlockStatus[] {
  const byId = new Map<string, StoredBlock[]>();
  for (const block of blocks) byId.set(block.id, [...(byId.get(block.id) ?? []), block]);
  return [...byId]
    .map(([id, same]) => {
      const one = same[0] as StoredBlock;
      const placements = unique(same.flatMap(block => block.placements));
      return {
        id,
        scope: one.scope,
        source: one.source,
        toggle: placements[0]?.toggle ?? null,
        target: placements[0]?.target ?? null,
        environment: placements[0]?.environment ?? null,
        placements,
        revoked: Math.max(
          ...same.map(block => (block.scope === 'removal' ? block.removals.length : block.revoked.size)),
        ),
        granted: Math.max(...same.map(block => block.granted.size)),
        of: Math.max(...same.map(block => block.of)),
        revision: one.revision ?? null,
        also: same.some(({ also }) => also) ? alsoIn(same) : null,
        reason: one.message,
        since: new Date(Math.min(...same.map(block => block.since))).toISOString(),
        approve: `optoggles approve ${id}`,
      };
    })
    .sort((a, b) => (a.since < b.since ? -1 : a.since > b.since ? 1 : a.id < b.id ? -1 : 1));
}

function alsoIn(blocks: readonly StoredBlock[]): BlockStatus['also'] {
  const sum = (of: 'changes' | 'granted' | 'revoked') =>
    blocks.reduce((total, { also }) => total + (also?.[of] ?? 0), 0);
  return { changes: sum('changes'), granted: sum('granted'), revoked: sum('revoked') };
}

/** Overrides for people and programs; `tag` stands for a member. */
export function overrideStatuses(list: readonly Override[], tag: (member: string) => string): OverrideStatus[] {
  return list.map(one => ({
    id: one.id,
    kind: one.kind,
    what: sentenceOf(one, tag),
    since: new Date(one.since).toISOString(),
    until: one.until === null ? null : new Date(one.until).toISOString(),
    by: one.by,
    reason: one.reason,
    resume: `optoggles resume ${one.id}`,
  }));
}

function unique(placements: BlockStatus['placements']): BlockStatus['placements'] {
  const seen = new Map(placements.map(one => [refKey(one), one]));
  return [...seen.values()];
}

/** Starting until everything was reached once; failing while a query or an update keeps failing. */
export function healthOf(
  sources: readonly SourceLane[],
  targets: readonly TargetLane[],
  toggles: readonly ToggleStatus[],
  blocked: number,
  everStarted: boolean,
  overrides: number,
): Health {
  const failing =
    sources.some(lane => lane.view().failures >= keepsFailing || lane.view().failingAudiences > 0) ||
    targets.some(lane => (lane.retries.held?.failures ?? 0) >= keepsFailing || lane.retries.worst() >= keepsFailing);
  return {
    phase: !everStarted ? 'starting' : failing ? 'failing' : 'ok',
    sources: count(
      sources.map(lane => lane.view().standing.state),
      ['waiting', 'suspect', 'ready', 'failing'],
    ),
    targets: count(
      targets.map(lane => targetStatus(lane).state),
      ['ok', 'failing'],
    ),
    toggles: count(
      toggles.map(toggle => toggle.state),
      ['in-sync', 'pending', 'held', 'blocked', 'off', 'failed', 'removed'],
    ),
    blocked,
    overrides,
  };
}

function count<State extends string>(found: readonly State[], states: readonly State[]): Record<State, number> {
  const counts = Object.fromEntries(states.map(state => [state, 0])) as Record<State, number>;
  for (const state of found) counts[state]++;
  return counts;
}
