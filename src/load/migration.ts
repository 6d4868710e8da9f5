import { isDeepStrictEqual } from 'node:util';
import type { TObject } from 'typebox';
import type { Config } from '../domain/config.ts';
import type { Toggle, ToggleType } from '../domain/toggle.ts';
import { packagePattern } from './flag-schema.ts';
import type { KindSchemas } from './kinds.ts';
import { namePattern } from './pieces.ts';
import { SecretNames, variableName } from './secret-names.ts';

/** What toggles and sources of the old form are called in the new one: by their old names. */
export interface NewNames {
  readonly toggles: ReadonlyMap<string, string>;
  readonly sources: ReadonlyMap<string, string>;
}

/** Names that the new form can have; the old ones wherever they fit. */
export function newNames(config: Config, toggles: readonly Toggle[]): NewNames {
  return {
    toggles: nameAll(toggles.map(({ key }) => key)),
    sources: nameAll(config.sources.map(({ id }) => id)),
  };
}

const longestName = 180;

/**
 * Names that toggles and files can have, by key. Keys that fit keep their name, whatever the order; of two that differ in
 * case only, the first one does.
 */
export function nameAll(keys: readonly string[]): Map<string, string> {
  const fits = new RegExp(namePattern);
  const taken = new Set<string>();
  const result = new Map<string, string>();
  const take = (key: string, name: string) => {
    taken.add(name.toLowerCase());
    result.set(key, name);
  };
  for (const key of keys) {
    if (fits.test(key) && key.length <= longestName && !taken.has(key.toLowerCase())) take(key, key);
  }
  for (const key of keys) {
    if (result.has(key)) continue;
    const plain = key.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
    const base = plain.slice(0, longestName) || 'toggle';
    let name = base;
    for (let next = 2; taken.has(name.toLowerCase()); next++) name = `${base}-${next}`;
    take(key, name);
  }
  return result;
}

/** `optoggles.yaml` for an old configuration, and the variables it needs. */
export function newConfigFile(
  config: Config,
  names: NewNames,
  kinds: KindSchemas,
): { readonly file: Record<string, unknown>; readonly secrets: readonly string[] } {
  const secrets = new SecretNames();
  const { host, port } = config.bind;
  const single = config.sources.length === 1;
  const sources = config.sources.map(({ id, type, settings }) => {
    const prefix = single ? 'OPAL_CLIENT' : `OPAL_CLIENT_${variableName(id)}`;
    const own = withoutDefaults(settings, kinds.sources[type]?.settings);
    return { id: names.sources.get(id) ?? id, type, ...secrets.replace(own, prefix) };
  });
  const targets = config.targets.map(({ name, type, settings }) => {
    const own = withoutDefaults(settings, kinds.targets[type]?.settings);
    return { name, type, ...secrets.replace(own, variableName(name)) };
  });
  const file = {
    version: 1,
    instance: config.instance,
    bind: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    flags: 'flags',
    sources,
    targets,
    drift: { reopen: config.drift.reopen },
    adminTokens: [{ name: 'environment', token: '${OPTOGGLES_ADMIN_TOKEN:-}' }],
  };
  return { file, secrets: secrets.names };
}

function withoutDefaults(
  settings: Readonly<Record<string, unknown>>,
  schema: TObject | undefined,
): Record<string, unknown> {
  const properties = (schema?.properties ?? {}) as Readonly<Record<string, { readonly default?: unknown }>>;
  return Object.fromEntries(
    Object.entries(settings).filter(([key, value]) => {
      const fallback = Object.hasOwn(properties, key) ? properties[key]?.default : undefined;
      return fallback === undefined || !isDeepStrictEqual(value, fallback);
    }),
  );
}

const types: readonly string[] = [
  'release',
  'experiment',
  'operational',
  'kill-switch',
  'permission',
] satisfies ToggleType[];
/** What `Line` takes. */
// oxlint-disable-next-line no-control-regex
export const line = /^[^\u0000-\u001f\u007f]{1,256}$/;
const packageText = new RegExp(packagePattern, 'u');

/**
 * The flag file of one toggle. What its spec said of name, description, owner and type moves to the file itself, from
 * where targets are told it again; everything else of the spec stays.
 */
export function newFlagFile(toggle: Toggle, names: NewNames, today: string): Record<string, unknown> {
  const key = names.toggles.get(toggle.key) ?? toggle.key;
  const { source, package: segments, rule } = toggle.usersPolicy;
  const written = segments.join('.');
  const plain = segments.every(segment => !segment.includes('.')) && packageText.test(written);
  const [targetName, target] = Object.entries(toggle.targets ?? {})[0] ?? [];
  const spec: Record<string, unknown> = { ...target?.spec };
  const take = (field: string, fits: (text: string) => boolean): string | undefined => {
    const value = spec[field];
    if (typeof value !== 'string' || !fits(value)) return undefined;
    delete spec[field];
    return value;
  };
  const oneLine = (text: string) => line.test(text);
  const name = take('name', oneLine) ?? toggle.name ?? fallbackName(toggle.key, key);
  const description = take('description', text => text.length <= 4096);
  const owner = take('owner', oneLine) ?? 'unknown';
  const type =
    take('type', text => types.includes(text) && text !== 'release' && text !== 'experiment') ?? 'permission';
  // The old form never said whether a flag is temporary; its type here would. The old target is called after its kind.
  const kept = targetName === 'launchdarkly' && spec.temporary === undefined && { temporary: 'keep' };
  const said = { ...(key !== toggle.key && { key: toggle.key }), ...spec, ...kept };
  return {
    key,
    name,
    ...(description !== undefined && { description }),
    owner,
    type,
    created: today,
    adopt: true,
    usersPolicy: { source: names.sources.get(source) ?? source, package: plain ? written : [...segments], rule },
    ...(toggle.environments !== undefined && { environments: { ...toggle.environments } }),
    ...(targetName !== undefined && Object.keys(said).length > 0 && { targets: { [targetName]: said } }),
  };
}

function fallbackName(oldKey: string, key: string): string {
  return line.test(oldKey) ? oldKey : key;
}
