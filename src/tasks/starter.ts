import { stringify } from 'yaml';
import { starterWorkflows } from './starter-workflows.ts';

export interface StarterOptions {
  readonly instance: string;
  /** Who answers for the first flag: `@acme/team-growth`, an address, or any name. */
  readonly owner: string;
  /** `2026-11-01` */
  readonly today: string;
  /** The day on which the first flag is over. */
  readonly expires: string;
  /** Of OPToggles, for the pre-commit hook. */
  readonly version: string;
  readonly branch: string;
  /** The action as workflows name it; undefined: none is written. */
  readonly action: string | undefined;
  /** The schemas for editors, as text. */
  readonly schemas: { readonly config: string; readonly flag: string };
}

/** The files of a new repository of flag files, by path. Flags lie in a folder of their owner. */
export function starterFiles(options: StarterOptions): Readonly<Record<string, string>> {
  const { schemas, action, branch, owner } = options;
  const flag = `flags/${folderOf(owner)}/welcome-banner.yaml`;
  return {
    'optoggles.yaml': configFile(options),
    'audiences.yaml': audiences,
    [flag]: flagFile(options),
    'schemas/config.schema.json': schemas.config,
    'schemas/flag.schema.json': schemas.flag,
    '.vscode/settings.json': editor,
    '.vscode/extensions.json': `${JSON.stringify({ recommendations: ['redhat.vscode-yaml'] }, null, 2)}\n`,
    '.gitignore': '# What was last applied, and the files for flagd.\n.optoggles/\nout/\n',
    '.pre-commit-config.yaml': preCommit(options.version),
    ...(isAccount(owner) && { '.github/CODEOWNERS': codeOwners(owner) }),
    ...(action !== undefined && starterWorkflows({ action, branch })),
  };
}

/** Whether GitHub knows an owner by that name: https://docs.github.com/repositories (about code owners). */
export function isAccount(owner: string): boolean {
  return /^@[A-Za-z0-9-]+(\/[A-Za-z0-9_.-]+)?$/.test(owner) || /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(owner);
}

/** `@acme/team-growth` → `team-growth` */
export function folderOf(owner: string): string {
  const name = owner.replace(/^@/, '').split('/').at(-1) ?? '';
  const plain = name
    .replace(/@.*$/, '')
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^[-_]+|-+$/g, '');
  return plain === '' ? 'team' : plain;
}

function configFile({ instance }: StarterOptions): string {
  return `# yaml-language-server: $schema=./schemas/config.schema.json
version: 1
instance: ${stringify(instance).trim()}
flags: flags
sources:
  # Lists in a file, to begin with. A policy engine comes in their place:
  # - { id: people, type: opa, url: "http://127.0.0.1:8181", token: "\${OPA_TOKEN:-}", sentinels: [data.ready] }
  - { id: people, type: static, path: audiences.yaml }
targets:
  # Files that flagd reads, to begin with. A flag platform comes in their place.
  - { name: local, type: flagd, path: "out/{environment}.json", environments: [production, test] }
`;
}

const audiences = `# Who may use what, by rule. Each rule has a list of members, as applications name them.
app.features.early_access: [ada@example.com, grace@example.com]
app.features.employees: [ada@example.com]
`;

function flagFile({ owner, today, expires }: StarterOptions): string {
  return `# yaml-language-server: $schema=../../schemas/flag.schema.json
key: welcome-banner
name: Welcome banner
description: The first flag of this repository. In test everybody who works here sees it.
owner: ${stringify(owner).trim()}
type: release
created: ${today}
expires: ${expires}
usersPolicy: { source: people, package: app.features, rule: early_access }
environments:
  production: {}
  test: { usersPolicy: { source: people, package: app.features, rule: employees } }
`;
}

const editor = `${JSON.stringify(
  {
    'yaml.schemas': {
      './schemas/config.schema.json': '/optoggles.yaml',
      './schemas/flag.schema.json': '/flags/**/*.yaml',
    },
  },
  null,
  2,
)}\n`;

function preCommit(version: string): string {
  return `# Checks before each commit, after "pre-commit install": https://pre-commit.com
repos:
  - repo: local
    hooks:
      - id: optoggles-validate
        name: optoggles validate
        entry: npx --yes optoggles@${version} validate
        language: system
        files: ^(optoggles\\.yaml|audiences\\.yaml|flags/.*)$
        pass_filenames: false
`;
}

function codeOwners(owner: string): string {
  return `# Who has to agree to a change. The last line that fits counts. Flags of another owner go into a folder of that
# owner, with a line here.
* ${owner}
/flags/${folderOf(owner)}/ ${owner}
`;
}
