import type { Account, Environment, Flag, Project } from './model.ts';
import { invalid } from './refusal.ts';
import { flagRep, link } from './represent.ts';
import { pageOf, switchOf } from './routing.ts';

/** How `_links.next` behaves: as documented, or on the last page too and on none of the others. */
export type NextLinks = 'right' | 'misleading';

/** One page of a project's flags: by default 20, live ones, without targets, without environments unless asked. */
export function flagList(
  account: Account,
  project: Project,
  query: URLSearchParams,
  environments: readonly Environment[],
  links: NextLinks,
): Record<string, unknown> {
  const { limit, offset } = pageOf(query, 100);
  const summary = switchOf(query, 'summary') ?? true;
  const found = [...project.flags.values()].filter(filterOf(query)).sort(order(query.get('sort')));
  const page = found.slice(offset, offset + limit);
  const more = offset + limit < found.length;
  const next = new URLSearchParams(query);
  next.set('offset', String(offset + limit));
  next.set('limit', String(limit));
  return {
    items: page.map(flag =>
      flagRep(project, flag, environments.length === 0 ? undefined : environments, account.members, summary),
    ),
    _links: {
      self: link(`/api/v2/flags/${project.key}?${query.toString()}`),
      ...(more === (links === 'right') ? { next: link(`/api/v2/flags/${project.key}?${next.toString()}`) } : {}),
    },
    totalCount: found.length,
  };
}

type Filter = (flag: Flag) => boolean;

function filterOf(query: URLSearchParams): Filter {
  const filters: Filter[] = [];
  const tag = query.get('tag');
  if (tag !== null) filters.push(flag => flag.tags.includes(tag));
  const archived = switchOf(query, 'archived');
  let state = archived === true ? 'archived' : undefined;
  for (const part of (query.get('filter') ?? '').split(',').filter(part => part !== '')) {
    const colon = part.indexOf(':');
    if (colon === -1) throw invalid(`Invalid filter "${part}"`);
    const [field, value] = [part.slice(0, colon), part.slice(colon + 1)];
    if (field === 'state') state = value;
    else if (field === 'archived') state = value === 'true' ? 'archived' : state;
    else filters.push(filterBy(field, value));
  }
  filters.push(stateFilter(state));
  return flag => filters.every(filter => filter(flag));
}

function stateFilter(state: string | undefined): Filter {
  switch (state) {
    case undefined:
      return flag => flag.archivedDate === undefined;
    case 'live':
      return flag => flag.archivedDate === undefined && flag.deprecatedDate === undefined;
    case 'deprecated':
      return flag => flag.archivedDate === undefined && flag.deprecatedDate !== undefined;
    case 'archived':
      return flag => flag.archivedDate !== undefined;
    default:
      throw invalid(`Invalid filter value "${state}" for state`);
  }
}

function filterBy(field: string, value: string): Filter {
  switch (field) {
    case 'tags': {
      const tags = value.split('+');
      return flag => tags.every(tag => flag.tags.includes(tag));
    }
    case 'query': {
      const text = value.toLowerCase();
      return flag => flag.key.toLowerCase().includes(text) || flag.name.toLowerCase().includes(text);
    }
    case 'type':
      if (value !== 'temporary' && value !== 'permanent') throw invalid(`Invalid filter value "${value}" for type`);
      return flag => flag.temporary === (value === 'temporary');
    case 'maintainerId':
      return flag => flag.maintainerId === value;
    case 'filterEnv':
      return () => true;
    default:
      throw invalid(`Invalid filter field "${field}"`);
  }
}

function order(sort: string | null): (a: Flag, b: Flag) => number {
  const by = (sort ?? '-creationDate').replace(/^-/, '');
  const sign = (sort ?? '-creationDate').startsWith('-') ? -1 : 1;
  if (by !== 'key' && by !== 'name' && by !== 'creationDate') throw invalid(`Invalid sort field "${by}"`);
  return (a, b) => {
    const first = a[by];
    const second = b[by];
    if (first !== second) return first < second ? -sign : sign;
    return a.key < b.key ? -sign : sign;
  };
}
