import type {
  ApprovalRequest,
  Clause,
  Environment,
  Flag,
  FlagConfig,
  Member,
  Project,
  ScheduledChange,
  Segment,
  SegmentKeys,
  Serve,
  Target,
} from './model.ts';

// What the REST API answers; shapes from LaunchDarkly's API description.

const JSON_TYPE = 'application/json';

export function link(href: string): { href: string; type: string } {
  return { href, type: JSON_TYPE };
}

/** A flag with these environments; `summary` leaves out targets, rules and prerequisites, as lists do by default. */
export function flagRep(
  project: Project,
  flag: Flag,
  environments: readonly Environment[] | undefined,
  members: readonly Member[],
  summary: boolean,
): Record<string, unknown> {
  const maintainer = members.find(member => member._id === flag.maintainerId);
  const self = `/api/v2/flags/${project.key}/${encodeURIComponent(flag.key)}`;
  return {
    name: flag.name,
    kind: flag.variations.every(({ value }) => typeof value === 'boolean') ? 'boolean' : 'multivariate',
    description: flag.description,
    key: flag.key,
    _version: flag.version,
    creationDate: flag.creationDate,
    includeInSnippet: flag.clientSideAvailability.usingEnvironmentId,
    clientSideAvailability: flag.clientSideAvailability,
    variations: flag.variations,
    temporary: flag.temporary,
    tags: flag.tags,
    _links: { parent: link(`/api/v2/flags/${project.key}`), self: link(self) },
    ...(maintainer === undefined
      ? {}
      : {
          maintainerId: maintainer._id,
          _maintainer: {
            _id: maintainer._id,
            email: maintainer.email,
            role: maintainer.role,
            _links: { self: link(`/api/v2/members/${maintainer._id}`) },
          },
        }),
    ...(flag.maintainerTeamKey === undefined
      ? {}
      : {
          maintainerTeamKey: flag.maintainerTeamKey,
          _maintainerTeam: { key: flag.maintainerTeamKey, name: flag.maintainerTeamKey },
        }),
    experiments: { baselineIdx: 0, items: [] },
    customProperties: {},
    archived: flag.archivedDate !== undefined,
    ...(flag.archivedDate === undefined ? {} : { archivedDate: flag.archivedDate }),
    deprecated: flag.deprecatedDate !== undefined,
    ...(flag.deprecatedDate === undefined ? {} : { deprecatedDate: flag.deprecatedDate }),
    defaults: flag.defaults,
    ...(environments === undefined
      ? {}
      : {
          environments: Object.fromEntries(
            environments.map(environment => [environment.key, configRep(project, flag, environment, summary)]),
          ),
        }),
  };
}

function configRep(project: Project, flag: Flag, environment: Environment, summary: boolean): Record<string, unknown> {
  const config = flag.environments.get(environment.key) as FlagConfig;
  const rep = {
    on: config.on,
    archived: flag.archivedDate !== undefined,
    salt: config.salt,
    sel: config.salt.toUpperCase(),
    lastModified: config.lastModified,
    version: config.version,
    _site: { href: `/${project.key}/${environment.key}/features/${flag.key}`, type: 'text/html' },
    _environmentName: environment.name,
    trackEvents: config.trackEvents,
    trackEventsFallthrough: false,
    _summary: summaryRep(flag, config),
  };
  if (summary) return rep;
  const { targets, contextTargets } = targetReps(config.targets);
  return {
    ...rep,
    targets,
    contextTargets,
    rules: config.rules.map(rule => ({
      _id: rule._id,
      ref: rule.ref,
      description: rule.description,
      clauses: rule.clauses.map(clauseRep),
      trackEvents: rule.trackEvents,
      ...(rule.disabled ? { disabled: true } : {}),
      ...serveRep(rule.serve),
    })),
    fallthrough: serveRep(config.fallthrough),
    offVariation: config.offVariation,
    prerequisites: config.prerequisites,
  };
}

/** User targets are in `targets`; with other kinds, `contextTargets` also says where the user targets come in order. */
export function targetReps(all: readonly Target[]): { targets: Target[]; contextTargets: Target[] } {
  const targets = all.filter(target => target.contextKind === 'user');
  if (targets.length === all.length) return { targets, contextTargets: [] };
  return {
    targets,
    contextTargets: all.map(target => (target.contextKind === 'user' ? { ...target, values: [] } : target)),
  };
}

export function serveRep(serve: Serve): Record<string, unknown> {
  return serve.rollout === undefined ? { variation: serve.variation } : { rollout: serve.rollout };
}

export function clauseRep(clause: Clause): Record<string, unknown> {
  return { ...clause };
}

function summaryRep(flag: Flag, config: FlagConfig): Record<string, unknown> {
  const variations = flag.variations.map((_, index) => {
    const rules = config.rules.filter(rule => rule.serve.variation === index);
    const kinds = config.targets.filter(target => target.variation === index);
    const count = (targets: readonly Target[]) => targets.reduce((sum, { values }) => sum + values.length, 0);
    const share = config.fallthrough.rollout?.variations.find(({ variation }) => variation === index);
    return {
      rules: rules.length,
      nullRules: rules.filter(rule => rule.clauses.length === 0).length,
      targets: count(kinds.filter(target => target.contextKind === 'user')),
      contextTargets: count(kinds.filter(target => target.contextKind !== 'user')),
      ...(config.fallthrough.variation === index ? { isFallthrough: true } : {}),
      ...(config.offVariation === index ? { isOff: true } : {}),
      ...(share === undefined ? {} : { rollout: share.weight }),
    };
  });
  return { variations: Object.fromEntries(variations.entries()), prerequisites: config.prerequisites.length };
}

export function segmentRep(
  project: Project,
  environment: Environment,
  segment: Segment,
  flags: readonly Flag[],
): Record<string, unknown> {
  const ofUsers = (keys: readonly SegmentKeys[]) =>
    keys.find(({ contextKind }) => contextKind === 'user')?.values ?? [];
  const ofOthers = (keys: readonly SegmentKeys[]) => keys.filter(({ contextKind }) => contextKind !== 'user');
  const self = `/api/v2/segments/${project.key}/${environment.key}/${encodeURIComponent(segment.key)}`;
  return {
    name: segment.name,
    description: segment.description,
    tags: segment.tags,
    creationDate: segment.creationDate,
    lastModifiedDate: segment.lastModifiedDate,
    key: segment.key,
    included: ofUsers(segment.included),
    excluded: ofUsers(segment.excluded),
    includedContexts: ofOthers(segment.included),
    excludedContexts: ofOthers(segment.excluded),
    _links: { parent: link(`/api/v2/segments/${project.key}/${environment.key}`), self: link(self) },
    rules: segment.rules.map(rule => ({
      _id: rule._id,
      description: rule.description,
      clauses: rule.clauses.map(clauseRep),
      ...(rule.weight === undefined
        ? {}
        : { weight: rule.weight, bucketBy: rule.bucketBy, rolloutContextKind: rule.rolloutContextKind }),
    })),
    version: segment.version,
    deleted: false,
    _flags: flags.map(flag => ({
      name: flag.name,
      key: flag.key,
      _links: { self: link(`/api/v2/flags/${project.key}/${encodeURIComponent(flag.key)}`) },
    })),
    generation: 1,
    unbounded: segment.unbounded,
  };
}

/** `maySeeKey` false: the SDK key is masked, as for tokens without the right `viewSdkKey`. */
export function environmentRep(
  project: Project,
  environment: Environment,
  maySeeKey: boolean,
): Record<string, unknown> {
  const { approval } = environment;
  return {
    _links: { self: link(`/api/v2/projects/${project.key}/environments/${environment.key}`) },
    _id: environment.id,
    key: environment.key,
    name: environment.name,
    apiKey: maySeeKey ? environment.sdkKey : `sdk-********-****-****-****-*******${environment.sdkKey.slice(-5)}`,
    mobileKey: environment.mobileKey,
    color: '417505',
    defaultTtl: 0,
    secureMode: false,
    defaultTrackEvents: false,
    requireComments: environment.requireComments,
    confirmChanges: false,
    tags: [],
    approvalSettings: {
      required: approval === 'all',
      bypassApprovalsForPendingChanges: false,
      minNumApprovals: 1,
      canReviewOwnRequest: false,
      canApplyDeclinedChanges: false,
      autoApplyApprovedChanges: false,
      serviceKind: 'launchdarkly',
      serviceConfig: {},
      requiredApprovalTags: typeof approval === 'string' ? [] : approval,
    },
    critical: false,
  };
}

export function projectRep(project: Project): Record<string, unknown> {
  return {
    _links: {
      self: link(`/api/v2/projects/${project.key}`),
      environments: link(`/api/v2/projects/${project.key}/environments`),
    },
    _id: project.id,
    key: project.key,
    name: project.name,
    includeInSnippetByDefault: false,
    defaultClientSideAvailability: { usingMobileKey: false, usingEnvironmentId: false },
    tags: [],
  };
}

/** `conflicts`: instructions that could not be applied now. */
export function approvalRep(request: ApprovalRequest, conflicts: readonly unknown[]): Record<string, unknown> {
  const at = `/api/v2/projects/${request.project}/flags/${request.flag}/environments/${request.environment}/approval-requests`;
  return {
    _id: request.id,
    _version: request.version,
    creationDate: request.creationDate,
    serviceKind: 'launchdarkly',
    ...(request.requestorId === undefined ? {} : { requestorId: request.requestorId }),
    description: request.description,
    reviewStatus: request.reviewStatus,
    allReviews: [],
    notifyMemberIds: request.notifyMemberIds,
    ...(request.appliedDate === undefined ? {} : { appliedDate: request.appliedDate }),
    status: request.status,
    instructions: request.instructions,
    conflicts,
    _links: {
      self: link(`${at}/${request.id}`),
      parent: link(at),
      site: {
        href: `/${request.project}/${request.environment}/features/${request.flag}/approvals/${request.id}`,
        type: 'text/html',
      },
    },
  };
}

export function scheduledRep(change: ScheduledChange): Record<string, unknown> {
  const at = `/api/v2/projects/${change.project}/flags/${change.flag}/environments/${change.environment}/scheduled-changes`;
  return {
    _id: change.id,
    _creationDate: change.creationDate,
    _maintainerId: '',
    _version: 1,
    executionDate: change.executionDate,
    instructions: change.instructions,
    _links: { self: link(`${at}/${change.id}`), parent: link(at) },
  };
}

export function memberRep(member: Member): Record<string, unknown> {
  return {
    _links: { self: link(`/api/v2/members/${member._id}`) },
    _id: member._id,
    ...(member.firstName === undefined ? {} : { firstName: member.firstName }),
    ...(member.lastName === undefined ? {} : { lastName: member.lastName }),
    role: member.role,
    email: member.email,
    _pendingInvite: false,
    _verified: true,
    customRoles: [],
    mfa: 'disabled',
    _lastSeen: 0,
    creationDate: 0,
  };
}
