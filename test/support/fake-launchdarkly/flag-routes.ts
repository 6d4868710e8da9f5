import { newFlag } from './create-flag.ts';
import { flagList, type NextLinks } from './flag-list.ts';
import { applyJsonPatch, jsonPatchIn, rightsOf } from './json-patch.ts';
import type { Account, Environment, Flag, Project } from './model.ts';
import { invalid } from './refusal.ts';
import { flagRep } from './represent.ts';
import { type Answer, type Call, demand, param, type Route, switchOf } from './routing.ts';
import { actionsOf, applyInstructions, refuseWithoutApproval, semanticPatchIn } from './semantic-patch.ts';
import { refuseDeletion } from './setting-instructions.ts';
import { dropFlag, environmentNamed, flagOf, keepFlag, projectOf } from './store.ts';

/** `/api/v2/flags/…`. */
export function flagRoutes(links: NextLinks): readonly Route[] {
  return [
    { method: 'GET', template: '/api/v2/flags/{projectKey}', handle: call => list(call, links) },
    { method: 'POST', template: '/api/v2/flags/{projectKey}', handle: create },
    { method: 'GET', template: '/api/v2/flags/{projectKey}/{featureFlagKey}', handle: get },
    { method: 'PATCH', template: '/api/v2/flags/{projectKey}/{featureFlagKey}', handle: patch },
    { method: 'DELETE', template: '/api/v2/flags/{projectKey}/{featureFlagKey}', handle: remove },
  ];
}

function list(call: Call, links: NextLinks): Answer {
  const project = projectOf(call.account, param(call, 'projectKey'));
  demand(call, 'viewProject', `proj/${project.key}`);
  const environments = call.query.getAll('env').map(key => environmentNamed(project, key));
  return { status: 200, body: flagList(call.account, project, call.query, environments, links) };
}

function get(call: Call): Answer {
  const project = projectOf(call.account, param(call, 'projectKey'));
  demand(call, 'viewProject', `proj/${project.key}`);
  const flag = flagOf(project, param(call, 'featureFlagKey'));
  const asked = call.query.getAll('env').map(key => environmentNamed(project, key));
  const environments = asked.length === 0 ? [...project.environments.values()] : asked;
  return { status: 200, body: flagRep(project, flag, environments, call.account.members, false) };
}

function create(call: Call): Answer {
  const { account } = call;
  const project = projectOf(account, param(call, 'projectKey'));
  const flag = newFlag(account, project, call.body, call.token.memberId);
  for (const environment of project.environments.keys())
    demand(call, 'createFlag', resource(project, environment, flag));
  return { status: 201, body: wholeRep(account, project, keepFlag(account, project, flag)) };
}

function patch(call: Call): Answer {
  const { account } = call;
  const project = projectOf(account, param(call, 'projectKey'));
  const flag = flagOf(project, param(call, 'featureFlagKey'));
  if (!call.semantic) {
    const patch = jsonPatchIn(call.body);
    for (const { action, environment } of rightsOf(patch)) demand(call, action, resource(project, environment, flag));
    const next = applyJsonPatch(project, flag, patch);
    return { status: 200, body: wholeRep(account, project, keepFlag(account, project, next)) };
  }
  const { environmentKey, comment, instructions } = semanticPatchIn(call.body);
  const environment = environmentKey === undefined ? undefined : environmentNamed(project, environmentKey);
  for (const action of actionsOf(instructions)) demand(call, action, resource(project, environmentKey ?? '*', flag));
  if (environment !== undefined) {
    refuseWithoutApproval(environment, flag, instructions);
    if (environment.requireComments && comment === undefined)
      throw invalid('A comment is required in this environment');
  }
  const next = applyInstructions(account, project, flag, environment, instructions);
  if (next !== 'deleted' && switchOf(call.query, 'ignoreConflicts') !== true)
    refuseBrokenSchedule(account, project, flag, next);
  if (switchOf(call.query, 'dryRun') === true)
    return { status: 200, body: wholeRep(account, project, next === 'deleted' ? flag : next) };
  if (next === 'deleted') {
    dropFlag(account, project, flag.key);
    return { status: 200, body: wholeRep(account, project, flag) };
  }
  return { status: 200, body: wholeRep(account, project, keepFlag(account, project, next)) };
}

function remove(call: Call): Answer {
  const { account } = call;
  const project = projectOf(account, param(call, 'projectKey'));
  const flag = flagOf(project, param(call, 'featureFlagKey'));
  demand(call, 'deleteFlag', resource(project, '*', flag));
  refuseDeletion(flag.key, project.flags.values());
  dropFlag(account, project, flag.key);
  return { status: 204 };
}

/** 400 when a scheduled change could be done before the patch and can't be after it. */
function refuseBrokenSchedule(account: Account, project: Project, before: Flag, after: Flag): void {
  for (const change of account.scheduled.values()) {
    if (change.project !== project.key || change.flag !== before.key) continue;
    const environment = project.environments.get(change.environment) as Environment;
    const works = (flag: Flag): boolean => {
      try {
        applyInstructions(account, project, flag, environment, change.instructions);
        return true;
      } catch {
        return false;
      }
    };
    if (works(before) && !works(after))
      throw invalid(
        'This change would cause a conflict with a pending scheduled change. Set ignoreConflicts to make it anyway',
      );
  }
}

function wholeRep(account: Account, project: Project, flag: Flag): Record<string, unknown> {
  return flagRep(project, flag, [...project.environments.values()], account.members, false);
}

function resource(project: Project, environment: string, flag: Flag): string {
  return `proj/${project.key}:env/${environment}:flag/${flag.key}`;
}
