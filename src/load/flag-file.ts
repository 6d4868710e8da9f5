import type { Config } from '../domain/config.ts';
import type { Json } from '../domain/json.ts';
import type { Place, Problem } from '../domain/problem.ts';
import type { Toggle, ToggleEnvironment, ToggleTarget, UsersPolicy } from '../domain/toggle.ts';
import { check, type Placer } from './check.ts';
import { crossCheck } from './flag-cross.ts';
import { type FlagFile, flagSchema, type PolicyFile } from './flag-schema.ts';
import type { KindSchemas } from './kinds.ts';
import { quoted, sortProblems } from './problems.ts';
import { parseYaml } from './yaml.ts';

export interface FlagText {
  readonly text: string;
  /** Relative to the configuration's folder. */
  readonly file: string;
  /** The file's name without `.yaml`. */
  readonly key: string;
}

/** What one flag file says, by itself; whether its key is unique is for others to see. */
export interface ReadFlag {
  /** Undefined where it does not validate. */
  readonly toggle: Toggle | undefined;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** The key it gives, even where it does not validate. */
  readonly declared: string | undefined;
  readonly keyAt: Place;
  readonly expiresAt: Place;
}

/** Parses and checks one flag file against the configuration. Pure: the same text gives the same result, at any time. */
export function readFlag(flag: FlagText, config: Config, kinds: KindSchemas): ReadFlag {
  const document = parseYaml(flag.text, flag.file, { aliases: 0 });
  const place: Placer = (path, part) => document.place(path, part);
  const problems: Problem[] = [...document.problems];
  const warnings: Problem[] = [];
  const at = { keyAt: place(['key'], 'value'), expiresAt: place(['expires'], 'value') };
  const root = document.value;
  if (root === undefined) return { toggle: undefined, problems, warnings, declared: undefined, ...at };
  if (typeof root !== 'object' || root === null || Array.isArray(root)) {
    const message = root === null ? 'The file is empty.' : 'The file is no mapping of keys to values.';
    problems.push({
      code: 'file-empty',
      message,
      hint: `Start with "key: ${flag.key}", or remove it.`,
      at: place([], 'value'),
    });
    return { toggle: undefined, problems, warnings, declared: undefined, ...at };
  }
  const { key } = root as { key?: unknown };
  const declared = typeof key === 'string' ? key : undefined;
  if (declared !== undefined && declared !== flag.key) {
    problems.push({
      code: 'key-not-file-name',
      message: `The key ${quoted(declared)} is not the file’s name ${quoted(flag.key)}.`,
      hint: `Rename the file to ${declared}.yaml, or write "key: ${flag.key}".`,
      at: at.keyAt,
    });
  }
  const general = check(flagSchema, root, place);
  problems.push(...general);
  const found = crossCheck(root, { config, kinds, place });
  problems.push(...found.problems);
  warnings.push(...found.warnings);
  const sorted = unique(sortProblems(problems));
  const toggle = sorted.length === 0 ? toToggle(root as FlagFile, flag.file) : undefined;
  return { toggle, problems: sorted, warnings, declared, ...at };
}

function unique(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(problem => {
    const line = JSON.stringify(problem);
    return seen.size !== seen.add(line).size;
  });
}

function toToggle(flag: FlagFile, file: string): Toggle {
  const { key, name, description, owner, type, created, expires, state, contextKind, adopt, guard } = flag;
  return {
    key,
    name,
    ...(description !== undefined && { description }),
    owner,
    type,
    created,
    ...(expires !== undefined && { expires }),
    state,
    contextKind,
    adopt,
    usersPolicy: toPolicy(flag.usersPolicy),
    ...(flag.environments !== undefined && { environments: named(flag.environments, toEnvironment) }),
    ...(flag.targets !== undefined && { targets: named(flag.targets, toTarget) }),
    guard: guard ?? {},
    file,
  };
}

/** Without a prototype: an environment may be called `constructor`. */
function named<From, To>(record: Readonly<Record<string, From>>, turn: (from: From) => To): Record<string, To> {
  const result = Object.create(null) as Record<string, To>;
  for (const [name, value] of Object.entries(record)) result[name] = turn(value);
  return result;
}

function toEnvironment({ usersPolicy, state }: NonNullable<FlagFile['environments']>[string]): ToggleEnvironment {
  return {
    ...(usersPolicy !== undefined && { usersPolicy: toPolicy(usersPolicy) }),
    ...(state !== undefined && { state }),
  };
}

function toTarget({ key, ...spec }: NonNullable<FlagFile['targets']>[string]): ToggleTarget {
  return { ...(key !== undefined && { key }), spec };
}

/** `app.rbac` and `[app, rbac]` are one package. */
function packageNames(written: PolicyFile['package']): readonly string[] {
  return typeof written === 'string' ? written.split('.') : written;
}

function toPolicy({ source, package: written, rule, input }: PolicyFile): UsersPolicy {
  return { source, package: packageNames(written), rule, ...(input !== undefined && { input: input as Json }) };
}
