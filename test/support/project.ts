import { tempFolder } from './temp-folder.ts';

export interface ProjectParts {
  /** Top-level keys of `optoggles.yaml` that are not there, or others. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Keys of flag files beyond the ones every file needs, by toggle. */
  readonly flags?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Members by rule, as the static source `lists` has them. */
  readonly lists?: Readonly<Record<string, readonly unknown[]>>;
  readonly files?: Readonly<Record<string, string>>;
}

/** A small installation in a temporary folder: a static source `lists`, a flagd target `local`. JSON is YAML. */
export function project(parts: ProjectParts = {}): string {
  const { flags = { beta: {} }, lists = { 'app.rbac.beta': ['alice', 'bob'] } } = parts;
  const flagFiles = Object.entries(flags).map(([key, more]) => [`flags/${key}.yaml`, flagText(key, more)]);
  return tempFolder({
    'optoggles.yaml': configText(parts.config),
    'audiences.yaml': listsText(lists),
    ...(Object.fromEntries(flagFiles) as Record<string, string>),
    ...parts.files,
  });
}

export function configText(more: Readonly<Record<string, unknown>> = {}): string {
  const config = {
    version: 1,
    instance: 'acme',
    bind: '127.0.0.1:0',
    sources: [{ id: 'lists', type: 'static', path: 'audiences.yaml' }],
    targets: [{ name: 'local', type: 'flagd', path: 'out/{environment}.json', environments: ['production'] }],
    ...more,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** A flag file whose users are the rule of its key. */
export function flagText(key: string, more: Readonly<Record<string, unknown>> = {}): string {
  const flag = {
    key,
    name: `The feature ${key}`,
    owner: 'team-growth',
    type: 'permission',
    created: '2026-11-01',
    usersPolicy: { source: 'lists', package: 'app.rbac', rule: key },
    ...more,
  };
  return `${JSON.stringify(flag, null, 2)}\n`;
}

export function listsText(lists: Readonly<Record<string, readonly unknown[]>>): string {
  return `${JSON.stringify(lists, null, 2)}\n`;
}
