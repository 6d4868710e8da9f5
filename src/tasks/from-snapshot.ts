import { neverSeen } from '../audience/judge.ts';
import type { Audience, Source } from '../domain/audience.ts';
import { ruleName } from '../domain/identity.ts';
import type { SourceEntry } from '../domain/config.ts';
import type { Held, PlacementRef, Plan } from '../domain/plan.ts';
import { type Problem, ProblemError } from '../domain/problem.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Clock } from '../lib/clock.ts';
import type { KeyedHash } from '../lib/keyed-hash.ts';
import type { Line } from '../sync/line.ts';
import { hashedSource, hashedTarget, memberHasher } from './hashed.ts';
import { isLocal } from './local-policy.ts';
import type { Through } from './open.ts';

/** From this age on (ms) a snapshot is called old. */
const oldAfter = 24 * 60 * 60_000;

/**
 * Puts a snapshot between a line and the network: it answers for the sources there, those beside the configuration are
 * asked as always, and names are hashes everywhere. Throws a ProblemError for a snapshot of another instance or key.
 */
export function throughSnapshot(snapshot: Snapshot, hash: KeyedHash, instance: string, clock: Clock): Through {
  if (snapshot.instance !== instance) {
    throw new ProblemError({
      code: 'snapshot-other-instance',
      message: `The snapshot is of the instance ${snapshot.instance}, and this configuration is of ${instance}.`,
      hint: 'Take one with this configuration.',
    });
  }
  if (snapshot.keyId !== hash.id) {
    throw new ProblemError({
      code: 'snapshot-other-key',
      message: 'The snapshot was taken with another key, so its hashes compare with nothing.',
      hint: 'Set OPTOGGLES_SNAPSHOT_KEY to the same value in both places, or take the snapshot again.',
    });
  }
  const hashed = memberHasher(hash);
  return {
    source: (entry, make) =>
      isLocal(entry) ? hashedSource(make(), hashed) : snapshotSource(entry, snapshot, clock.now()),
    target: target => hashedTarget(target, hashed),
  };
}

/**
 * What of a configuration a plan from a snapshot does not use: how sources behind the network are reached, and what only
 * the long-running mode has. Its secrets need not be where the plan is made.
 */
export function unneededWithSnapshot(path: readonly (string | number)[], root: unknown): boolean {
  const [section, index] = path;
  if (section === 'adminTokens' || section === 'readTokens' || section === 'callbackSecret') return true;
  if (section !== 'sources' || typeof root !== 'object' || root === null) return false;
  const entries = (root as { readonly sources?: unknown }).sources;
  const entry: unknown = Array.isArray(entries) ? entries[Number(index)] : undefined;
  const type = typeof entry === 'object' && entry !== null && 'type' in entry ? entry.type : 'opal';
  return typeof type === 'string' && !isLocal({ type });
}

/** Answers as the snapshot says, at once and for good. What has no answer there is undefined: nobody gains or loses. */
function snapshotSource({ id, type }: SourceEntry, snapshot: Snapshot, now: number): Source {
  const answers = new Map(snapshot.audiences.map(audience => [audience.id, audience]));
  const { revision, dataUpdate } = snapshot.sources.find(source => source.id === id) ?? {};
  const about = { ...(revision !== undefined && { revision }), ...(dataUpdate !== undefined && { dataUpdate }) };
  return {
    id,
    type,
    announces: false,
    async readiness() {
      return { readiness: { instanceId: null, state: 'ready', by: 'loaded', problems: [], ...about }, seen: neverSeen };
    },
    async *resolve(asks) {
      for (const { id: audience, contextKind, policy } of asks) {
        const from = { source: id, rule: ruleName(policy), answeredAt: Math.min(snapshot.takenAt, now), ...about };
        const base = { id: audience, contextKind, from };
        const found = answers.get(audience);
        const answer: Audience =
          found?.state === 'defined'
            ? { ...base, state: 'defined', who: { kind: 'members', members: found.members } }
            : { ...base, state: 'undefined' };
        yield answer;
      }
    },
    hints: async () => {},
    close: async () => {},
  };
}

/** The plan with what has to be known of its snapshot: how old it is, and which rules it has no answer of. */
export function toldOfSnapshot(plan: Plan, line: Line, snapshot: Snapshot, now: number): Plan {
  const answers = new Map(snapshot.audiences.map(audience => [audience.id, audience]));
  const local = new Set(line.sources.filter(({ source }) => isLocal(source)).map(({ source }) => source.id));
  const problems = new Map<string, Problem>();
  for (const { desired } of line.targets) {
    for (const placement of desired.listings.flatMap(({ placements }) => placements)) {
      const ask = desired.asks.get(placement.audience);
      const found = answers.get(placement.audience);
      if (
        ask === undefined ||
        local.has(ask.policy.source) ||
        found?.state === 'defined' ||
        found?.state === 'undefined'
      )
        continue;
      problems.set(nameOf(placement), found === undefined ? missing(ruleName(ask.policy)) : found.problem);
    }
  }
  const held = plan.held.map((one): Held => {
    const problem = one.reason === 'undefined' ? problems.get(nameOf(one)) : undefined;
    return problem === undefined ? one : { ...one, reason: 'failed', problem };
  });
  return { ...plan, held, warnings: [ageOf(snapshot, now), ...plan.warnings] };
}

function missing(rule: string): Problem {
  return {
    code: 'not-in-snapshot',
    message: `the snapshot has no answer of ${rule}: nobody knows who that would be.`,
    hint: 'It has the rules that flag files named when it was taken; the next one will have this, once it is merged.',
  };
}

function ageOf({ takenAt }: Snapshot, now: number): Problem {
  const age = Math.max(0, now - takenAt);
  const when = `Who may have what is by a snapshot of ${new Date(takenAt).toISOString()}, ${ageText(age)} old`;
  if (age < oldAfter) {
    return { code: 'snapshot-used', message: `${when}.`, hint: 'What policy and data did since is not in it.' };
  }
  return { code: 'snapshot-old', message: `${when}: much may have changed.`, hint: 'Take a new one more often.' };
}

function ageText(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 120) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}

function nameOf({ toggle, target, environment }: PlacementRef): string {
  return JSON.stringify([target, toggle, environment]);
}
