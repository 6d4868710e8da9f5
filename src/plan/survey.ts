import type { Problem } from '../domain/problem.ts';
import type { AudienceId } from '../domain/audience.ts';
import type { Refusal, AppliedListing, DesiredListing, DesiredPlacement, LiveListing } from '../domain/listing.ts';
import { appliedPlacement, contentsOf, livePlacement } from './contents.ts';
import { sameMetadata } from './diff.ts';
import type { Answer, Draft, Holding, Site } from './draft.ts';
import { heldInFlight, heldOffByHand, heldOverLimit, heldPaused, heldUnreadable } from './held.ts';
import type { Lookup } from './lookup.ts';
import { ownershipOf } from './ownership.ts';
import type { Overrides } from '../domain/override.ts';
import { pauseOf } from './overrides.ts';
import type { Stray } from './strays.ts';

export type Answers = (id: AudienceId, source: string) => Answer;

/** What a survey of a target found: listings to look at, and toggles that the target cannot take. */
export interface Survey {
  /** Wanted listings that are not in sync; all others are just as wanted. */
  readonly looked: Set<DesiredListing>;
  readonly sites: Site[];
  readonly refused: Refusal[];
  readonly warnings: Problem[];
}

/** Looks at one wanted listing that is not in sync. `strays` are listings of the same toggle under other keys. */
export function surveyListing(
  into: Survey,
  lookup: Lookup,
  answers: Answers,
  desired: DesiredListing,
  strays: readonly Stray[],
  overrides: Overrides,
): void {
  const { view } = lookup;
  const pause = pauseOf(overrides, view.name, desired.toggle);
  const live = lookup.live.get(desired.key);
  const applied = view.applied.get(desired.key);
  const unreadable = lookup.unreadable.get(desired.key);
  const ownership = unreadable === undefined ? ownershipOf(lookup, desired, live) : { first: undefined };
  if ('refused' in ownership) {
    const { toggle, target, key } = desired;
    into.refused.push({ toggle, target, key, problem: ownership.refused });
    return;
  }
  const { first } = ownership;
  const isThere = live !== undefined || unreadable !== undefined;
  const site: Site = {
    view,
    toggle: desired.toggle,
    key: desired.key,
    contextKind: desired.contextKind,
    metadata: desired.metadata,
    desired,
    live,
    applied,
    first,
    missing: missingIn(desired, isThere, live, view.can.environments === 'one'),
    metadataCause: first === undefined && live !== undefined ? metadataCause(desired, live, applied) : undefined,
    retires: false,
    paused: pause !== undefined,
    drafts: [],
  };
  const held = unreadable && heldUnreadable(unreadable);
  for (const placement of desired.placements) {
    const olds = strays.flatMap(stray => oldHoldings(stray, placement.environment));
    site.drafts.push(draftOf(site, placement, answers, olds, held, pause));
  }
  for (const dropped of droppedFrom(site)) {
    if (!isServed(site, dropped.environment)) {
      // The target does not read it any more, so only the state knows that somebody may be in.
      if (dropped.live !== undefined || dropped.applied?.on) into.warnings.push(leftAlone(site, dropped.environment));
    } else if (dropped.live !== undefined) site.drafts.push(closing(site, dropped, held));
  }
  into.sites.push(site);
}

function missingIn(
  desired: DesiredListing,
  isThere: boolean,
  live: LiveListing | undefined,
  single: boolean,
): readonly string[] {
  if (isThere && (single || live === undefined)) return [];
  return desired.placements
    .filter(({ id }) => livePlacement(live, id) === undefined)
    .map(({ environment }) => environment);
}

function metadataCause(
  desired: DesiredListing,
  live: LiveListing,
  applied: AppliedListing | undefined,
): Site['metadataCause'] {
  const there = live.metadata ?? applied?.metadata;
  if (there !== undefined && sameMetadata(desired.metadata, there)) return undefined;
  const isNew = applied?.metadata === undefined || !sameMetadata(desired.metadata, applied.metadata);
  return isNew ? 'definition' : 'drift';
}

function oldHoldings(stray: Stray, environment: string): readonly Holding[] {
  const ids = new Set<string>();
  for (const one of stray.applied?.placements ?? []) if (one.environment === environment) ids.add(one.id);
  for (const one of stray.live?.placements ?? []) if (one.environment === environment) ids.add(one.id);
  // What was retired or archived lets nobody in; its history within the window still counts.
  const live = stray.live?.removed || stray.live?.archived ? undefined : stray.live;
  return [...ids].map(id => holdingOf(id, live, stray.applied));
}

/** What is known of one placement. */
export function holdingOf(id: string, live: LiveListing | undefined, applied: AppliedListing | undefined): Holding {
  const now = livePlacement(live, id);
  return { id, live: now, applied: appliedPlacement(applied, id), contents: contentsOf(now) };
}

/** What a desired placement comes to; `olds` are its predecessors under other keys. */
function draftOf(
  site: Site,
  placement: DesiredPlacement,
  answers: Answers,
  olds: readonly Holding[],
  unreadable: Draft['held'],
  pause: string | undefined,
): Draft {
  const { toggle, target, environment, source, audience, guard, state } = placement;
  const { can, inFlight, reopen } = site.view;
  const holding = holdingOf(placement.id, site.live, site.applied);
  const { live, applied, contents } = holding;
  const ref = { toggle, target, environment };
  const answer = answers(audience, source);
  const defined = answer.state === 'defined' ? answer : undefined;
  const stuck = unreadable ?? (inFlight.has(placement.id) ? heldInFlight(ref) : undefined);
  const isOffByHand =
    can.onOff && !reopen && live?.seen === 'read' && contents.settled && !contents.on && applied?.on === true;
  const base = {
    ...holding,
    site,
    ref,
    source,
    audience,
    guard,
    olds,
    stuck: stuck !== undefined,
    overridden: placement.overridden === true,
    offByHand: isOffByHand && state === 'on',
  };
  const verdict = { successor: undefined, capped: false, blockedBy: undefined, approval: undefined };
  const isMove = olds.some(({ live }) => live !== undefined);
  const definitional = isDefinitional(site, placement, holding) || isMove;
  if (state === 'off') {
    return { ...base, ...verdict, role: 'off', answer: defined, suspect: false, held: stuck, definitional };
  }
  const waits = answer.state === 'held' ? { reason: answer.reason, problem: answer.problem } : undefined;
  const tooMany = defined && can.mostMembers !== null && defined.members.size > can.mostMembers;
  const held =
    stuck ??
    (pause === undefined ? undefined : heldPaused(pause)) ??
    (isOffByHand ? heldOffByHand(ref) : waits) ??
    (tooMany ? heldOverLimit(ref, defined.members.size, can.mostMembers) : undefined);
  return {
    ...base,
    ...verdict,
    role: 'follow',
    answer: defined,
    suspect: answer.state === 'frozen' && pause === undefined,
    held,
    definitional,
    capped: isOffByHand || tooMany === true,
  };
}

function isDefinitional(site: Site, { audience, state, overridden }: DesiredPlacement, { applied }: Holding): boolean {
  if (site.first !== undefined || applied === undefined || applied.audience !== audience) return true;
  if (overridden) return false;
  return state === 'off' ? applied.on : !applied.on && applied.firstFilledAt !== undefined;
}

/** Placements that were applied under this key and that the file does not name any more. */
function droppedFrom(site: Site): readonly Holding[] & readonly { environment: string }[] {
  const { desired, live, applied } = site;
  if (desired === undefined || applied === undefined) return [];
  const wanted = new Set(desired.placements.map(({ id }) => id));
  return applied.placements
    .filter(({ id }) => !wanted.has(id))
    .map(({ id, environment }) => ({ ...holdingOf(id, live, applied), environment }));
}

/** True when the target still takes that environment of ours. */
export function isServed(site: Site, environment: string): boolean {
  const { environments } = site.view;
  return environments.length === 0 || environments.includes(environment);
}

/** A placement that its toggle's file does not name any more: closed, under the guard for revocations. */
export function closing(site: Site, holding: Holding & { environment: string }, unreadable: Draft['held']): Draft {
  const ref = { toggle: site.toggle, target: site.view.name, environment: holding.environment };
  const held = unreadable ?? (site.view.inFlight.has(holding.id) ? heldInFlight(ref) : undefined);
  return {
    ...holding,
    site,
    ref,
    role: 'close',
    source: holding.applied?.source ?? '',
    audience: holding.applied?.audience ?? '',
    guard: site.desired?.placements[0]?.guard ?? {},
    answer: undefined,
    suspect: false,
    held,
    stuck: held !== undefined,
    overridden: false,
    offByHand: false,
    definitional: true,
    olds: [],
    successor: undefined,
    capped: false,
    blockedBy: undefined,
    approval: undefined,
  };
}

function leftAlone(site: Site, environment: string): Problem {
  return {
    code: 'environment-left-alone',
    message: `${site.toggle} was applied in ${site.view.name} ${environment}, which the target does not list any more; it is left as it is.`,
    hint: 'List the environment again and take it out of the toggles first, or clean up in the target.',
  };
}
