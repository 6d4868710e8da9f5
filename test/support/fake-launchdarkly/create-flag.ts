import {
  jsonOf,
  keyOf,
  listOf,
  maybeBoolean,
  maybeText,
  objectOf,
  onlyFields,
  tagsOf,
  textOf,
  textsOf,
} from './fields.ts';
import type { Account, Flag, FlagConfig, Project, Variation } from './model.ts';
import { invalid, Refusal } from './refusal.ts';
import { memberOf, teamOf } from './setting-instructions.ts';

const FIELDS = [
  'name',
  'key',
  'description',
  'includeInSnippet',
  'clientSideAvailability',
  'variations',
  'temporary',
  'tags',
  'customProperties',
  'defaults',
  'maintainerId',
  'maintainerTeamKey',
  'isFlagOn',
];

/** The flag that the body of a POST makes: off everywhere, and `defaults` left out mean first = on, second = off. */
export function newFlag(account: Account, project: Project, body: unknown, requestor: string | undefined): Flag {
  const given = objectOf(body, 'the body');
  onlyFields(given, FIELDS, 'the body');
  if (given['isFlagOn'] !== undefined) throw invalid('isFlagOn is not part of this fake: a flag is created off');
  const key = keyOf(given);
  const name = textOf(given, 'name');
  if (project.flags.has(key)) throw new Refusal(409, 'key_exists', `A flag with key "${key}" already exists`);
  const variations = variationsIn(account, given);
  const defaults = defaultsIn(given, variations.length);
  const maintainerId = maybeText(given, 'maintainerId');
  const maintainerTeamKey = maybeText(given, 'maintainerTeamKey');
  if (maintainerId !== undefined && maintainerTeamKey !== undefined)
    throw invalid('either maintainerId or maintainerTeamKey, not both');
  return {
    key,
    name,
    description: maybeText(given, 'description') ?? '',
    version: 0,
    creationDate: account.now(),
    variations,
    defaults,
    temporary: maybeBoolean(given, 'temporary') ?? true,
    tags: given['tags'] === undefined ? [] : tagsOf(textsOf(given, 'tags')),
    ...maintainerOf(account, maintainerId, maintainerTeamKey, requestor),
    clientSideAvailability: availabilityIn(given),
    archivedDate: undefined,
    deprecatedDate: undefined,
    environments: new Map(
      [...project.environments.keys()].map(environment => [environment, newConfig(account, defaults)]),
    ),
  };
}

/** A team, a member, or else whose token it is. */
function maintainerOf(
  account: Account,
  member: string | undefined,
  team: string | undefined,
  requestor: string | undefined,
): Pick<Flag, 'maintainerId' | 'maintainerTeamKey'> {
  if (team !== undefined) return { maintainerId: undefined, maintainerTeamKey: teamOf(account, team) };
  const maintainerId = member === undefined ? requestor : memberOf(account, member);
  return { maintainerId, maintainerTeamKey: undefined };
}

function newConfig(account: Account, defaults: Flag['defaults']): FlagConfig {
  return {
    on: false,
    version: 0,
    lastModified: account.now(),
    salt: account.newId().replaceAll('-', ''),
    targets: [],
    rules: [],
    fallthrough: { variation: defaults.onVariation },
    offVariation: defaults.offVariation,
    prerequisites: [],
    trackEvents: false,
  };
}

function variationsIn(account: Account, given: Readonly<Record<string, unknown>>): readonly Variation[] {
  if (given['variations'] === undefined)
    return [
      { _id: account.newId(), value: true },
      { _id: account.newId(), value: false },
    ];
  const variations = listOf(given, 'variations').map(one => {
    const variation = objectOf(one, 'a variation');
    onlyFields(variation, ['value', 'name', 'description'], 'a variation');
    const name = maybeText(variation, 'name');
    const description = maybeText(variation, 'description');
    return {
      _id: account.newId(),
      value: jsonOf(variation, 'value'),
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description }),
    };
  });
  if (variations.length < 2) throw invalid('A flag must have at least two variations');
  if (new Set(variations.map(({ value }) => JSON.stringify(value))).size !== variations.length)
    throw invalid('Variations must have different values');
  if (new Set(variations.map(({ value }) => typeof value)).size !== 1)
    throw invalid('Variations must have values of one type');
  return variations;
}

function defaultsIn(given: Readonly<Record<string, unknown>>, count: number): Flag['defaults'] {
  if (given['defaults'] === undefined) return { onVariation: 0, offVariation: count - 1 };
  const defaults = objectOf(given['defaults'], 'defaults');
  onlyFields(defaults, ['onVariation', 'offVariation'], 'defaults');
  const index = (field: string): number => {
    const value = defaults[field];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= count)
      throw invalid(`defaults.${field} must be the index of a variation`);
    return value;
  };
  return { onVariation: index('onVariation'), offVariation: index('offVariation') };
}

function availabilityIn(given: Readonly<Record<string, unknown>>): Flag['clientSideAvailability'] {
  if (given['clientSideAvailability'] === undefined) return { usingMobileKey: false, usingEnvironmentId: false };
  const availability = objectOf(given['clientSideAvailability'], 'clientSideAvailability');
  onlyFields(availability, ['usingMobileKey', 'usingEnvironmentId'], 'clientSideAvailability');
  const part = (field: string): boolean => {
    const value = maybeBoolean(availability, field);
    if (value === undefined) throw invalid(`clientSideAvailability.${field} must be a boolean`);
    return value;
  };
  return { usingMobileKey: part('usingMobileKey'), usingEnvironmentId: part('usingEnvironmentId') };
}
