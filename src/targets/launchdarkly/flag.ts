import { type Members, membersOf, noMembers, union } from '../../domain/members.ts';
import type { FlagAnswer, FlagConfigAnswer, RuleAnswer } from './answers.ts';
import type { FlagPlace } from './names.ts';

/** A flag as last seen, as far as it concerns us. */
export interface FlagView extends FlagPlace {
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly temporary: boolean;
  readonly archived: boolean;
  /** Of a member or a team; undefined: nobody. */
  readonly maintainer: string | undefined;
  readonly clientSide: { readonly usingEnvironmentId: boolean; readonly usingMobileKey: boolean };
  /** Undefined: it is not boolean. */
  readonly variations: Variations | undefined;
  /** By their names of environments. */
  readonly environments: ReadonlyMap<string, FlagEnvironment>;
}

/** The variations of a boolean flag, found by their values. */
export interface Variations {
  readonly true: Variation;
  readonly false: Variation;
}

export interface Variation {
  readonly index: number;
  readonly id: string;
}

export interface FlagEnvironment {
  readonly version: number | undefined;
  readonly on: boolean;
  readonly offVariation: number | undefined;
  readonly fallthrough: Served;
  readonly rules: readonly RuleView[];
  readonly lists: readonly TargetList[];
  /** Keys of other flags that have to serve something first. */
  readonly prerequisites: readonly string[];
  /** Where a person looks at it; relative to the API's address. */
  readonly site: string | undefined;
}

/** What a rule or the default serves: a variation, or shares of them in thousandths of a percent. */
export type Served =
  | { readonly variation: number }
  | { readonly shares: readonly { readonly variation: number; readonly weight: number }[] }
  | { readonly nothing: true };

export interface RuleView {
  readonly id: string;
  readonly serves: Served;
  readonly disabled: boolean;
  /** The segment, where being in one segment is the whole rule. */
  readonly segment: string | undefined;
}

/** Individual targets of one kind of context in one variation. */
export interface TargetList {
  readonly contextKind: string;
  readonly variation: number;
  readonly members: Members;
}

/** Turns an answer into a view. */
export function viewFlag(project: string, flag: FlagAnswer): FlagView {
  const environments = Object.entries(flag.environments ?? {});
  return {
    project,
    key: flag.key,
    name: flag.name,
    description: flag.description ?? '',
    tags: flag.tags,
    temporary: flag.temporary,
    archived: flag.archived,
    maintainer: flag.maintainerId ?? flag.maintainerTeamKey,
    clientSide: {
      usingEnvironmentId: flag.clientSideAvailability?.usingEnvironmentId ?? false,
      usingMobileKey: flag.clientSideAvailability?.usingMobileKey ?? false,
    },
    variations: variationsOf(flag),
    environments: new Map(environments.map(([name, config]) => [name, viewEnvironment(config)])),
  };
}

function variationsOf({ kind, variations }: FlagAnswer): Variations | undefined {
  if (kind !== 'boolean' || variations.length !== 2) return undefined;
  const find = (value: boolean): Variation | undefined => {
    const index = variations.findIndex(one => one.value === value);
    const id = variations[index]?._id;
    return id === undefined ? undefined : { index, id };
  };
  const [yes, no] = [find(true), find(false)];
  return yes === undefined || no === undefined ? undefined : { true: yes, false: no };
}

/** One environment of a flag. */
function viewEnvironment(config: FlagConfigAnswer): FlagEnvironment {
  return {
    version: config.version,
    on: config.on,
    offVariation: config.offVariation,
    fallthrough: servedBy(config.fallthrough ?? {}),
    rules: (config.rules ?? []).map(viewRule),
    lists: listsOf(config),
    prerequisites: (config.prerequisites ?? []).map(({ key }) => key),
    site: config._site?.href,
  };
}

function viewRule(rule: RuleAnswer): RuleView {
  return {
    id: rule._id,
    serves: servedBy(rule),
    disabled: rule.disabled ?? false,
    segment: segmentOf(rule),
  };
}

function segmentOf({ clauses }: RuleAnswer): string | undefined {
  const [clause] = clauses;
  if (clause === undefined || clauses.length !== 1 || clause.op !== 'segmentMatch' || clause.negate) return undefined;
  const [segment] = clause.values;
  return clause.values.length === 1 && typeof segment === 'string' ? segment : undefined;
}

function servedBy({ variation, rollout }: Pick<RuleAnswer, 'variation' | 'rollout'>): Served {
  if (variation !== undefined) return { variation };
  if (rollout !== undefined) {
    return { shares: rollout.variations.map(one => ({ variation: one.variation, weight: one.weight })) };
  }
  return { nothing: true };
}

function listsOf({ targets, contextTargets }: FlagConfigAnswer): readonly TargetList[] {
  const lists: TargetList[] = [];
  const add = (contextKind: string, variation: number, values: readonly string[]) => {
    if (values.length === 0) return;
    const at = lists.findIndex(one => one.contextKind === contextKind && one.variation === variation);
    const known = lists[at];
    const members = membersOf(values);
    // Targets of users may stand in both places.
    if (known === undefined) lists.push({ contextKind, variation, members });
    else lists[at] = { ...known, members: union(known.members, members) };
  };
  for (const { contextKind, variation, values } of targets ?? []) add(contextKind ?? 'user', variation, values);
  for (const { contextKind, variation, values } of contextTargets ?? []) add(contextKind ?? 'user', variation, values);
  return lists;
}

/** The individual targets of a kind in a variation. */
export function listIn(environment: FlagEnvironment, contextKind: string, variation: number): Members {
  const found = environment.lists.find(one => one.contextKind === contextKind && one.variation === variation);
  return found?.members ?? noMembers;
}

/** True where exactly this variation is served, to everybody. */
export function servesOnly(served: Served, variation: number): boolean {
  return 'variation' in served && served.variation === variation;
}

/** The share (0 to 1) that is served this variation. */
export function shareOf(served: Served, variation: number): number {
  if ('nothing' in served) return 0;
  if ('variation' in served) return served.variation === variation ? 1 : 0;
  const weights = served.shares.filter(one => one.variation === variation).map(({ weight }) => weight);
  return weights.reduce((sum, weight) => sum + weight, 0) / 100_000;
}

/** The kind of context that a flag lists, where nobody says: users, if it lists any. */
export function likelyKind({ environments }: FlagView): string {
  for (const { lists } of environments.values()) {
    if (lists.some(({ contextKind }) => contextKind === 'user')) return 'user';
  }
  for (const { lists } of environments.values()) {
    const [first] = lists;
    if (first !== undefined) return first.contextKind;
  }
  return 'user';
}
