import { difference, intersection, type Members, noMembers, sameMembers, subtract } from '../../domain/members.ts';
import { type FlagEnvironment, listIn, servesOnly, type Variations } from './flag.ts';
import type { Instruction } from './instructions.ts';
import { isGroupRule } from './ways-in.ts';

/** How one environment of a flag is to be. */
export interface Wanted {
  readonly on: boolean;
  readonly members: Members;
  readonly contextKind: string;
  /** The segment in which the members stand; undefined: they are individual targets. */
  readonly group: string | undefined;
}

/**
 * What brings one environment to the wanted closed shape, in an order in which each step is allowed; empty: it is so.
 * `closing`: for when the segment is not written yet: nobody is let in, and who is to have it keeps it, in the list or
 * through the segment that `holds` them now.
 */
export function patchFor(
  environment: FlagEnvironment,
  { true: yes, false: no }: Variations,
  wanted: Wanted,
  closing?: { readonly holds: string | undefined },
): readonly Instruction[] {
  const { on, members, contextKind, group } = wanted;
  const listed = listIn(environment, contextKind, yes.index);
  const aim = group === undefined ? members : noMembers;
  const patch: Instruction[] = [];
  if (environment.offVariation !== no.index) patch.push({ kind: 'updateOffVariation', variationId: no.id });
  if (!on && environment.on) patch.push({ kind: 'turnFlagOff' });
  if (!servesOnly(environment.fallthrough, no.index)) {
    patch.push({ kind: 'updateFallthroughVariationOrRollout', variationId: no.id });
  }
  const own = environment.rules.find(
    rule => group !== undefined && rule.segment === group && isGroupRule(rule, yes.index),
  );
  for (const rule of environment.rules) {
    // The segment that it leaves holds people who keep it until the other form is there.
    const isHeld = closing?.holds !== undefined && rule.segment === closing.holds && isGroupRule(rule, yes.index);
    if (rule !== own && !isHeld) patch.push({ kind: 'removeRule', ruleId: rule.id });
  }
  for (const list of environment.lists) {
    const isOurs = list.contextKind === contextKind && list.variation === yes.index;
    const kept = intersection(listed, closing === undefined ? aim : members);
    const gone = isOurs ? subtract(list.members, kept) : list.members;
    const variationId = list.variation === yes.index ? yes.id : no.id;
    if (gone.size > 0) patch.push(targets('removeTargets', variationId, list.contextKind, gone));
  }
  if (closing !== undefined) return patch;
  const added = sameMembers(listed, aim) ? noMembers : difference(listed, aim).added;
  if (added.size > 0) patch.push(targets('addTargets', yes.id, contextKind, added));
  if (group !== undefined && own === undefined) patch.push(groupRule(group, yes.id, contextKind));
  if (on && !environment.on) patch.push({ kind: 'turnFlagOn' });
  return patch;
}

function targets(
  kind: 'addTargets' | 'removeTargets',
  variationId: string,
  contextKind: string,
  members: Members,
): Instruction {
  return { kind, variationId, contextKind, values: [...members.values()] };
}

function groupRule(segment: string, variationId: string, contextKind: string): Instruction {
  // https://launchdarkly.com/docs/api#segmentmatch: the attribute is of no account there.
  const clause = { contextKind, attribute: '', op: 'segmentMatch', negate: false, values: [segment] };
  return { kind: 'addRule', variationId, clauses: [clause], description: 'Users by policy, written by OPToggles' };
}

/** `+2 -1`: how many individual targets a patch adds and removes. */
export function countsOf(patch: readonly Instruction[]): string {
  let added = 0;
  let removed = 0;
  for (const one of patch) {
    if (one.kind === 'addTargets' || one.kind === 'addIncludedTargets') added += one.values.length;
    if (one.kind === 'removeTargets' || one.kind === 'removeIncludedTargets') removed += one.values.length;
  }
  return `+${added} -${removed}`;
}
