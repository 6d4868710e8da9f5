import { notFound } from './refusal.ts';
import { environmentRep, link, memberRep, projectRep } from './represent.ts';
import { type Answer, type Call, demand, pageOf, param, type Route } from './routing.ts';
import { environmentOf, projectOf } from './store.ts';

/** Projects, environments, members and the caller's identity: all only to be read. */
export const PROJECT_ROUTES: readonly Route[] = [
  { method: 'GET', template: '/api/v2/projects/{projectKey}', handle: project },
  { method: 'GET', template: '/api/v2/projects/{projectKey}/environments', handle: environments },
  { method: 'GET', template: '/api/v2/projects/{projectKey}/environments/{environmentKey}', handle: environment },
  { method: 'GET', template: '/api/v2/members', handle: members },
  { method: 'GET', template: '/api/v2/members/{id}', handle: member },
  { method: 'GET', template: '/api/v2/caller-identity', handle: identity },
];

function project(call: Call): Answer {
  const found = projectOf(call.account, param(call, 'projectKey'));
  demand(call, 'viewProject', `proj/${found.key}`);
  const expand = (call.query.get('expand') ?? '').split(',').includes('environments');
  return { status: 200, body: { ...projectRep(found), ...(expand ? { environments: page(call, 20) } : {}) } };
}

function environments(call: Call): Answer {
  const { limit, offset } = pageOf(call.query, 100);
  return { status: 200, body: page(call, limit, offset) };
}

function environment(call: Call): Answer {
  const found = projectOf(call.account, param(call, 'projectKey'));
  demand(call, 'viewProject', `proj/${found.key}`);
  const one = environmentOf(found, param(call, 'environmentKey'));
  return { status: 200, body: environmentRep(found, one, maySeeKey(call)) };
}

function page(call: Call, limit: number, offset = 0): Record<string, unknown> {
  const found = projectOf(call.account, param(call, 'projectKey'));
  demand(call, 'viewProject', `proj/${found.key}`);
  const all = [...found.environments.values()];
  return {
    _links: { self: link(`/api/v2/projects/${found.key}/environments`) },
    totalCount: all.length,
    items: all.slice(offset, offset + limit).map(one => environmentRep(found, one, maySeeKey(call))),
  };
}

function maySeeKey(call: Call): boolean {
  return !call.token.deny.includes('viewSdkKey');
}

/** `filter=email:…` or `filter=query:…`; more is not needed to find a maintainer. */
function members(call: Call): Answer {
  const { limit, offset } = pageOf(call.query, 1_000);
  const filter = /^(email|query):(.*)$/.exec(call.query.get('filter') ?? '');
  const text = filter?.[2]?.toLowerCase();
  const found = call.account.members.filter(
    ({ email }) =>
      text === undefined ||
      (filter?.[1] === 'email' ? email.toLowerCase() === text : email.toLowerCase().includes(text)),
  );
  return {
    status: 200,
    body: {
      items: found.slice(offset, offset + limit).map(memberRep),
      _links: { self: link('/api/v2/members') },
      totalCount: found.length,
    },
  };
}

function member(call: Call): Answer {
  const id = param(call, 'id');
  const found = call.account.members.find(({ _id }) => _id === id);
  if (found === undefined) throw notFound(`Unknown member ID "${id}"`);
  return { status: 200, body: memberRep(found) };
}

function identity(call: Call): Answer {
  const { token } = call;
  return {
    status: 200,
    body: {
      accountId: '0000000000000000000000ac',
      authKind: 'token',
      tokenKind: 'auth',
      tokenName: token.name,
      tokenId: '0000000000000000000000aa',
      serviceToken: token.memberId === undefined,
      ...(token.memberId === undefined ? {} : { memberId: token.memberId }),
    },
  };
}
