import type { Person } from './stack.ts';

/** Package app.rbac as the suites use it: people by country and since, lists by name. Enough rules to be asked as one. */
export const RBAC = `package app.rbac
import rego.v1

us_users contains name if {
  some name, user in data.example.users
  user.country == "US"
}

recent contains name if {
  some name, user in data.example.users
  time.parse_rfc3339_ns(user.since) > 0
}

employees contains name if some name in data.example.lists.employees

lonely contains name if some name in data.example.lists.lonely

passing contains name if some name in data.example.lists.passing

vip := data.example.lists.vip

team_a contains name if some name in data.example.lists.team_a

team_b contains name if some name in data.example.lists.team_b
`;

export const PEOPLE: Readonly<Record<string, Person>> = {
  alice: { country: 'US', since: '2024-01-01T00:00:00Z' },
  bob: { country: 'FR' },
  carol: { country: 'US' },
  dave: { country: 'US', since: '2025-01-01T00:00:00Z' },
  erin: { country: 'CA' },
};

export const LISTS = {
  employees: ['alice', 'bob'],
  lonely: ['zoe'],
  passing: ['alice', 'bob'],
  team_a: ['alice'],
  team_b: ['bob', 'carol'],
};

/** Toggle → rule: one policy is shared, one is not defined by anybody. */
export const RULES = {
  'us-feature': 'us_users',
  'us-banner': 'us_users',
  'recent-only': 'recent',
  'staff-tools': 'employees',
  'lonely-one': 'lonely',
  'passing-by': 'passing',
  'vip-lounge': 'vip',
  'team-a': 'team_a',
  'team-b': 'team_b',
};

export const MORE = { 'passing-by': { guard: { allowEmpty: true } } };
