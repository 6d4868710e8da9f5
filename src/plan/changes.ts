import { noMembers } from '../domain/members.ts';
import type { Change, ListingChange } from '../domain/plan.ts';
import { isClosed } from './contents.ts';
import type { Draft, Site } from './draft.ts';
import { arrangeGroups } from './groups.ts';
import type { Context } from './lookup.ts';
import { leavingOutcome, mayTake, outcomeOf } from './outcome.ts';
import { type Effect, effectOf, inOrder, phaseAfter, phaseOf, phaseOfFirst, takes } from './phases.ts';
import { type Draughted, idOf, placementChange } from './placement-change.ts';

interface Drafted {
  readonly change: Draughted;
  readonly effect: Effect;
  readonly draft: Draft;
}

/** Turns the drafts that the guard let through into ordered changes. Desired listings have to come before strays. */
export function changesOf(context: Context, sites: readonly Site[]): readonly Change[] {
  const changes: Change[] = [];
  const planned = new Map<Draft, string>();
  for (const site of sites) {
    if (site.desired === undefined) addStray(context, site, planned, changes);
    else addDesired(context, site, planned, changes);
  }
  return inOrder(arrangeGroups(context, sites, planned, changes));
}

function addDesired(context: Context, site: Site, planned: Map<Draft, string>, changes: Change[]): void {
  const { first, view, missing } = site;
  if ((first === 'adopt' || first === 'restore') && !mayTake(site)) return;
  if (site.paused && first !== undefined) return;
  const differs = site.metadataCause !== undefined && !site.paused;
  const writesMetadata = differs && !view.can.metadataAlone;
  const drafted: Drafted[] = [];
  for (const draft of site.drafts) {
    const outcome = outcomeOf(context, draft, writesMetadata && draft.role !== 'close');
    if (outcome === undefined) continue;
    const change = placementChange(context, draft, outcome, writesMetadata && outcome.isFull && draft.role !== 'close');
    drafted.push({ change, effect: effectOf(change), draft });
    planned.set(draft, change.id);
  }
  const before = listingChanges(site, drafted);
  changes.push(...before);
  for (const { change, effect, draft } of drafted) {
    const isMissing = missing.includes(draft.ref.environment);
    const step = isMissing ? 'create' : first;
    const needs = before.filter(({ kind }) => isMissing || kind !== 'create').map(({ id }) => id);
    const isOff = draft.role === 'off' && !change.after.on && change.after.who.kind === 'members' && takesAll(change);
    const phase = step !== undefined ? phaseAfter(step, effect) : isOff ? 'off' : phaseOf(effect);
    changes.push({ ...change, phase, needs });
  }
  if (differs && view.can.metadataAlone) changes.push(updateOf(site));
}

/** Everybody loses it: what `state: off` does, as against the revocations while off. */
function takesAll({ after, before, revoked }: Draughted): boolean {
  return (
    after.who.kind === 'members' && after.who.members.size === 0 && (before.on || !before.known || revoked.size > 0)
  );
}

/** What comes before the placements: taking the listing over or back, then creating it where it is not there yet. */
function listingChanges(site: Site, drafted: readonly Drafted[]): readonly Change[] {
  const { first, missing, live } = site;
  const placements = site.desired?.placements ?? [];
  const environments = placements.map(({ environment }) => environment);
  const changes: Change[] = [];
  if (site.paused) return changes;
  if (first === 'adopt' || first === 'restore') {
    const phase = phaseOfFirst(
      first,
      drafted.map(({ effect }) => effect),
    );
    const taking = drafted.filter(({ effect }) => takes(effect)).map(({ draft }) => draft.ref.environment);
    const closing = live?.archived && taking.length > 0 ? { closesIn: taking } : {};
    changes.push({ ...listingChange(site, first, environments), phase, ...closing });
    if (first === 'adopt' && live?.archived) {
      changes.push({ ...listingChange(site, 'restore', environments), phase, ...closing });
    }
  }
  if (missing.length > 0) {
    const created = placements
      .filter(({ environment }) => missing.includes(environment))
      .map(({ id, environment, source, audience }) => ({ id, environment, source, audience }));
    changes.push({ ...listingChange(site, 'create', missing), phase: 'prepare', placements: created });
  }
  return changes.map((change, index) => ({ ...change, needs: changes.slice(0, index).map(({ id }) => id) }));
}

function updateOf(site: Site): Change {
  const environments = (site.desired?.placements ?? []).map(({ environment }) => environment);
  const causes = [site.metadataCause ?? 'definition'];
  return { ...listingChange(site, 'update', environments), phase: 'prepare', causes };
}

function listingChange(
  site: Site,
  kind: ListingChange['kind'],
  environments: readonly string[],
): Change & ListingChange {
  const { toggle, key, contextKind, metadata, live, view } = site;
  const before = kind === 'create' ? undefined : live?.metadata;
  return {
    id: idOf(site, kind),
    phase: 'tidy',
    needs: [],
    causes: ['definition'],
    toggle,
    target: view.name,
    key,
    contextKind,
    kind,
    environments,
    metadata,
    ...(before !== undefined && { before }),
  };
}

function addStray(context: Context, site: Site, planned: Map<Draft, string>, changes: Change[]): void {
  const needs: string[] = [];
  let isClosing = site.drafts.every(({ blockedBy }) => blockedBy === undefined);
  for (const draft of site.drafts) {
    const closing =
      draft.role === 'leave'
        ? addLeaving(context, draft, planned, changes)
        : addClosing(context, draft, planned, changes);
    if (closing !== undefined) needs.push(closing);
    else if (!isClosed(draft.contents, site.view.can) || draft.stuck || draft.role === 'follow') isClosing = false;
  }
  if (!site.retires || site.live === undefined || !isClosing) return;
  const environments = site.live.placements.map(({ environment }) => environment);
  const retire = { ...listingChange(site, 'retire', environments), needs };
  if (!site.live.removed) changes.push(retire);
  if (site.view.onRemoved !== 'archive' || !site.view.can.archive) return;
  const after = site.live.removed ? [] : [retire.id];
  changes.push({ ...listingChange(site, 'archive', environments), needs: after });
}

/** Returns the id of the change that closes it, if there is one. */
function addClosing(
  context: Context,
  draft: Draft,
  planned: Map<Draft, string>,
  changes: Change[],
): string | undefined {
  const outcome = outcomeOf(context, draft, false);
  if (outcome === undefined) return undefined;
  const change = placementChange(context, draft, outcome, false);
  planned.set(draft, change.id);
  const effect = effectOf(change);
  const isClosing = draft.role !== 'follow' && outcome.isDenial !== true;
  changes.push({ ...change, phase: isClosing ? 'off' : phaseOf(effect), needs: [] });
  return change.after.on || !isClosing ? undefined : change.id;
}

function addLeaving(
  context: Context,
  draft: Draft,
  planned: Map<Draft, string>,
  changes: Change[],
): string | undefined {
  const { now, later } = leavingOutcome(context, draft);
  const first = now && placementChange(context, draft, now, false);
  if (first !== undefined) {
    planned.set(draft, first.id);
    changes.push({ ...first, granted: noMembers, phase: 'revoke', needs: [] });
  }
  if (later === undefined) return undefined;
  const last = placementChange(context, draft, later, false);
  const { version: _, ...before } = last.before;
  const id = idOf(draft.site, 'close', draft.ref.environment);
  const filled = draft.successor && planned.get(draft.successor);
  changes.push({
    ...last,
    id,
    phase: 'tidy',
    needs: [...(first === undefined ? [] : [first.id]), ...(filled === undefined ? [] : [filled])],
    before: first === undefined ? last.before : { ...before, on: first.after.on, who: first.after.who },
    // Whoever is still in has it under the new key.
    revoked: noMembers,
  });
  return id;
}
