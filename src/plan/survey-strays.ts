import type { PlanInput } from '../domain/plan.ts';
import type { DesiredListing, DesiredPlacement } from '../domain/listing.ts';
import type { Draft, Site } from './draft.ts';
import { heldUnreadable } from './held.ts';
import type { Lookup } from './lookup.ts';
import { hasDenied, isSwitchedOff, overridesOf, pauseOf } from './overrides.ts';
import type { Stray } from './strays.ts';
import { type Answers, closing, holdingOf, isServed, type Survey } from './survey.ts';

/**
 * Looks at a listing that no file wants under its key: closes it because its toggle left this target, lets it follow its
 * toggle to another key, or removes it because the file is gone.
 */
export function surveyStray(
  into: Survey,
  input: PlanInput,
  lookup: Lookup,
  answers: Answers,
  stray: Stray,
  desired: DesiredListing | undefined,
): void {
  const { view } = lookup;
  const isGone = !input.removals.present.has(stray.toggle) && desired === undefined;
  const isLeft = view.invalid?.has(stray.toggle) || view.refused.some(({ toggle }) => toggle === stray.toggle);
  const pause = pauseOf(overridesOf(input), view.name, stray.toggle);
  if (isLeft || pause !== undefined || (isGone && !mayRemove(input, lookup))) {
    surveyLeftAlone(into, input, lookup, stray);
    return;
  }
  const unreadable = lookup.unreadable.get(stray.key);
  if (stray.live === undefined && (unreadable === undefined || stray.applied?.removed !== false)) return;
  // Archived by somebody: it lets nobody in, and nothing can be written to it.
  if (stray.live?.archived) return;
  const site = siteOf(lookup, stray, desired, isGone);
  if (stray.live?.removed) {
    if (site.retires) into.sites.push(site);
    return;
  }
  const held = unreadable && heldUnreadable(unreadable);
  const successors = into.sites.find(one => one.desired !== undefined && one.desired === desired)?.drafts;
  for (const { id, environment } of stray.live?.placements ?? stray.applied?.placements ?? []) {
    if (!isServed(site, environment)) continue;
    const draft = closing(site, { ...holdingOf(id, stray.live, stray.applied), environment }, held);
    const wanted = desired?.placements.find(placement => placement.environment === environment);
    if (isGone) site.drafts.push({ ...draft, role: 'remove' });
    else if (desired === undefined || wanted === undefined) site.drafts.push(draft);
    else site.drafts.push(leaving(draft, wanted, answers, successors));
  }
  into.sites.push(site);
}

/** What is left as the target has it, but for what operators said. */
function surveyLeftAlone(into: Survey, input: PlanInput, lookup: Lookup, stray: Stray): void {
  const { live, toggle } = stray;
  const overrides = overridesOf(input);
  if (live === undefined || live.archived || live.removed || lookup.unreadable.has(stray.key)) return;
  const site = { ...siteOf(lookup, stray, undefined, false), paused: true };
  for (const { id, environment } of live.placements) {
    if (!isServed(site, environment)) continue;
    const found = closing(site, { ...holdingOf(id, live, stray.applied), environment }, undefined);
    const draft = { ...found, definitional: false };
    if (isSwitchedOff(overrides, toggle, environment)) site.drafts.push({ ...draft, role: 'off', overridden: true });
    else if (hasDenied(draft.contents.any, overrides)) site.drafts.push(draft);
  }
  if (site.drafts.length > 0) into.sites.push(site);
}

function mayRemove(input: PlanInput, { view }: Lookup): boolean {
  return (
    input.only === undefined && input.removals.confirmed && view.policy !== 'upsert-only' && view.onRemoved !== 'keep'
  );
}

function siteOf({ view }: Lookup, stray: Stray, desired: DesiredListing | undefined, isGone: boolean): Site {
  return {
    view,
    toggle: stray.toggle,
    key: stray.key,
    contextKind: stray.applied?.contextKind ?? desired?.contextKind ?? 'user',
    metadata: stray.applied?.metadata ?? stray.live?.metadata ?? {},
    desired: undefined,
    live: stray.live,
    applied: stray.applied,
    first: undefined,
    missing: [],
    metadataCause: undefined,
    retires: isGone || desired !== undefined,
    paused: false,
    drafts: [],
  };
}

/**
 * A placement whose toggle has another key now. It closes when its successor has everybody. Where the successor cannot be
 * had, nobody else comes in here, but revocations still go out.
 */
function leaving(
  draft: Draft,
  wanted: DesiredPlacement,
  answers: Answers,
  successors: readonly Draft[] | undefined,
): Draft {
  const { source, audience, guard, environment, state } = wanted;
  const answer = answers(audience, source);
  const follows = { source, audience, guard, answer: answer.state === 'defined' ? answer : undefined };
  if (state === 'off') return { ...draft, ...follows, role: 'off', overridden: wanted.overridden === true };
  const successor = successors?.find(({ ref }) => ref.environment === environment);
  if (successor !== undefined) return { ...draft, ...follows, role: 'leave', successor };
  const held = answer.state === 'held' ? { reason: answer.reason, problem: answer.problem } : undefined;
  return {
    ...draft,
    ...follows,
    role: 'follow',
    held: draft.held ?? held,
    suspect: answer.state === 'frozen',
    capped: true,
    definitional: false,
  };
}
