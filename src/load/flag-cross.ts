import type { Config, SourceEntry, TargetEntry } from '../domain/config.ts';
import type { Problem } from '../domain/problem.ts';
import { check, type Placer } from './check.ts';
import { specEntrySchema } from './entries.ts';
import type { FlagFile, PolicyFile } from './flag-schema.ts';
import type { KindSchemas } from './kinds.ts';
import { nearest, pathText, quoted } from './problems.ts';
import type { Path } from './yaml-reader.ts';

export interface CrossInput {
  readonly config: Config;
  readonly kinds: KindSchemas;
  readonly place: Placer;
}

interface Found {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/**
 * What a flag file says against what the configuration has: sources, targets, environments, specs, guard, dates. The
 * file may not have passed its schema, so everything is looked at before it is believed.
 */
export function crossCheck(flag: Partial<FlagFile>, input: CrossInput): Found {
  const found: Found = { problems: [], warnings: [] };
  const environments = recordOf(flag.environments);
  checkPolicy(flag.usersPolicy, ['usersPolicy'], input, found);
  for (const [name, environment] of Object.entries(environments ?? {})) {
    const { usersPolicy } = recordOf(environment) ?? {};
    checkPolicy(usersPolicy as PolicyFile | undefined, ['environments', name, 'usersPolicy'], input, found);
  }
  const targets = checkTargets(flag, input, found);
  if (environments !== undefined) checkEnvironments(Object.keys(environments), flag, targets, input, found);
  checkGuard(flag, input, found);
  checkDates(flag, input, found);
  return found;
}

function checkPolicy(policy: PolicyFile | undefined, path: Path, { config, place }: CrossInput, found: Found): void {
  const { source, package: written } = recordOf(policy) ?? {};
  if (typeof source !== 'string') return;
  const entry = config.sources.find(({ id }) => id === source);
  if (entry === undefined) {
    const ids = config.sources.map(({ id }) => id);
    found.problems.push({
      code: 'unknown-source',
      message: `There is no source called ${quoted(source)}.`,
      hint: nearest(source, ids, 'Sources'),
      at: place([...path, 'source'], 'value'),
    });
  }
  const name = packageText(written);
  if (name === undefined) return;
  const at = place([...path, 'package'], 'value');
  const allowed = entry === undefined ? undefined : allowedPackages(entry);
  if (allowed !== undefined && !allowed.includes(name)) {
    found.problems.push({
      code: 'package-not-allowed',
      message: `The source ${quoted(source)} may not be asked for the package ${quoted(name)}.`,
      hint: `Add it to "packages" of that source, or use one of: ${allowed.join(', ')}.`,
      at,
    });
  }
  if (name.startsWith('data.')) {
    const message = 'The package starts with "data", which paths of packages leave out.';
    found.warnings.push({ code: 'package-data', message, hint: `Write ${quoted(name.slice(5))}.`, at });
  }
}

function packageText(written: unknown): string | undefined {
  if (typeof written === 'string') return written;
  return Array.isArray(written) ? written.join('.') : undefined;
}

/** The allow-list of a source, for kinds that have one. */
function allowedPackages({ settings }: SourceEntry): string[] | undefined {
  const { packages } = settings;
  if (!Array.isArray(packages)) return undefined;
  return packages.map(packageText).filter(name => name !== undefined);
}

/** The targets that the file is for. */
function checkTargets(flag: Partial<FlagFile>, { config, kinds, place }: CrossInput, found: Found): TargetEntry[] {
  const targets = recordOf(flag.targets);
  if (targets === undefined) return [...config.targets];
  const entries: TargetEntry[] = [];
  for (const [name, spec] of Object.entries(targets)) {
    const path = ['targets', name];
    const entry = config.targets.find(target => target.name === name);
    if (entry === undefined) {
      const names = config.targets.map(target => target.name);
      found.problems.push({
        code: 'unknown-target',
        message: `There is no target called ${quoted(name)}.`,
        hint: nearest(name, names, 'Targets'),
        at: place(path, 'key'),
      });
      continue;
    }
    entries.push(entry);
    const kind = kinds.targets[entry.type];
    if (kind === undefined || recordOf(spec) === undefined) continue;
    found.problems.push(...check(specEntrySchema(kind.spec), spec, place, { base: path }));
  }
  return entries;
}

function checkEnvironments(
  names: readonly string[],
  flag: Partial<FlagFile>,
  targets: readonly TargetEntry[],
  { place }: CrossInput,
  found: Found,
): void {
  const chosen = recordOf(flag.targets) !== undefined;
  const placeOf = (target: TargetEntry) =>
    chosen ? place(['targets', target.name], 'key') : place(['environments'], 'key');
  const nameless = targets.filter(target => target.environments === undefined);
  const known = [...new Set(targets.flatMap(target => target.environments ?? []))];
  if (names.length > 1) {
    for (const target of nameless) {
      found.problems.push({
        code: 'several-environments',
        message: `The target ${quoted(target.name)} names no environment, so it cannot take a toggle with several.`,
        hint: 'Name its environment in the configuration, or leave it out of "targets" here.',
        at: placeOf(target),
      });
    }
  }
  if (targets.length === 0 || nameless.length > 0) return;
  for (const name of names) {
    if (known.includes(name)) continue;
    found.problems.push({
      code: 'unknown-environment',
      message: `No target of this toggle has an environment called ${quoted(name)}.`,
      hint: nearest(name, known, 'Environments'),
      at: place(['environments', name], 'key'),
    });
  }
  for (const target of chosen ? targets : []) {
    if (names.some(name => target.environments?.includes(name))) continue;
    found.warnings.push({
      code: 'target-without-environment',
      message: `The target ${quoted(target.name)} has none of the toggle’s environments, so nothing is written there.`,
      hint: `Its environments: ${target.environments?.join(', ') ?? ''}.`,
      at: placeOf(target),
    });
  }
}

const limits = [
  'maxRevokedShare',
  'alwaysAllowedRevocations',
  'maxGrantedShare',
  'alwaysAllowedGrants',
  'maxUsers',
] as const;

function checkGuard(flag: Partial<FlagFile>, { config, place }: CrossInput, found: Found): void {
  const guard = recordOf(flag.guard) ?? {};
  for (const key of limits) {
    const own = guard[key];
    const most = config.guard[key];
    if (typeof own !== 'number' || most === null || own <= most) continue;
    const path = ['guard', key];
    found.problems.push({
      code: 'guard-looser',
      message: `${quoted(pathText(path))} is looser than the configuration allows.`,
      hint: `Use at most ${most}; a file may only tighten the guard.`,
      at: place(path, 'value'),
    });
  }
}

function checkDates({ created, expires }: Partial<FlagFile>, { place }: CrossInput, found: Found): void {
  if (typeof created !== 'string' || typeof expires !== 'string' || expires >= created) return;
  found.problems.push({
    code: 'expires-before-created',
    message: '"expires" is before "created".',
    hint: 'Correct one of the two days.',
    at: place(['expires'], 'value'),
  });
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}
