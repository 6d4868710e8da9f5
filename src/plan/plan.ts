/**
 * The heart: desired × live → plan. Pure: no I/O, no clock, no randomness, and the order of files, members or targets
 * changes no byte of the result.
 *
 *   suspects   which answers of suspect sources count, by comparison with what was last applied
 *   survey     each target's listings beside what is wanted: in sync (and done), or drafts of what could be written
 *   checksum   what the commit changes, before anybody asks whether it may
 *   guard      marks drafts as blocked, capped or approved: each placement, then sums, then siblings; removals apart
 *   changes    drafts → changes with phases and needs
 *
 * A draft is a placement that something may have to be done about. `outcome.ts` alone says what a draft comes to when it
 * is free, capped, held or blocked.
 */
import { compareCodePoints } from '../domain/code-points.ts';
import type { Block, Change, Held, Plan, PlanInput } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';
import type { DesiredListing, Refusal } from '../domain/listing.ts';
import { createAnswers } from './answers.ts';
import { Blocks, compareRefs } from './blocks.ts';
import { changesOf } from './changes.ts';
import { checksumOf } from './checksum.ts';
import { Differences } from './diff.ts';
import type { Site } from './draft.ts';
import { guard } from './guard.ts';
import { isInSync } from './in-sync.ts';
import { type Context, desiredByToggle, type Lookup, lookupOf } from './lookup.ts';
import { overridesOf } from './overrides.ts';
import { judgeRemovals } from './removals.ts';
import { type Stray, straysOf } from './strays.ts';
import { judgeSuspects } from './suspects.ts';
import { type Answers, type Survey, surveyListing } from './survey.ts';
import { surveyStray } from './survey-strays.ts';

/**
 * Plans all targets of the input at once: the ordered changes that bring each to its desired state, with what is blocked,
 * held or refused, and why. Never throws for what the input says.
 */
export function planTargets(input: PlanInput): Plan {
  const context: Context = { input, lookups: input.targets.map(lookupOf), differences: new Differences() };
  const blocks = new Blocks();
  const suspects = judgeSuspects(context);
  for (const block of suspects.blocks) blocks.put(block);
  const answers = createAnswers(input, suspects);
  const survey: Survey = { looked: new Set(), sites: [], refused: [], warnings: [] };
  for (const lookup of context.lookups) surveyTarget(survey, input, lookup, answers);
  const { sites } = survey;
  const checksum = checksumOf(sites);
  const reviewed = input.definitionsReviewed === true;
  guard(context, survey, reviewed, blocks);
  const removal = judgeRemovals(context, sites, reviewed);
  if (removal !== undefined) {
    blocks.put(removal);
    for (const draft of sites.flatMap(({ drafts }) => drafts)) {
      if (draft.role === 'remove') draft.blockedBy = { ...removal, scope: 'removal' };
    }
  }
  const changes = changesOf(context, sites);
  return {
    version: 1,
    changes,
    blocked: blocks.all().map(block => ({ ...block, ...aroundOf(block, input, changes) })),
    held: heldIn(sites),
    refused: [...input.targets.flatMap(({ refused }) => refused), ...survey.refused].sort(compareRefusals),
    accepted: suspects.remember,
    checksum,
    warnings: [...survey.warnings].sort(compareProblems),
  };
}

/** Of which revision the answer is that a block stops, and what else that source changes now. */
function aroundOf(
  { source, audience }: Block,
  { audiences }: PlanInput,
  changes: readonly Change[],
): Pick<Block, 'revision' | 'also'> {
  if (source === null) return {};
  const own = audience === null ? undefined : audiences.get(audience);
  const answer = own ?? [...audiences.values()].find(({ from }) => from.source === source);
  const also = { changes: 0, granted: 0, revoked: 0 };
  for (const change of changes) {
    if (change.kind !== 'placement' || change.source !== source || change.from === undefined) continue;
    also.changes++;
    also.granted += change.granted.size;
    also.revoked += change.revoked.size;
  }
  return { also, ...(answer?.from.revision !== undefined && { revision: answer.from.revision }) };
}

function surveyTarget(into: Survey, input: PlanInput, lookup: Lookup, answers: Answers): void {
  const { view, live, unreadable } = lookup;
  const { only } = input;
  if (input.settled && only) {
    const wanted = desiredByToggle(view);
    for (const toggle of only) {
      const desired = wanted.get(toggle);
      if (desired === undefined) continue;
      into.looked.add(desired);
      surveyListing(into, lookup, answers, desired, [], overridesOf(input));
    }
    return;
  }
  const isAsked = ({ toggle }: { readonly toggle: string }): boolean => only?.has(toggle) ?? true;
  const looked = new Set<DesiredListing>();
  let found = 0;
  let remembered = 0;
  for (const desired of view.desired) {
    const now = live.get(desired.key);
    const applied = view.applied.get(desired.key);
    if (now !== undefined) found++;
    if (applied !== undefined) remembered++;
    if (now?.notes !== undefined && isAsked(desired)) into.warnings.push(...now.notes);
    const isReadable = now !== undefined && (unreadable.size === 0 || !unreadable.has(desired.key));
    if (!isReadable || !isInSync(input, lookup, desired, now, applied)) looked.add(desired);
  }
  // Nearly always everything that lies there is wanted.
  const hasStrays = found < live.size || remembered < view.applied.size;
  const strays = hasStrays ? straysOf(lookup) : [];
  const wanted = strays.length > 0 ? desiredByToggle(view) : new Map<string, DesiredListing>();
  const byToggle = new Map<string, Stray[]>();
  for (const stray of strays) {
    byToggle.set(stray.toggle, [...(byToggle.get(stray.toggle) ?? []), stray]);
    const desired = wanted.get(stray.toggle);
    if (desired !== undefined) looked.add(desired);
  }
  for (const desired of looked) {
    into.looked.add(desired);
    if (!isAsked(desired)) continue;
    surveyListing(into, lookup, answers, desired, byToggle.get(desired.toggle) ?? [], overridesOf(input));
  }
  for (const stray of strays) {
    if (isAsked(stray)) surveyStray(into, input, lookup, answers, stray, wanted.get(stray.toggle));
  }
}

function heldIn(sites: readonly Site[]): readonly Held[] {
  const held = sites.flatMap(({ drafts }) =>
    drafts.flatMap(draft => (draft.held ? [{ ...draft.ref, ...draft.held }] : [])),
  );
  held.sort((a, b) => compareRefs(a, b) || compareCodePoints(a.reason, b.reason));
  return held.filter((one, index) => {
    const before = held[index - 1];
    return before === undefined || before.reason !== one.reason || compareRefs(before, one) !== 0;
  });
}

function compareRefusals(a: Refusal, b: Refusal): number {
  return (
    compareCodePoints(a.target, b.target) || compareCodePoints(a.toggle, b.toggle) || compareCodePoints(a.key, b.key)
  );
}

function compareProblems(a: Problem, b: Problem): number {
  return compareCodePoints(a.code, b.code) || compareCodePoints(a.message, b.message);
}
