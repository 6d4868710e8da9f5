import type { Call } from './client.ts';
import { type Instruction, keysIn } from './instructions.ts';
import type { FlagPlace } from './names.ts';
import type { Operation } from './restore.ts';
import { resourceOf, rightFor } from './rights.ts';

// The requests that are made, each with what it is called in messages and the right that it needs.

const part = encodeURIComponent;

/** A page of a project's flags. `tag`: those with it; `state`: archived ones are listed apart from all others. */
export function flagsPage(
  project: string,
  options: {
    readonly environments: readonly string[];
    readonly tag?: string;
    readonly archived?: boolean;
    readonly limit: number;
    readonly offset: number;
  },
): Call {
  const { environments, tag, archived, limit, offset } = options;
  const filters = [...(tag === undefined ? [] : [`tags:${tag}`]), ...(archived ? ['state:archived'] : [])];
  const query = new URLSearchParams({
    limit: String(limit),
    offset: String(offset),
    summary: '0',
    sort: 'creationDate',
  });
  if (filters.length > 0) query.set('filter', filters.join(','));
  for (const environment of environments) query.append('env', environment);
  return {
    method: 'GET',
    route: 'GET flags',
    path: `/flags/${part(project)}?${query.toString()}`,
    what: `flags of project ${project}`,
    right: { actions: ['viewProject'], resource: `proj/${project}` },
  };
}

export function flagGet({ project, key }: FlagPlace, environments: readonly string[]): Call {
  const query = new URLSearchParams(environments.map((environment): [string, string] => ['env', environment]));
  return {
    method: 'GET',
    route: 'GET flag',
    path: `/flags/${part(project)}/${part(key)}?${query.toString()}`,
    what: `flag ${key} of project ${project}`,
    right: { actions: ['viewProject'], resource: `proj/${project}` },
  };
}

export function flagPost({ project, key }: FlagPlace, json: object): Call {
  return {
    method: 'POST',
    route: 'POST flags',
    path: `/flags/${part(project)}`,
    what: `flag ${key}`,
    right: { actions: ['createFlag'], resource: resourceOf(project, undefined, 'flag', key) },
    json,
    names: [],
  };
}

/** Without an environment: a patch of what is the same in all of them. */
export function flagPatch(
  { project, key }: FlagPlace,
  environment: string | undefined,
  instructions: readonly Instruction[],
  comment: string,
): Call {
  return {
    method: 'PATCH',
    route: 'PATCH flag',
    path: `/flags/${part(project)}/${part(key)}`,
    what: environment === undefined ? `flag ${key}` : `flag ${key} in ${environment}`,
    right: rightFor(instructions, resourceOf(project, environment, 'flag', key)),
    isSemantic: true,
    json: { ...(environment !== undefined && { environmentKey: environment }), comment, instructions },
    names: instructions.flatMap(keysIn),
  };
}

/** A patch of several environments at once, which no semantic patch can be. `actions`: the rights that it needs. */
export function flagJsonPatch(
  { project, key }: FlagPlace,
  patch: readonly Operation[],
  actions: readonly string[],
  comment: string,
): Call {
  return {
    method: 'PATCH',
    route: 'PATCH flag',
    path: `/flags/${part(project)}/${part(key)}`,
    what: `flag ${key}`,
    right: { actions, resource: resourceOf(project, undefined, 'flag', key) },
    json: { comment, patch },
  };
}

/** Where a segment is. */
export interface SegmentPlace {
  readonly project: string;
  readonly environment: string;
  readonly key: string;
}

export function segmentsPage(
  { project, environment }: Omit<SegmentPlace, 'key'>,
  tag: string,
  limit: number,
  offset: number,
): Call {
  const query = new URLSearchParams({ limit: String(limit), offset: String(offset), filter: `tags anyOf ["${tag}"]` });
  return {
    method: 'GET',
    route: 'GET segments',
    path: `/segments/${part(project)}/${part(environment)}?${query.toString()}`,
    what: `segments in ${environment} of project ${project}`,
    right: { actions: ['viewProject'], resource: `proj/${project}` },
  };
}

function segmentPath({ project, environment, key }: SegmentPlace): string {
  return `/segments/${part(project)}/${part(environment)}/${part(key)}`;
}

export function segmentGet(place: SegmentPlace): Call {
  return {
    method: 'GET',
    route: 'GET segment',
    path: segmentPath(place),
    what: `segment ${place.key} in ${place.environment}`,
    right: { actions: ['viewProject'], resource: `proj/${place.project}` },
  };
}

export function segmentPost(place: SegmentPlace, json: object): Call {
  const { project, environment, key } = place;
  return {
    method: 'POST',
    route: 'POST segments',
    path: `/segments/${part(project)}/${part(environment)}`,
    what: `segment ${key} in ${environment}`,
    right: { actions: ['createSegment'], resource: resourceOf(project, environment, 'segment', key) },
    json,
    names: [],
  };
}

export function segmentPatch(place: SegmentPlace, instructions: readonly Instruction[], comment: string): Call {
  const { project, environment, key } = place;
  return {
    method: 'PATCH',
    route: 'PATCH segment',
    path: segmentPath(place),
    what: `segment ${key} in ${environment}`,
    right: rightFor(instructions, resourceOf(project, environment, 'segment', key)),
    isSemantic: true,
    json: { environmentKey: environment, comment, instructions },
    names: instructions.flatMap(keysIn),
  };
}

export function segmentDelete(place: SegmentPlace): Call {
  const { project, environment, key } = place;
  return {
    method: 'DELETE',
    route: 'DELETE segment',
    path: segmentPath(place),
    what: `segment ${key} in ${environment}`,
    right: { actions: ['deleteSegment'], resource: resourceOf(project, environment, 'segment', key) },
  };
}

export function environmentsPage(project: string, limit: number, offset: number): Call {
  return {
    method: 'GET',
    route: 'GET environments',
    path: `/projects/${part(project)}/environments?limit=${limit}&offset=${offset}`,
    what: `environments of project ${project}`,
    right: { actions: ['viewProject'], resource: `proj/${project}` },
  };
}

export function environmentGet(project: string, environment: string): Call {
  return {
    method: 'GET',
    route: 'GET environment',
    path: `/projects/${part(project)}/environments/${part(environment)}`,
    what: `environment ${environment} of project ${project}`,
    right: { actions: ['viewProject', 'viewSdkKey'], resource: `proj/${project}:env/${environment}` },
  };
}

/** Requests for approval of one flag in one environment; with an `id`, one of them. */
export function approvals(
  method: 'GET' | 'POST' | 'DELETE',
  { project, key }: FlagPlace,
  environment: string,
  more: { readonly id?: string; readonly json?: object; readonly names?: readonly string[] } = {},
): Call {
  const { id, json, names } = more;
  const action = { GET: 'viewProject', POST: 'createApprovalRequest', DELETE: 'deleteApprovalRequest' }[method];
  const flag = `/projects/${part(project)}/flags/${part(key)}/environments/${part(environment)}`;
  return {
    method,
    route: `${method} approval-requests`,
    path: `${flag}/approval-requests${id === undefined ? '' : `/${part(id)}`}`,
    what: `approval request for flag ${key} in ${environment}`,
    right: { actions: [action], resource: resourceOf(project, environment, 'flag', key) },
    ...(json !== undefined && { json }),
    ...(names !== undefined && { names }),
  };
}
