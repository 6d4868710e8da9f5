import { listOf, maybeText, objectOf, onlyFields, tagsOf, textOf } from './fields.ts';
import type { Flag, FlagConfig, Project, Rule, Serve, Target } from './model.ts';
import { approvalNeeded, invalid } from './refusal.ts';
import { clausesIn } from './rules.ts';
import { configOf, needsApproval } from './semantic-patch.ts';

// The patches in JSON Patch form that this fake takes: `replace` of what `Fields` lists. Form and paths as terraform-provider-launchdarkly writes them.

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
    apply: (flag, config, value) => ({ ...config, fallthrough: serveAt(flag, objectOf(value, 'fallthrough')) }),
  },
  rules: {
    action: 'updateRules',
    apply: (flag, config, value) => ({ ...config, rules: rulesAt(flag, value) }),
  },
  targets: {
    action: 'updateTargets',
    apply: (flag, config, value) => {
      return {
        ...config,
        targets: [...targetsAt(flag, value), ...config.targets.filter(one => one.contextKind !== 'user')],
      };
    },
  },
  contextTargets: {
    action: 'updateTargets',
    apply: (flag, config, value) => {
      const others = targetsAt(flag, value).filter(({ contextKind }) => contextKind !== 'user');
      return { ...config, targets: [...config.targets.filter(one => one.contextKind === 'user'), ...others] };
    },
  },
};

/** Fields of the flag as a whole, with their actions. */
const TEXTS: Readonly<Record<string, string>> = {
  name: 'updateName',
  description: 'updateDescription',
  temporary: 'updateTemporary',
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
    const text = TEXTS[name ?? ''];
    if (text !== undefined) return { action: text, environment: '*' };
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
    if (name !== undefined && TEXTS[name] !== undefined) {
      next = { ...next, [name]: value };
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

function serveAt(flag: Flag, value: Readonly<Record<string, unknown>>): Serve {
  if (value['rollout'] === undefined) return { variation: variationAt(flag, value['variation']) };
  const rollout = objectOf(value['rollout'], 'rollout');
  const variations = listOf(rollout, 'variations').map(one => {
    const { variation, weight } = objectOf(one, 'a weight');
    return { variation: variationAt(flag, variation), weight: Number(weight) };
  });
  if (variations.reduce((sum, { weight }) => sum + weight, 0) !== 100_000)
    throw invalid('weights must add up to 100000');
  const bucketBy = maybeText(rollout, 'bucketBy') ?? 'key';
  const contextKind = maybeText(rollout, 'contextKind') ?? 'user';
  return { rollout: { variations, bucketBy, contextKind } };
}

function rulesAt(flag: Flag, value: unknown): readonly Rule[] {
  return listOf({ value }, 'value').map((one, index) => {
    const rule = objectOf(one, 'a rule');
    return {
      _id: `patched-${index}`,
      ref: maybeText(rule, 'ref') ?? '',
      description: maybeText(rule, 'description') ?? '',
      clauses: clausesIn(
        listOf(rule, 'clauses'),
        () => `patched-clause-${index}`,
        () => true,
      ),
      trackEvents: rule['trackEvents'] === true,
      disabled: rule['disabled'] === true,
      serve: serveAt(flag, rule),
    };
  });
}

function targetsAt(flag: Flag, value: unknown): readonly Target[] {
  return listOf({ value }, 'value').map(one => {
    const target = objectOf(one, 'a target');
    const contextKind = target['contextKind'];
    return {
      contextKind: typeof contextKind === 'string' ? contextKind : 'user',
      variation: variationAt(flag, target['variation']),
      values: listOf(target, 'values').map(String),
    };
  });
}
