import type { TObject } from 'typebox';
import type { TargetEntry } from '../domain/config.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Problem } from '../domain/problem.ts';
import type { Toggle } from '../domain/toggle.ts';
import { check } from './check.ts';
import { specEntrySchema } from './entries.ts';
import type { KindSchemas } from './kinds.ts';
import type { KeyFolder } from './legacy-keys.ts';
import type { LegacyFile, LegacyToggle } from './legacy-schema.ts';
import { specEnvironments } from './legacy-target.ts';
import { nearest, quoted } from './problems.ts';

export interface LegacyToggleInput {
  readonly target: TargetEntry | undefined;
  readonly kinds: KindSchemas;
  readonly folder: KeyFolder;
  readonly problems: Problem[];
  /** The name of the configuration file. */
  readonly source: string;
}

/** The toggles of the old form: any key, adoption implied, everything else at its default. Sorted by key. */
export function readLegacyToggles(file: LegacyFile, input: LegacyToggleInput): Toggle[] {
  const { folder, problems } = input;
  const seen = new Map<string, number>();
  const sources = file.sources.map(({ id }) => id);
  const toggles = file.toggles.map((toggle, index) => {
    const path = ['toggles', index];
    const first = seen.get(toggle.key);
    if (first !== undefined) {
      const { line, column } = folder.place(['toggles', first, 'key'], 'value');
      problems.push({
        code: 'duplicate-toggle',
        message: `The toggle ${quoted(toggle.key)} is already given at ${line}:${column}.`,
        hint: 'Keep one.',
        at: folder.place([...path, 'key'], 'value'),
      });
    }
    seen.set(toggle.key, index);
    const { source } = toggle.usersPolicy;
    if (!sources.includes(source)) {
      problems.push({
        code: 'unknown-source',
        message: `There is no source called ${quoted(source)}.`,
        hint: nearest(source, sources, 'Sources'),
        at: folder.place([...path, 'usersPolicy', 'source'], 'value'),
      });
    }
    return readToggle(toggle, index, input);
  });
  return toggles.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function readToggle(toggle: LegacyToggle, index: number, input: LegacyToggleInput): Toggle {
  const { folder, problems, target } = input;
  const path = ['toggles', index];
  const { key, usersPolicy } = toggle;
  // OPToggles replaced each dot by a slash when it made the address, so a slash separated names as well.
  const names = usersPolicy.package.split(/[./]/);
  if (names.some(name => name === '')) {
    const at = folder.place([...path, 'usersPolicy', 'package'], 'value');
    const message = `${quoted(usersPolicy.package)} is no package.`;
    problems.push({ code: 'bad-form', message, hint: 'Use names joined by dots, such as app.rbac.', at });
  }
  const spec = { ...(toggle.spec as Record<string, unknown>) };
  const environments = target?.type === 'launchdarkly' ? specEnvironments(spec) : [];
  const name = target?.type === 'launchdarkly' && typeof spec.name === 'string' ? spec.name : undefined;
  if (target !== undefined) cleanSpec(spec, [...path, 'spec'], target, input);
  return {
    key,
    ...(name !== undefined && name !== '' && { name }),
    state: 'on',
    contextKind: 'user',
    adopt: true,
    usersPolicy: { source: usersPolicy.source, package: names, rule: usersPolicy.rule },
    ...(environments.length > 0 && { environments: Object.fromEntries(environments.map(each => [each, {}])) }),
    ...(target !== undefined && { targets: { [target.name]: { spec: spec as JsonObject } } }),
    guard: {},
    file: input.source,
  };
}

/** Takes out what is ours or what this kind of target does not know: OPToggles ignored the latter. */
function cleanSpec(
  spec: Record<string, unknown>,
  path: (string | number)[],
  target: TargetEntry,
  { folder, problems, kinds }: LegacyToggleInput,
): void {
  if (target.type === 'launchdarkly') {
    delete spec.environments;
    delete spec.name;
  }
  for (const key of ['key', 'users']) {
    if (!Object.hasOwn(spec, key)) continue;
    delete spec[key];
    const message = `"${key}" in a spec is ignored: it is set by OPToggles.`;
    folder.warnings.push({
      code: 'spec-key-ignored',
      message,
      hint: 'Remove it.',
      at: folder.place([...path, key], 'key'),
    });
  }
  const own = kinds.targets[target.type]?.spec;
  if (own === undefined) return;
  for (const problem of check(specEntrySchema(own), spec, folder.place, { base: path })) {
    if (problem.code === 'unknown-key') folder.warnings.push(problem);
    else problems.push(problem);
  }
  const { properties, additionalProperties } = specEntrySchema(own) as TObject & { additionalProperties?: unknown };
  if (additionalProperties !== false) return;
  for (const key of Object.keys(spec)) if (!Object.hasOwn(properties, key)) delete spec[key];
}
