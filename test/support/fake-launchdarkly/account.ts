import type { Account, Changed, Environment, Member, Project, Token } from './model.ts';

export interface EnvironmentOptions {
  readonly key: string;
  readonly name?: string;
  /** Changes need approval: true = of all flags, a list = of flags with one of these tags. */
  readonly approval?: boolean | readonly string[];
  readonly requireComments?: boolean;
}

export interface ProjectOptions {
  readonly key: string;
  /** Keys alone do. */
  readonly environments: readonly (string | EnvironmentOptions)[];
}

export interface TokenOptions {
  readonly token: string;
  readonly name?: string;
  /** Actions of custom roles that it may not do (`updateTargets`, `viewSdkKey`, …); `*`: may only read. */
  readonly deny?: readonly string[];
  /** A personal token's member; without it a service token. */
  readonly memberId?: string;
}

export interface AccountOptions {
  /** Default: project `default` with the environments `production` and `test`. */
  readonly projects?: readonly ProjectOptions[];
  /** Default: one token that may do everything. */
  readonly tokens?: readonly TokenOptions[];
  readonly members?: readonly Member[];
  /** Keys of teams that may be maintainers. */
  readonly teams?: readonly string[];
}

/** The token of an account that names none. */
export const DEFAULT_TOKEN = 'api-00000000-fake-token';

/** An account with empty projects. */
export function createAccount(
  options: AccountOptions,
  now: () => number,
  announce: (changed: Changed) => void,
): Account {
  let ids = 0;
  const newId = () => `00000000-0000-4000-8000-${(++ids).toString(16).padStart(12, '0')}`;
  const objectId = () => (++ids).toString(16).padStart(24, '0');
  const projects = options.projects ?? [{ key: 'default', environments: ['production', 'test'] }];
  return {
    projects: new Map(projects.map(project => [project.key, createProject(project, objectId)])),
    members: [...(options.members ?? [])],
    teams: options.teams ?? [],
    tokens: (options.tokens ?? [{ token: DEFAULT_TOKEN }]).map(createToken),
    approvals: new Map(),
    scheduled: new Map(),
    versions: new Map(),
    writes: 0,
    now,
    newId,
    announce,
  };
}

function createToken({ token, name, deny, memberId }: TokenOptions): Token {
  return { token, name: name ?? 'fake', deny: deny ?? [], memberId };
}

function createProject(options: ProjectOptions, objectId: () => string): Project {
  const environments = options.environments.map(one => (typeof one === 'string' ? { key: one } : one));
  return {
    key: options.key,
    name: options.key,
    id: objectId(),
    flags: new Map(),
    environments: new Map(environments.map(one => [one.key, createEnvironment(options.key, one, objectId())])),
  };
}

function createEnvironment(project: string, options: EnvironmentOptions, id: string): Environment {
  const { approval = false } = options;
  return {
    key: options.key,
    name: options.name ?? options.key,
    id,
    sdkKey: `sdk-${project}-${options.key}-${id.slice(-6)}`,
    mobileKey: `mob-${project}-${options.key}`,
    approval: approval === true ? 'all' : approval === false ? 'none' : approval,
    requireComments: options.requireComments ?? false,
    segments: new Map(),
  };
}
