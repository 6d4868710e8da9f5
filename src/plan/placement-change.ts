import { type Members, noMembers } from '../domain/members.ts';
import type { Change, PlacementChange } from '../domain/plan.ts';
import { causesOf } from './causes.ts';
import { isClosed, whoOf } from './contents.ts';
import { type Draft, isFree, type Site } from './draft.ts';
import type { Context } from './lookup.ts';
import type { Outcome } from './outcome.ts';
import { hasDenied, overridesOf } from './overrides.ts';

/** A placement's change before its phase is known. */
export type Draughted = Omit<Change, 'kind' | 'phase' | 'needs'> & PlacementChange;

/** `create us-feature local`; listings under a key that is not wanted any more carry it too. */
export function idOf({ toggle, key, view, desired }: Site, what: string, environment?: string): string {
  const isPlain = desired !== undefined || (key === toggle && !view.desired.some(one => one.toggle === toggle));
  return [what, toggle, view.name, ...(environment ? [environment] : []), ...(isPlain ? [] : [key])].join(' ');
}

/** The change that brings a placement to its outcome, as a list. */
export function placementChange(context: Context, draft: Draft, outcome: Outcome, writesMetadata: boolean): Draughted {
  const { site, ref, role, contents, answer, approval, live, applied } = draft;
  const { differences } = context;
  const known = applied?.who ?? noMembers;
  const isDown = role === 'off' && isClosed(contents, site.view.can);
  const lost = differences.between(contents.known ? contents.any : known, outcome.who).removed;
  const version = live?.version;
  const metadataCause = writesMetadata ? site.metadataCause : undefined;
  const denies = hasDenied(lost, overridesOf(context.input));
  const causes = outcome.isDenial ? (['operator'] as const) : causesOf(draft, outcome.who, metadataCause, denies);
  return {
    id: idOf(site, 'placement', ref.environment),
    causes,
    toggle: site.toggle,
    target: site.view.name,
    key: site.key,
    contextKind: site.contextKind,
    kind: 'placement',
    placement: draft.id,
    environment: ref.environment,
    source: draft.source,
    audience: draft.audience,
    metadata: site.metadata,
    writesMetadata,
    before: {
      known: contents.known,
      on: contents.on,
      who: whoOf(contents.any),
      ...(version !== undefined && { version }),
      ...(live?.group !== undefined && { group: live.group }),
    },
    after: { on: outcome.on, who: whoOf(outcome.who) },
    granted: outcome.isFull
      ? differences.between(contents.known ? contents.sure : known, outcome.who).added
      : noMembers,
    // Whoever is listed in what is off already loses nothing by being taken off with everybody.
    revoked: isDown && outcome.who.size === 0 && answer === undefined ? noMembers : lost,
    closes: outcome.closes,
    removal: role === 'remove',
    ...(outcome.offByHand && { offByHand: true }),
    ...(outcome.isDenial && isFree(draft) && { unfinished: true }),
    ...(answer !== undefined && outcome.isFull && role !== 'remove' && { from: answer.from }),
    ...(approval !== undefined && outcome.isFull && { approval: approval.id, approved: approvedOf(approval) }),
  };
}

function approvedOf({ granted, revoked }: { readonly granted: Members; readonly revoked: Members }) {
  return { granted, revoked };
}
