import { keyOf, maybeBoolean, maybeText, objectOf, onlyFields, tagsOf, textOf, textsOf } from './fields.ts';
import type { Environment, Project, Segment } from './model.ts';
import { invalid, Refusal } from './refusal.ts';
import { link, segmentRep } from './represent.ts';
import { type Answer, type Call, demand, pageOf, param, type Route, switchOf } from './routing.ts';
import { applySegmentInstructions, SEGMENT_INSTRUCTIONS } from './segment-instructions.ts';
import { semanticPatchIn } from './semantic-patch.ts';
import {
  dropSegment,
  environmentOf,
  keepSegment,
  projectOf,
  segmentOf,
  segmentsUsing,
  usersOfSegment,
} from './store.ts';

/** `/api/v2/segments/…`. */
export const SEGMENT_ROUTES: readonly Route[] = [
  { method: 'GET', template: '/api/v2/segments/{projectKey}/{environmentKey}', handle: list },
  { method: 'POST', template: '/api/v2/segments/{projectKey}/{environmentKey}', handle: create },
  { method: 'GET', template: '/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}', handle: get },
  { method: 'PATCH', template: '/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}', handle: patch },
  { method: 'DELETE', template: '/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}', handle: remove },
];

function place(call: Call): { readonly project: Project; readonly environment: Environment } {
  const project = projectOf(call.account, param(call, 'projectKey'));
  return { project, environment: environmentOf(project, param(call, 'environmentKey')) };
}

function list(call: Call): Answer {
  const { project, environment } = place(call);
  demand(call, 'viewProject', `proj/${project.key}`);
  const { limit, offset } = pageOf(call.query, 100);
  const found = [...environment.segments.values()]
    .filter(filterOf(call.query.get('filter') ?? ''))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const items = found
    .slice(offset, offset + limit)
    // A listed segment does not tell which flags use it.
    .map(segment => ({ ...segmentRep(project, environment, segment, []), _flags: undefined }));
  const self = link(`/api/v2/segments/${project.key}/${environment.key}`);
  return { status: 200, body: { items, _links: { self }, totalCount: found.length } };
}

function get(call: Call): Answer {
  const { project, environment } = place(call);
  demand(call, 'viewProject', `proj/${project.key}`);
  return { status: 200, body: rep(project, environment, segmentOf(environment, param(call, 'segmentKey'))) };
}

function create(call: Call): Answer {
  const { account } = call;
  const { project, environment } = place(call);
  const given = objectOf(call.body, 'the body');
  onlyFields(given, ['name', 'key', 'description', 'tags', 'unbounded', 'unboundedContextKind'], 'the body');
  const key = keyOf(given);
  const name = textOf(given, 'name');
  demand(call, 'createSegment', resource(project, environment, key));
  refuseWithoutApproval(environment);
  if (maybeBoolean(given, 'unbounded') === true)
    throw new Refusal(403, 'forbidden', 'Big segments are not available on this plan');
  // Code and wording from terraform-provider-launchdarkly issue 302.
  if (environment.segments.has(key)) throw new Refusal(409, 'key_exists', 'Duplicate segment key');
  const segment: Segment = {
    key,
    name,
    description: maybeText(given, 'description') ?? '',
    tags: given['tags'] === undefined ? [] : tagsOf(textsOf(given, 'tags')),
    creationDate: account.now(),
    lastModifiedDate: account.now(),
    version: 0,
    included: [],
    excluded: [],
    rules: [],
    salt: account.newId().replaceAll('-', ''),
    unbounded: false,
  };
  return { status: 201, body: rep(project, environment, keepSegment(account, project, environment, segment)) };
}

function patch(call: Call): Answer {
  const { account } = call;
  const { project, environment } = place(call);
  const segment = segmentOf(environment, param(call, 'segmentKey'));
  if (!call.semantic) throw new Refusal(415, 'invalid_request', 'This fake takes semantic patches of segments only');
  const { environmentKey, comment, instructions } = semanticPatchIn(call.body);
  // The description calls environmentKey required here, and leaves it out in every example; another one is an error.
  if (environmentKey !== undefined && environmentKey !== environment.key)
    throw invalid('environmentKey must be the environment of the path');
  for (const one of instructions) {
    const action = SEGMENT_INSTRUCTIONS[textOf(one, 'kind')]?.action;
    if (action === undefined) throw invalid(`unknown instruction kind "${textOf(one, 'kind')}"`);
    demand(call, action, resource(project, environment, segment.key));
  }
  refuseWithoutApproval(environment);
  if (environment.requireComments && comment === undefined) throw invalid('A comment is required in this environment');
  const next = applySegmentInstructions(segment, instructions, {
    newId: account.newId,
    isSegment: key => environment.segments.has(key),
  });
  if (switchOf(call.query, 'dryRun') === true) return { status: 200, body: rep(project, environment, next) };
  return { status: 200, body: rep(project, environment, keepSegment(account, project, environment, next)) };
}

function remove(call: Call): Answer {
  const { account } = call;
  const { project, environment } = place(call);
  const segment = segmentOf(environment, param(call, 'segmentKey'));
  demand(call, 'deleteSegment', resource(project, environment, segment.key));
  refuseWithoutApproval(environment);
  const users = [
    ...usersOfSegment(project, environment, segment.key).map(flag => `flag ${flag.key}`),
    ...segmentsUsing(environment, segment.key).map(other => `segment ${other.key}`),
  ];
  if (users.length > 0)
    throw new Refusal(409, 'conflict', `Cannot delete segment "${segment.key}": it is used by ${users.join(', ')}`);
  dropSegment(account, project, environment, segment.key);
  return { status: 204 };
}

function refuseWithoutApproval(environment: Environment): void {
  if (environment.approval === 'all') throw new Refusal(403, 'forbidden', 'approval is required');
}

/** `tags anyOf ["a","b"]`, `query equals "text"`, joined by commas. */
function filterOf(filter: string): (segment: Segment) => boolean {
  if (filter === '') return () => true;
  const tags = /tags anyOf \[([^\]]*)\]/.exec(filter)?.[1];
  const text = /query equals "([^"]*)"/.exec(filter)?.[1];
  if (tags === undefined && text === undefined) throw invalid(`Invalid filter "${filter}"`);
  const wanted = tags === undefined ? undefined : (JSON.parse(`[${tags}]`) as string[]);
  return segment =>
    (wanted === undefined || wanted.some(tag => segment.tags.includes(tag))) &&
    (text === undefined || segment.key.includes(text) || segment.name.includes(text));
}

function rep(project: Project, environment: Environment, segment: Segment): Record<string, unknown> {
  return segmentRep(project, environment, segment, usersOfSegment(project, environment, segment.key));
}

function resource(project: Project, environment: Environment, key: string): string {
  return `proj/${project.key}:env/${environment.key}:segment/${key}`;
}
