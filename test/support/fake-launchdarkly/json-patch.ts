import { listOf, objectOf, onlyFields, tagsOf, textOf } from './fields.ts';
import type { Flag, FlagConfig, Project } from './model.ts';
import { approvalNeeded, invalid } from './refusal.ts';
import { configOf, needsApproval } from './semantic-patch.ts';

// The patches in JSON Patch form that this fake takes: `replace` of what `Fields` lists, lists of rules and targets by
// empty ones only. Form and paths as terraform-provider-launchdarkly writes them.

export interface JsonPatch {
  readonly comment: string | undefined;
  readonly operations: readonly Operation[];
}

interface Operation {
  readonly path: readonly string[];
  readonly value: unknown;
}

interface Field {
  /** As in custom roles. */
  readonly action: string;
  readonly apply: (flag: Flag, config: FlagConfig, value: unknown) => FlagConfig;
}

const FIELDS: Readonly<Record<string, Field>> = {
  on: { action: 'updateOn', apply: (_flag, config, value) => ({ ...config, on: value === true }) },
  offVariation: {
    action: 'updateOffVariation',
    apply: (flag, config, value) => ({ ...config, offVariation: variationAt(flag, value) }),
  },
  fallthrough: {
    action: 'updateFallthrough',
    apply: (flag, config, value) => {
      const serve = objectOf(value, 'fallthrough');
      onlyFields(serve, ['variation'], 'fallthrough');
      return { ...config, fallthrough: { variation: variationAt(flag, serve['variation']) } };
    },
  },
  rules: { action: 'updateRules', apply: (_flag, config, value) => ({ ...config, rules: empty(value) }) },
  targets: {
    action: 'updateTargets',
    apply: (_flag, config, value) => {
      return { ...config, targets: [...empty(value), ...config.targets.filter(one => one.contextKind !== 'user')] };
    },
  },
  contextTargets: {
    action: 'updateTargets',
    apply: (_flag, config, value) => {
      return { ...config, targets: [...empty(value), ...config.targets.filter(one => one.contextKind === 'user')] };
    },
  },
};

/** Reads the body of a JSON patch with a comment (`PatchWithComment`). */
export function jsonPatchIn(body: unknown): JsonPatch {
  const whole = objectOf(body, 'the body');
  onlyFields(whole, ['comment', 'patch'], 'the body');
  const operations = listOf(whole, 'patch').map(one => {
    const operation = objectOf(one, 'an operation');
    if (operation['op'] !== 'replace') throw invalid('this fake takes "replace" only');
    const [first, ...path] = textOf(operation, 'path').split('/');
    if (first !== '') throw invalid('a path begins with "/"');
    return { path, value: operation['value'] };
  });
  if (operations.length === 0) throw invalid('patch must be a non-empty list');
  return { comment: whole['comment'] === undefined ? undefined : textOf(whole, 'comment'), operations };
}

/** What is changed where, as custom roles name it: `*` for the flag as a whole. */
export function rightsOf({
  operations,
}: JsonPatch): readonly { readonly action: string; readonly environment: string }[] {
  return operations.map(({ path }) => {
    const [name, environment = '', field = ''] = path;
    if (name === 'archived') return { action: 'updateGlobalArchived', environment: '*' };
    if (name === 'tags') return { action: 'updateTags', environment: '*' };
    return { action: fieldAt(path, field).action, environment };
  });
}

/** The flag after all operations, or a refusal and nothing done. 405 where an environment needs approval. */
export function applyJsonPatch(project: Project, flag: Flag, { operations }: JsonPatch): Flag {
  let next = flag;
  for (const { path, value } of operations) {
    const [name, key = '', field = ''] = path;
    if (name === 'archived') {
      if (value !== false) throw invalid('this fake restores by JSON patch, and does not archive');
      next = { ...next, archivedDate: undefined };
      continue;
    }
    if (next.archivedDate !== undefined) throw invalid(`flag "${flag.key}" is archived: restore it before changing it`);
    if (name === 'tags') {
      next = { ...next, tags: tagsOf(value as readonly string[]) };
      continue;
    }
    const { action, apply } = fieldAt(path, field);
    const environment = project.environments.get(key);
    if (environment === undefined) throw invalid(`Unknown environment key: ${key}`);
    if (needsApproval(environment, flag)) throw approvalNeeded(action);
    const config = apply(next, configOf(next, key), value);
    next = { ...next, environments: new Map(next.environments).set(key, config) };
  }
  return next;
}

function fieldAt(path: readonly string[], name: string): Field {
  const field = path[0] === 'environments' && path.length === 3 ? FIELDS[name] : undefined;
  if (field === undefined) throw invalid(`no such path: /${path.join('/')}`);
  return field;
}

function variationAt(flag: Flag, index: unknown): number {
  if (typeof index !== 'number' || flag.variations[index] === undefined) throw invalid('no such variation');
  return index;
}

function empty(value: unknown): [] {
  if (!Array.isArray(value) || value.length > 0) throw invalid('this fake takes an empty list only');
  return [];
}
