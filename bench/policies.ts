/** One toggle of a case: its key and the rule of package `bench` that decides it. */
export interface BenchToggle {
  readonly key: string;
  readonly rule: string;
}

/** What a case loads into OPA, and the one fact that it switches to and fro. */
export interface BenchPolicy {
  readonly rego: string;
  /** Root document; put before the policy. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly toggles: readonly BenchToggle[];
  /** Key of the toggle that changes, alone. */
  readonly changing: string;
  /** What makes one more member of it, and what takes that member away: method, path under /v1/data, body. */
  readonly add: Edit;
  readonly remove: Edit;
  /** How many members it has without the one that comes and goes. */
  readonly members: number;
}

export interface Edit {
  readonly method: 'PUT' | 'DELETE' | 'PATCH';
  readonly path: string;
  readonly body?: unknown;
}

const HEAD = 'package bench\nimport rego.v1\n\nready := true\n';
const MEMBERS = 20;

function keyOf(index: number): string {
  return `t${String(index).padStart(5, '0')}`;
}

function smallRule(rule: string): string {
  return `\n${rule} contains name if {\n  some name, active in data.members.${rule}\n  active\n}\n`;
}

function smallData(rules: readonly string[]): Record<string, Record<string, boolean>> {
  const names = Array.from({ length: MEMBERS }, (_, index) => `user-${String(index).padStart(4, '0')}`);
  return Object.fromEntries(rules.map(rule => [rule, Object.fromEntries(names.map(name => [name, true]))]));
}

/** The rules that the toggles use, each once. */
export function rulesOf(policy: BenchPolicy): string[] {
  return [...new Set(policy.toggles.map(toggle => toggle.rule))];
}

/** `count` toggles, each with a small rule of its own in one package. */
export function separateRules(count: number): BenchPolicy {
  const rules = Array.from({ length: count }, (_, index) => keyOf(index));
  return small(
    rules,
    rules.map(rule => ({ key: rule, rule })),
  );
}

/** `count` toggles that share `policies` rules; the first rule belongs to the first toggle alone, so that one changes. */
export function sharedRules(count: number, policies: number): BenchPolicy {
  const rules = Array.from({ length: policies }, (_, index) => keyOf(index));
  const toggles = Array.from({ length: count }, (_, index) => ({
    key: keyOf(index),
    rule: keyOf(index === 0 ? 0 : 1 + (index % (policies - 1))),
  }));
  return small(rules, toggles);
}

function small(rules: readonly string[], toggles: readonly BenchToggle[]): BenchPolicy {
  const path = `members/${keyOf(0)}/zz-extra`;
  return {
    rego: HEAD + rules.map(smallRule).join(''),
    data: { members: smallData(rules) },
    toggles,
    changing: keyOf(0),
    add: { method: 'PUT', path, body: true },
    remove: { method: 'DELETE', path },
    members: MEMBERS,
  };
}

function bigNames(users: number): string[] {
  // 26 bytes each with quotes and comma, like the addresses and ids that real lists hold.
  return Array.from({ length: users }, (_, index) => `user-${String(index).padStart(8, '0')}@acme.com`);
}

/** One toggle whose rule picks `users` users out of a document by a condition: what people write first. */
export function bigSet(users: number): BenchPolicy {
  const path = 'users/zz-extra';
  return {
    rego: `${HEAD}\nbig contains name if {\n  some name, user in data.users\n  user.country == "US"\n}\n`,
    data: { users: Object.fromEntries(bigNames(users).map(name => [name, { country: 'US' }])) },
    toggles: [{ key: 'big', rule: 'big' }],
    changing: 'big',
    add: { method: 'PUT', path, body: { country: 'US' } },
    remove: { method: 'DELETE', path },
    members: users,
  };
}

/** One toggle whose rule hands out a list that exists: the cheap shape. */
export function bigList(users: number): BenchPolicy {
  return {
    rego: `${HEAD}\nbig := data.list\n`,
    data: { list: bigNames(users) },
    toggles: [{ key: 'big', rule: 'big' }],
    changing: 'big',
    add: { method: 'PATCH', path: 'list', body: [{ op: 'add', path: '/-', value: 'zz-extra' }] },
    remove: { method: 'PATCH', path: 'list', body: [{ op: 'remove', path: `/${users}` }] },
    members: users,
  };
}
