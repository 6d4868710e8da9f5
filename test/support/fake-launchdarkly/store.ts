import type { Account, Environment, Flag, FlagConfig, Project, Segment } from './model.ts';
import { invalid, notFound } from './refusal.ts';

// Where writes take effect: versions count up, and the streams hear of it.

export function projectOf(account: Account, key: string): Project {
  const project = account.projects.get(key);
  if (project === undefined) throw notFound(`Unknown project key "${key}"`);
  return project;
}

export function environmentOf(project: Project, key: string): Environment {
  const environment = project.environments.get(key);
  if (environment === undefined) throw notFound(`Unknown environment key "${key}"`);
  return environment;
}

/** As `environmentOf` for a key in a query or body; status and wording as in terraform-provider-launchdarkly issue 101. */
export function environmentNamed(project: Project, key: string): Environment {
  const environment = project.environments.get(key);
  if (environment === undefined) throw invalid(`Unknown environment key: ${key}`);
  return environment;
}

export function flagOf(project: Project, key: string): Flag {
  const flag = project.flags.get(key);
  if (flag === undefined) throw notFound(`Unknown feature flag key "${key}"`);
  return flag;
}

export function segmentOf(environment: Environment, key: string): Segment {
  const segment = environment.segments.get(key);
  if (segment === undefined) throw notFound(`Unknown segment key "${key}"`);
  return segment;
}

/** The new flag in place of the old one; nothing happens where they are equal. Gives what is stored. */
export function keepFlag(account: Account, project: Project, next: Flag): Flag {
  const old = project.flags.get(next.key);
  const whole = old === undefined || JSON.stringify(settings(old)) !== JSON.stringify(settings(next));
  const environments = new Map<string, FlagConfig>();
  let changed = whole;
  for (const [key, config] of next.environments) {
    const before = old?.environments.get(key);
    const same = before !== undefined && (before === config || JSON.stringify(before) === JSON.stringify(config));
    if (same && !whole) {
      environments.set(key, before);
      continue;
    }
    changed = true;
    const version = countUp(account, `${project.key}/${key}/flag/${next.key}`);
    environments.set(key, { ...config, version, lastModified: account.now() });
  }
  if (!changed && old !== undefined) return old;
  const stored: Flag = { ...next, environments, version: countUp(account, `${project.key}/flag/${next.key}`) };
  project.flags.set(next.key, stored);
  written(account);
  account.announce({ project: project.key, kind: 'flag', key: next.key });
  return stored;
}

export function dropFlag(account: Account, project: Project, key: string): void {
  if (!project.flags.delete(key)) return;
  for (const environment of project.environments.keys()) countUp(account, `${project.key}/${environment}/flag/${key}`);
  written(account);
  account.announce({ project: project.key, kind: 'flag', key });
}

export function keepSegment(account: Account, project: Project, environment: Environment, next: Segment): Segment {
  const old = environment.segments.get(next.key);
  if (old === next) return old;
  const version = countUp(account, `${project.key}/${environment.key}/segment/${next.key}`);
  const stored: Segment = { ...next, version, lastModifiedDate: account.now() };
  environment.segments.set(next.key, stored);
  written(account);
  account.announce({ project: project.key, kind: 'segment', key: next.key, environment: environment.key });
  return stored;
}

export function dropSegment(account: Account, project: Project, environment: Environment, key: string): void {
  if (!environment.segments.delete(key)) return;
  countUp(account, `${project.key}/${environment.key}/segment/${key}`);
  written(account);
  account.announce({ project: project.key, kind: 'segment', key, environment: environment.key });
}

/** The version of what is gone: greater than any that it had. */
export function lastVersion(account: Account, id: string): number {
  return account.versions.get(id) ?? 0;
}

/** Flags whose rules name the segment in this environment, archived ones not. */
export function usersOfSegment(project: Project, environment: Environment, segment: string): readonly Flag[] {
  return [...project.flags.values()].filter(
    flag =>
      flag.archivedDate === undefined &&
      flag.environments
        .get(environment.key)
        ?.rules.some(rule => rule.clauses.some(({ op, values }) => op === 'segmentMatch' && values.includes(segment))),
  );
}

/** Segments whose rules name the segment. */
export function segmentsUsing(environment: Environment, segment: string): readonly Segment[] {
  return [...environment.segments.values()].filter(other =>
    other.rules.some(rule => rule.clauses.some(({ op, values }) => op === 'segmentMatch' && values.includes(segment))),
  );
}

function settings(flag: Flag): unknown {
  const { environments: _, version: __, ...rest } = flag;
  return rest;
}

function countUp(account: Account, id: string): number {
  const version = (account.versions.get(id) ?? 0) + 1;
  account.versions.set(id, version);
  return version;
}

function written(account: Account): void {
  account.writes++;
}
