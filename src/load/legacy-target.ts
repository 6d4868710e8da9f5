import type { TObject } from 'typebox';
import type { TargetEntry } from '../domain/config.ts';
import type { Problem } from '../domain/problem.ts';
import { check } from './check.ts';
import type { KindSchemas } from './kinds.ts';
import type { KeyFolder } from './legacy-keys.ts';
import { launchdarklySpec, type LegacyFile, restapiSpec } from './legacy-schema.ts';
import { nearest, quoted } from './problems.ts';

const path = ['target', 'targetSpec'];

/** Older versions called it `http`. */
const types: Readonly<Record<string, { readonly type: string; readonly spec: TObject }>> = {
  restapi: { type: 'restapi', spec: restapiSpec },
  http: { type: 'restapi', spec: restapiSpec },
  launchdarkly: { type: 'launchdarkly', spec: launchdarklySpec },
};

/** The one target of the old form, named by its kind; undefined where `problems` got an entry that says why. */
export function readLegacyTarget(
  file: LegacyFile,
  kinds: KindSchemas,
  folder: KeyFolder,
  problems: Problem[],
): TargetEntry | undefined {
  const { targetType } = file.target;
  const at = folder.place(['target', 'targetType'], 'value');
  const known = Object.hasOwn(types, targetType.toLowerCase()) ? types[targetType.toLowerCase()] : undefined;
  if (known === undefined) {
    const message = `There is no kind of target called ${quoted(targetType)}.`;
    const hint = nearest(targetType, ['restapi', 'launchdarkly'], 'Kinds of targets');
    problems.push({ code: 'unknown-target-type', message, hint, at });
    return undefined;
  }
  const { type } = known;
  const kind = Object.hasOwn(kinds.targets, type) ? kinds.targets[type] : undefined;
  if (kind === undefined) {
    const message = `Targets of type ${type} are not available in this version.`;
    const hint = `Kinds of targets: ${Object.keys(kinds.targets).join(', ') || 'none'}.`;
    problems.push({ code: 'not-in-this-version', message, hint, at });
    return undefined;
  }
  const given = folder.fold(known.spec, file.target.targetSpec, path) as Record<string, unknown>;
  const settings = type === 'launchdarkly' ? launchdarklySettings(given, folder) : restapiSettings(given);
  const found = given.launchdarklyToken === undefined && type === 'launchdarkly' ? [noToken(folder)] : [];
  if (found.length === 0) found.push(...check(kind.settings, settings, folder.place, { base: path }));
  problems.push(...found);
  if (found.length > 0) return undefined;
  const entry = type === 'launchdarkly' ? { ...settings, environments: allEnvironments(file) } : settings;
  return { name: type, type, policy: 'sync', environments: kind.environments(entry), settings: entry };
}

function restapiSettings({ endpointUrl, extraHeaders }: Record<string, unknown>): Record<string, unknown> {
  const headers =
    typeof extraHeaders === 'object' && extraHeaders !== null && !Array.isArray(extraHeaders)
      ? Object.fromEntries(Object.entries(extraHeaders).map(([name, value]) => [name, headerText(value)]))
      : extraHeaders;
  return { ...(endpointUrl !== undefined && { endpointUrl }), ...(headers !== undefined && { extraHeaders: headers }) };
}

function headerText(value: unknown): unknown {
  if (value === null) return '';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}

function launchdarklySettings(given: Record<string, unknown>, folder: KeyFolder): Record<string, unknown> {
  folder.writtenAs([...path, 'token'], 'launchdarklyToken');
  const { launchdarklyToken: token, baseUrl } = given;
  return { ...(token !== undefined && { token }), ...(baseUrl !== undefined && baseUrl !== '' && { baseUrl }) };
}

/** Under the name that it has here: the schema of settings calls it otherwise. */
function noToken({ place }: KeyFolder): Problem {
  return {
    code: 'missing-key',
    message: '"target.targetSpec.launchdarklyToken" is missing.',
    hint: 'Add "launchdarklyToken": the access token.',
    at: place(path, 'value'),
  };
}

/** LaunchDarkly's environments stand in each toggle's spec. */
export function specEnvironments(spec: Readonly<Record<string, unknown>>): string[] {
  const { environments } = spec;
  return Array.isArray(environments) ? environments.map(String) : [];
}

function allEnvironments(file: LegacyFile): Record<string, string> {
  const names = file.toggles.flatMap(({ spec }) => specEnvironments(spec as Record<string, unknown>));
  return Object.fromEntries(names.map(name => [name, name]));
}
