import { listOf, maybeText, objectOf, onlyFields, textOf } from './fields.ts';
import type { Account, ApprovalRequest } from './model.ts';
import { invalid, notFound, Refusal } from './refusal.ts';
import { approvalRep, link, scheduledRep } from './represent.ts';
import { type Answer, type Call, demand, pageOf, param, type Route } from './routing.ts';
import { actionsOf, applyInstructions, instructionsIn } from './semantic-patch.ts';
import { environmentOf, flagOf, keepFlag, projectOf } from './store.ts';

const OF_FLAG = '/api/v2/projects/{projectKey}/flags/{featureFlagKey}/environments/{environmentKey}';

/** Approval requests of flags, and scheduled changes to be read. */
export const APPROVAL_ROUTES: readonly Route[] = [
  { method: 'GET', template: `${OF_FLAG}/approval-requests`, handle: listOfFlag },
  { method: 'POST', template: `${OF_FLAG}/approval-requests`, handle: create },
  { method: 'GET', template: `${OF_FLAG}/approval-requests/{id}`, handle: get },
  { method: 'DELETE', template: `${OF_FLAG}/approval-requests/{id}`, handle: remove },
  { method: 'POST', template: `${OF_FLAG}/approval-requests/{id}/apply`, handle: apply },
  { method: 'GET', template: '/api/v2/approval-requests', handle: listAll },
  { method: 'GET', template: `${OF_FLAG}/scheduled-changes`, handle: scheduled },
];

/** What approval and application of a request do to its flag, as a person with the right does it. */
export function applyApproval(account: Account, request: ApprovalRequest): void {
  const project = projectOf(account, request.project);
  const environment = environmentOf(project, request.environment);
  const flag = flagOf(project, request.flag);
  const next = applyInstructions(account, project, flag, environment, request.instructions);
  if (next === 'deleted') throw invalid('an approval request does not delete a flag');
  keepFlag(account, project, next);
  request.reviewStatus = 'approved';
  request.status = 'completed';
  request.appliedDate = account.now();
  request.version++;
}

function placeOf(call: Call): { project: string; flag: string; environment: string; resource: string } {
  const project = projectOf(call.account, param(call, 'projectKey'));
  const environment = environmentOf(project, param(call, 'environmentKey'));
  const flag = flagOf(project, param(call, 'featureFlagKey'));
  return {
    project: project.key,
    environment: environment.key,
    flag: flag.key,
    resource: `proj/${project.key}:env/${environment.key}:flag/${flag.key}`,
  };
}

function listOfFlag(call: Call): Answer {
  const place = placeOf(call);
  demand(call, 'viewProject', place.resource);
  const items = [...call.account.approvals.values()].filter(
    request =>
      request.project === place.project && request.flag === place.flag && request.environment === place.environment,
  );
  const self = link(
    `/api/v2/projects/${place.project}/flags/${place.flag}/environments/${place.environment}/approval-requests`,
  );
  return { status: 200, body: { items: items.map(request => rep(call, request)), _links: { self } } };
}

function create(call: Call): Answer {
  const { account } = call;
  const place = placeOf(call);
  const given = objectOf(call.body, 'the body');
  onlyFields(given, ['comment', 'description', 'instructions', 'notifyMemberIds', 'notifyTeamKeys'], 'the body');
  const description = textOf(given, 'description');
  const instructions = instructionsIn(given);
  actionsOf(instructions);
  maybeText(given, 'comment');
  const notifyMemberIds = given['notifyMemberIds'] === undefined ? [] : listOf(given, 'notifyMemberIds');
  for (const id of notifyMemberIds)
    if (!account.members.some(member => member._id === id)) throw invalid(`unknown member ID ${JSON.stringify(id)}`);
  demand(call, 'createApprovalRequest', place.resource);
  const project = projectOf(account, place.project);
  const flag = flagOf(project, place.flag);
  if (flag.archivedDate !== undefined) throw invalid(`flag "${flag.key}" is archived`);
  // The instructions must be possible now.
  applyInstructions(account, project, flag, environmentOf(project, place.environment), instructions);
  const request: ApprovalRequest = {
    id: account.newId(),
    project: place.project,
    flag: place.flag,
    environment: place.environment,
    creationDate: account.now(),
    description,
    instructions,
    requestorId: call.token.memberId,
    notifyMemberIds: notifyMemberIds as string[],
    version: 1,
    reviewStatus: 'pending',
    status: 'pending',
    appliedDate: undefined,
  };
  account.approvals.set(request.id, request);
  account.writes++;
  return { status: 201, body: rep(call, request) };
}

function requestOf(call: Call): ApprovalRequest {
  const place = placeOf(call);
  const request = call.account.approvals.get(param(call, 'id'));
  if (
    request === undefined ||
    request.project !== place.project ||
    request.flag !== place.flag ||
    request.environment !== place.environment
  )
    throw notFound('Unknown approval request');
  return request;
}

function get(call: Call): Answer {
  return { status: 200, body: rep(call, requestOf(call)) };
}

function remove(call: Call): Answer {
  const request = requestOf(call);
  demand(call, 'deleteApprovalRequest', placeOf(call).resource);
  if (request.status === 'completed')
    throw new Refusal(400, 'invalid_request', 'A completed approval request cannot be deleted');
  call.account.approvals.delete(request.id);
  call.account.writes++;
  return { status: 204 };
}

function apply(call: Call): Answer {
  const request = requestOf(call);
  demand(call, 'applyApprovalRequest', placeOf(call).resource);
  if (request.status === 'completed') throw invalid('This approval request was applied already');
  if (request.reviewStatus !== 'approved') throw invalid('This approval request is not approved');
  applyApproval(call.account, request);
  return { status: 200, body: rep(call, request) };
}

/** All of the account, with the filters `field equals value` and `field anyOf ["a","b"]`. */
function listAll(call: Call): Answer {
  const { limit, offset } = pageOf(call.query, 200);
  const filters = filtersOf(call.query.get('filter') ?? '');
  const found = [...call.account.approvals.values()].filter(request =>
    filters.every(({ field, values }) => values.includes(fieldOf(request, field))),
  );
  return {
    status: 200,
    body: {
      items: found.slice(offset, offset + limit).map(request => ({
        ...rep(call, request),
        resourceId: resourceId(request),
      })),
      totalCount: found.length,
      _links: { self: link('/api/v2/approval-requests') },
    },
  };
}

function filtersOf(filter: string): { field: string; values: readonly string[] }[] {
  const found: { field: string; values: readonly string[] }[] = [];
  let rest = filter.trim();
  while (rest !== '') {
    const one = /^(\w+) (?:equals ([^,]+)|anyOf (\[[^\]]*\]))(?:,\s*|$)/.exec(rest);
    if (one === null) throw invalid(`Invalid filter "${rest}"`);
    const [whole, field, value, list] = one;
    found.push({
      field: field as string,
      values: list === undefined ? [(value as string).replace(/^"(.*)"$/, '$1')] : (JSON.parse(list) as string[]),
    });
    rest = rest.slice(whole.length);
  }
  return found;
}

function fieldOf(request: ApprovalRequest, field: string): string {
  switch (field) {
    case 'projectKey':
      return request.project;
    case 'resourceId':
      return resourceId(request);
    case 'resourceKind':
      return 'flag';
    case 'reviewStatus':
      return request.reviewStatus;
    case 'status':
      return request.status;
    case 'requestorId':
      return request.requestorId ?? '';
    default:
      throw invalid(`Invalid filter field "${field}"`);
  }
}

function resourceId(request: ApprovalRequest): string {
  return `proj/${request.project}:env/${request.environment}:flag/${request.flag}`;
}

function scheduled(call: Call): Answer {
  const place = placeOf(call);
  const items = [...call.account.scheduled.values()].filter(
    change =>
      change.project === place.project && change.flag === place.flag && change.environment === place.environment,
  );
  const self = link(
    `/api/v2/projects/${place.project}/flags/${place.flag}/environments/${place.environment}/scheduled-changes`,
  );
  return { status: 200, body: { items: items.map(scheduledRep), _links: { self } } };
}

/** A pending request tells what could not be applied any more. */
function rep(call: Call, request: ApprovalRequest): Record<string, unknown> {
  const { account } = call;
  const project = projectOf(account, request.project);
  const conflicts: unknown[] = [];
  const flag = project.flags.get(request.flag);
  if (request.status === 'pending' && flag !== undefined) {
    try {
      applyInstructions(account, project, flag, environmentOf(project, request.environment), request.instructions);
    } catch (error) {
      conflicts.push({ instruction: request.instructions[0], reason: (error as Error).message });
    }
  }
  return approvalRep(request, conflicts);
}
