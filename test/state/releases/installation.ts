/** The installation whose state is kept for each form. Its texts never change: what was written went by them. */

export const configuration = `version: 1
instance: acme
bind: "127.0.0.1:0"
sources:
  - { id: lists, type: static, path: audiences.yaml }
targets:
  - { name: local, type: flagd, path: "out/{environment}.json", environments: [production, test] }
`;

/** A flag file whose users are the rule of its key. */
export function flag(key: string, more = ''): string {
  return `key: ${key}
name: The feature ${key}
owner: team-growth
type: permission
created: 2026-11-01
usersPolicy: { source: lists, package: app.rbac, rule: ${key} }
${more}`;
}

/** Of `sturdy`: its last good definition stays in force. */
export const broken = 'key: sturdy\nname: [\n';

function users(from: number, to: number): string {
  return `[${Array.from({ length: to - from }, (_, at) => `user${from + at}`).join(', ')}]`;
}

function listsOf(beta: string, crowd: string, freed: string): string {
  return `app.rbac.beta: ${beta}
app.rbac.closed: [carol]
app.rbac.sturdy: [dave]
app.rbac.gone: [erin]
app.rbac.crowd: ${crowd}
app.rbac.freed: ${freed}
`;
}

/** What policy said, in turn. */
export const lists = {
  first: listsOf('[alice, bob]', users(0, 20), users(20, 40)),
  second: listsOf('[bob, zoe]', users(0, 21), users(20, 40)),
  third: listsOf('[bob, zoe]', users(0, 2), users(20, 22)),
} as const;

/** Who has what, in each environment, after all of it. */
export const served: Readonly<Record<string, readonly string[]>> = {
  beta: ['bob', 'zoe'],
  closed: [],
  sturdy: ['dave'],
  gone: [],
  crowd: Array.from({ length: 21 }, (_, at) => `user${at}`),
  freed: ['user20', 'user21'],
};
