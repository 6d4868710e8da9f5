import type { Audience, Provenance, Who } from '../domain/audience.ts';
import type { DesiredListing, DesiredPlacement, LiveListing, LivePlacement } from '../domain/listing.ts';
import { type Members, noMembers, union } from '../domain/members.ts';
import type { Plan, PlacementRef } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';
import type { VerifiedPlacement } from '../domain/verification.ts';
import type { Line } from '../sync/line.ts';
import type { TargetLane } from '../sync/target-lane.ts';

/** One placement to ask the platform about. */
export interface Case extends PlacementRef {
  readonly key: string;
  readonly contextKind: string;
  readonly expected: 'members' | 'nobody';
  /** Who is in by policy, as far as it has an answer; with `nobody` they have to be out too. */
  readonly members: Members | undefined;
  /** Whoever else the target lists there, or was listed there by us. */
  readonly found: Members;
  readonly live: LivePlacement | undefined;
  /** Its file is gone or wants it elsewhere: where it is not served at all, nobody is let in by us. */
  readonly left: boolean;
  readonly from?: Provenance;
}

export interface Cases {
  readonly cases: readonly Case[];
  /** Placements about which nobody has to be asked: there is nothing to compare with. */
  readonly settled: readonly VerifiedPlacement[];
}

/** What of one target there is to compare. `only`: these toggles, and nothing that was removed. */
export function casesOf(lane: TargetLane, line: Line, plan: Plan, only: ReadonlySet<string> | undefined): Cases {
  const view = lane.view();
  const cases: Case[] = [];
  const settled: VerifiedPlacement[] = [];
  const isMeant = (toggle: string) => only === undefined || only.has(toggle);
  const listed = new Map(view?.live.listings.map(listing => [listing.key, listing]));
  const unreadable = new Map(view?.live.unreadable.map(({ key, problem }) => [key, problem]));
  const refusals = [...lane.desired.refused, ...plan.refused].filter(({ target }) => target === lane.target.name);
  const refused = new Map(refusals.map(one => [one.key, one]));
  for (const { toggle, key, problem } of refused.values()) {
    if (isMeant(toggle))
      settled.push(without({ toggle, target: lane.target.name, environment: '', key }, problem, true));
  }
  for (const listing of lane.desired.listings.filter(({ toggle, key }) => isMeant(toggle) && !refused.has(key))) {
    const { toggle, target, key } = listing;
    for (const wanted of listing.placements) {
      const ref = { toggle, target, environment: wanted.environment, key };
      const problem = unreadable.get(key) ?? (view === undefined ? unread(target) : undefined);
      const one = problem === undefined ? caseOf(lane, line, plan, listing, wanted, listed.get(key)) : problem;
      if ('code' in one) settled.push(without(ref, one, problem !== undefined));
      else cases.push(one);
    }
  }
  for (const toggle of lane.desired.invalid) {
    if (isMeant(toggle))
      settled.push(without({ toggle, target: lane.target.name, environment: '', key: toggle }, invalid(toggle), false));
  }
  if (only === undefined && view !== undefined && line.definitions.current?.unreadable === undefined) {
    cases.push(...leftBehind(lane, line, listed));
  }
  return { cases, settled };
}

/** A placement without a verdict, and why. */
export function without(
  ref: PlacementRef & { readonly key: string },
  problem: Problem,
  failed: boolean,
): VerifiedPlacement {
  const { toggle, target, environment, key } = ref;
  const verdict = failed ? 'failed' : 'unknown';
  const nothing = { expected: undefined, members: undefined, asked: 0, mismatches: [] };
  return { toggle, target, environment, key, verdict, ...nothing, problems: [problem] };
}

/** The members of an answer that may be used: a defined one, or one of a suspect source that the plan accepts. */
export function usable(audience: Audience | undefined, plan: Plan): Members | undefined {
  if (audience?.state === 'defined') return membersOfWho(audience.who);
  if (audience?.state !== 'not-ready' || audience.candidate === undefined) return undefined;
  const isAccepted = plan.accepted.some(({ source }) => source === audience.from.source);
  return isAccepted ? membersOfWho(audience.candidate) : undefined;
}

/** Why there is no answer to compare with. */
export function noAnswer(ref: PlacementRef, source: string, audience: Audience | undefined, plan: Plan): Problem {
  const held = plan.held.find(one => isAt(one, ref));
  if (held !== undefined && held.reason !== 'switched-off-by-hand') return held.problem;
  if (audience?.state === 'failed') return { hint: `Correct the policy of ${source}.`, ...audience.error };
  if (audience?.state === 'undefined') {
    return {
      code: 'audience-undefined',
      message: `policy ${audience.from.rule} of ${source} is undefined.`,
      hint: 'Check that the rule exists and that its data has arrived.',
    };
  }
  if (audience?.state === 'defined') {
    return {
      code: 'audience-no-list',
      message: `policy ${audience.from.rule} of ${source} does not answer with a list.`,
      hint: 'Let the rule list its users.',
    };
  }
  const block = plan.blocked.find(one => one.placements.some(placement => isAt(placement, ref)));
  return {
    code: 'source-suspect',
    message: block?.message ?? `source ${source} has given no answer that can be trusted.`,
    hint: block ? `To let it through: optoggles approve ${block.id}.` : 'Look at its error; optoggles plan tells more.',
  };
}

/** True for the same toggle, target and environment. */
export function isAt(one: PlacementRef, other: PlacementRef): boolean {
  return one.toggle === other.toggle && one.target === other.target && one.environment === other.environment;
}

function caseOf(
  lane: TargetLane,
  line: Line,
  plan: Plan,
  listing: DesiredListing,
  wanted: DesiredPlacement,
  live: LiveListing | undefined,
): Case | Problem {
  const audience = line.audiences.get(wanted.audience);
  const members = usable(audience, plan);
  const ref = { toggle: wanted.toggle, target: wanted.target, environment: wanted.environment };
  if (wanted.state === 'on' && members === undefined) return noAnswer(ref, wanted.source, audience, plan);
  const placement = live?.placements.find(({ id }) => id === wanted.id);
  return {
    ...ref,
    key: listing.key,
    contextKind: listing.contextKind,
    expected: wanted.state === 'on' ? 'members' : 'nobody',
    members,
    found: foundIn(placement, appliedTo(lane, listing.key, wanted.id)),
    live: placement,
    left: false,
    ...(audience !== undefined && members !== undefined && { from: audience.from }),
  };
}

/** Listings of ours that no file wants any more, and environments that their file no longer names: nobody may have them. */
function leftBehind(lane: TargetLane, line: Line, listed: ReadonlyMap<string, LiveListing>): Case[] {
  const view = lane.view();
  const wanted = new Map(lane.desired.listings.map(listing => [listing.key, listing]));
  const present = line.definitions.current?.present ?? new Set();
  const keeps = view?.onRemoved === 'keep' || view?.policy === 'upsert-only';
  const busy = new Set(lane.desired.refused.map(({ toggle }) => toggle));
  const cases: Case[] = [];
  for (const key of new Set([...listed.keys(), ...lane.applied().keys()])) {
    const live = listed.get(key);
    const applied = lane.applied().get(key);
    const toggle = wanted.get(key)?.toggle ?? applied?.toggle ?? key;
    if (lane.desired.invalid.has(toggle) || busy.has(toggle)) continue;
    if (live === undefined ? applied === undefined : live.owner !== 'ours' || live.archived) continue;
    // Without marks everything counts as ours, but only what we remember was ever ours.
    if (!lane.target.can.marks && applied === undefined) continue;
    const isClosed = live?.removed ?? applied?.removed ?? false;
    if (keeps && !present.has(toggle) && !isClosed) continue;
    const ids = new Set(wanted.get(key)?.placements.map(({ id }) => id));
    for (const { id, environment } of live?.placements ?? applied?.placements ?? []) {
      if (ids.has(id) || !isServed(lane, environment)) continue;
      const placement = live?.placements.find(one => one.id === id);
      cases.push({
        toggle,
        target: lane.target.name,
        environment,
        key,
        contextKind: applied?.contextKind ?? wanted.get(key)?.contextKind ?? 'user',
        expected: 'nobody',
        members: undefined,
        found: foundIn(placement, appliedTo(lane, key, id)),
        live: placement,
        left: true,
      });
    }
  }
  return cases;
}

function isServed({ target }: TargetLane, environment: string): boolean {
  return target.environments.length === 0 || target.environments.includes(environment);
}

function appliedTo(lane: TargetLane, key: string, id: string): Members {
  return (
    lane
      .applied()
      .get(key)
      ?.placements.find(placement => placement.id === id)?.who ?? noMembers
  );
}

function foundIn(live: LivePlacement | undefined, applied: Members): Members {
  const whos = [live?.who, live?.pending?.who].map(who => (who && membersOfWho(who)) ?? noMembers);
  return union(...whos, applied);
}

function membersOfWho(who: Who): Members | undefined {
  return who.kind === 'members' ? who.members : undefined;
}

function unread(target: string): Problem {
  return {
    code: 'target-unread',
    message: `target ${target} could not be read.`,
    hint: 'Its own error says why; run it again when it can be reached.',
  };
}

function invalid(toggle: string): Problem {
  return {
    code: 'definition-invalid',
    message: `the file of ${toggle} cannot be used, and there is no earlier one of it.`,
    hint: 'optoggles validate shows what to correct.',
  };
}
