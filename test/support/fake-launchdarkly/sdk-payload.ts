import type { Environment, Flag, FlagConfig, Project, Segment, SegmentKeys } from './model.ts';
import { serveRep, targetReps } from './represent.ts';

// What LaunchDarkly serves to its server SDKs, in their words: values instead of variations, indexes instead of ids.

export interface SdkData {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly segments: Readonly<Record<string, unknown>>;
}

/** Everything of one environment. Archived flags are not served. */
export function sdkData(project: Project, environment: Environment): SdkData {
  const flags = [...project.flags.values()].filter(flag => flag.archivedDate === undefined);
  return {
    flags: Object.fromEntries(flags.map(flag => [flag.key, sdkFlag(flag, environment.key)])),
    segments: Object.fromEntries([...environment.segments].map(([key, segment]) => [key, sdkSegment(segment)])),
  };
}

export function sdkFlag(flag: Flag, environment: string): Record<string, unknown> {
  const config = flag.environments.get(environment) as FlagConfig;
  return {
    key: flag.key,
    version: config.version,
    on: config.on,
    variations: flag.variations.map(({ value }) => value),
    ...targetReps(config.targets),
    rules: config.rules
      .filter(rule => !rule.disabled)
      .map(rule => ({
        id: rule._id,
        clauses: rule.clauses.map(({ _id: _, ...clause }) => clause),
        trackEvents: rule.trackEvents,
        ...serveRep(rule.serve),
      })),
    fallthrough: serveRep(config.fallthrough),
    offVariation: config.offVariation,
    prerequisites: config.prerequisites,
    salt: config.salt,
    trackEvents: config.trackEvents,
    trackEventsFallthrough: false,
    debugEventsUntilDate: null,
    clientSide: flag.clientSideAvailability.usingEnvironmentId,
    clientSideAvailability: flag.clientSideAvailability,
    deleted: false,
  };
}

export function sdkSegment(segment: Segment): Record<string, unknown> {
  const users = (keys: readonly SegmentKeys[]) => keys.find(({ contextKind }) => contextKind === 'user')?.values ?? [];
  const others = (keys: readonly SegmentKeys[]) => keys.filter(({ contextKind }) => contextKind !== 'user');
  return {
    key: segment.key,
    version: segment.version,
    included: users(segment.included),
    excluded: users(segment.excluded),
    includedContexts: others(segment.included),
    excludedContexts: others(segment.excluded),
    rules: segment.rules.map(rule => ({
      id: rule._id,
      clauses: rule.clauses.map(({ _id: _, ...clause }) => clause),
      ...(rule.weight === undefined
        ? {}
        : { weight: rule.weight, bucketBy: rule.bucketBy, rolloutContextKind: rule.rolloutContextKind }),
    })),
    salt: segment.salt,
    unbounded: segment.unbounded,
    generation: 1,
    deleted: false,
  };
}
