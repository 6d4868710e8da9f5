import type { FoundFlag, FoundPlacement, ImportedFlag } from '../domain/found.ts';
import type { Members } from '../domain/members.ts';
import { line, nameAll } from './migration.ts';

/** What imported flag files refer to, and where they go. */
export interface ImportPlace {
  readonly source: string;
  readonly target: string;
  /** Of the flag files: `flags`. */
  readonly folder: string;
  /** `2026-11-01`, for flags whose age nobody tells. */
  readonly today: string;
}

/** One file of an import, as data. */
export interface ImportedFile {
  readonly flag: ImportedFlag;
  readonly content: Readonly<Record<string, unknown>>;
}

export interface ImportFiles {
  readonly flags: readonly ImportedFile[];
  /** What the static source says: the members of each rule. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
}

const package_ = 'imported';
const nobody = 'nobody';
const longestName = 256;
const longestDescription = 4096;

/** Why a flag's own words do not fit into a file; undefined: they do. */
export function nameObstacle({ name }: Pick<FoundFlag, 'name'>): string | undefined {
  if (name === '') return 'it has no name';
  return name.length > longestName ? `its name has more than ${longestName} characters` : undefined;
}

/**
 * Flag files that say what was found, and the lists that they refer to: equal lists are one rule. Pure; flags and their
 * placements keep their order. Names of members are in `lists` alone.
 */
export function importFiles(found: readonly FoundFlag[], place: ImportPlace): ImportFiles {
  const keys = nameAll(found.map(({ key }) => key));
  const rules = new Rules();
  const flags = found.map(flag => fileOf(flag, keys.get(flag.key) ?? flag.key, place, rules));
  return { flags, lists: rules.lists() };
}

function fileOf(flag: FoundFlag, key: string, place: ImportPlace, rules: Rules): ImportedFile {
  const { source, target, folder } = place;
  const placements = flag.placements.map(one => ({ ...one, rule: rules.ruleOf(one, key), state: stateOf(one) }));
  const [first] = placements;
  const allOff = placements.every(({ on }) => !on);
  const policy = (rule: string) => ({ source, package: package_, rule });
  const environments = placements.map(({ environment, rule, state }) => [
    environment,
    {
      ...(rule !== first?.rule && { usersPolicy: policy(rule) }),
      ...(!allOff && state === 'off' && { state }),
    },
  ]);
  const owner = flag.maintainer !== undefined && line.test(flag.maintainer) ? flag.maintainer : 'unknown';
  const fits = line.test(flag.name) && flag.name.trim() !== '';
  const { description } = flag;
  const content = {
    key,
    name: fits ? flag.name : key,
    ...(description !== '' && description.length <= longestDescription && { description }),
    owner,
    type: 'permission',
    created: flag.created === undefined ? place.today : new Date(flag.created).toISOString().slice(0, 10),
    ...(allOff && { state: 'off' }),
    ...(flag.contextKind !== 'user' && { contextKind: flag.contextKind }),
    ...(flag.owner === 'none' && { adopt: true }),
    usersPolicy: policy(first?.rule ?? nobody),
    environments: Object.fromEntries(environments) as Record<string, unknown>,
    targets: {
      [target]: { ...(key !== flag.key && { key: flag.key }), ...(!fits && { name: flag.name }), ...flag.spec },
    },
  };
  const counts = placements.map(({ environment, rule, state, members }) => ({
    environment,
    state,
    users: members.size,
    rule: `${package_}.${rule}`,
  }));
  return { content, flag: { key, remote: flag.key, file: `${folder}/${key}.yaml`, owner, placements: counts } };
}

function stateOf({ on }: FoundPlacement): 'on' | 'off' {
  return on ? 'on' : 'off';
}

/** Names each list once. */
class Rules {
  readonly #byHash = new Map<string, string>();
  readonly #members = new Map<string, Members>();

  /** The rule of a placement's members; a new list is called after the toggle that needs it first. */
  ruleOf({ members, environment }: FoundPlacement, key: string): string {
    const known = this.#byHash.get(members.hash);
    if (known !== undefined) return known;
    const name = members.size === 0 ? nobody : this.#free(key, environment);
    this.#byHash.set(members.hash, name);
    this.#members.set(name, members);
    return name;
  }

  /** As the static source reads it: rule by rule, in the order of their names. */
  lists(): Record<string, readonly string[]> {
    const entries = [...this.#members].sort(([one], [other]) => (one < other ? -1 : 1));
    return Object.fromEntries(entries.map(([rule, members]) => [referenceTo(rule), [...members.values()]]));
  }

  #free(key: string, environment: string): string {
    const isFree = (name: string) => name !== nobody && !this.#members.has(name);
    if (isFree(key)) return key;
    const base = `${key}-${environment}`;
    let name = base;
    for (let next = 2; !isFree(name); next++) name = `${base}-${next}`;
    return name;
  }
}

/** As Rego writes it: a name with a dot stands in brackets. */
function referenceTo(rule: string): string {
  return rule.includes('.') ? `${package_}[${JSON.stringify(rule)}]` : `${package_}.${rule}`;
}

/** A configuration to begin with, for an account without one. */
export interface Starter {
  readonly instance: string;
  readonly source: string;
  /** Of the static source's file, relative. */
  readonly lists: string;
  readonly target: string;
  /** The settings of the target, with references instead of secrets. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** `optoggles.yaml` for an account that is imported without one. */
export function starterConfig({ instance, source, lists, target, settings }: Starter): Record<string, unknown> {
  return {
    version: 1,
    instance,
    flags: 'flags',
    sources: [{ id: source, type: 'static', path: lists }],
    targets: [{ name: target, ...settings }],
  };
}
