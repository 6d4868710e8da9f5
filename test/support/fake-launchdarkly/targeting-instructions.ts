import { booleanOf, contextKindOf, listOf, maybeText, objectOf, onlyFields, textOf, textsOf } from './fields.ts';
import type { Flag, FlagConfig, Instruction, Rule } from './model.ts';
import { invalid } from './refusal.ts';
import { clauseIn, clausesIn, serveIn, variationIn } from './rules.ts';
import { addTargets, clearTargets, removeTargets, replaceTargets } from './targets.ts';

// The instructions of a semantic patch that need an `environmentKey`.
// From LaunchDarkly's API description, PATCH /api/v2/flags/{projectKey}/{featureFlagKey}.

/** What an instruction may look at besides its flag. */
export interface Surroundings {
  readonly newId: () => string;
  readonly flag: (key: string) => Flag | undefined;
  readonly isSegment: (key: string) => boolean;
}

interface TargetingInstruction {
  /** As in custom roles. */
  readonly action: string;
  readonly fields: readonly string[];
  readonly apply: (flag: Flag, config: FlagConfig, instruction: Instruction, around: Surroundings) => FlagConfig;
}

const ROLLOUT = ['variationId', 'rolloutWeights', 'rolloutBucketBy', 'rolloutContextKind'];
const RULE = [...ROLLOUT, 'clauses', 'description', 'ref'];

export const TARGETING_INSTRUCTIONS: Readonly<Record<string, TargetingInstruction>> = {
  turnFlagOn: { action: 'updateOn', fields: [], apply: (_flag, config) => ({ ...config, on: true }) },
  turnFlagOff: { action: 'updateOn', fields: [], apply: (_flag, config) => ({ ...config, on: false }) },
  updateOffVariation: {
    action: 'updateOffVariation',
    fields: ['variationId'],
    apply: (flag, config, one) => ({ ...config, offVariation: variationIn(flag, one) }),
  },
  updateFallthroughVariationOrRollout: {
    action: 'updateFallthrough',
    fields: ROLLOUT,
    apply: (flag, config, one) => ({ ...config, fallthrough: serveIn(flag, one) }),
  },
  addTargets: {
    action: 'updateTargets',
    fields: ['variationId', 'contextKind', 'values'],
    apply: (flag, config, one) => ({ ...config, targets: addTargets(flag, config.targets, one, contextKindOf(one)) }),
  },
  removeTargets: {
    action: 'updateTargets',
    fields: ['variationId', 'contextKind', 'values'],
    apply: (flag, config, one) => ({
      ...config,
      targets: removeTargets(flag, config.targets, one, contextKindOf(one)),
    }),
  },
  clearTargets: {
    action: 'updateTargets',
    fields: ['variationId'],
    apply: (flag, config, one) => ({ ...config, targets: clearTargets(flag, config.targets, one) }),
  },
  replaceTargets: {
    action: 'updateTargets',
    fields: ['targets'],
    apply: (flag, config, one) => ({ ...config, targets: replaceTargets(flag, one) }),
  },
  addUserTargets: {
    action: 'updateTargets',
    fields: ['variationId', 'values'],
    apply: (flag, config, one) => ({ ...config, targets: addTargets(flag, config.targets, one, 'user') }),
  },
  removeUserTargets: {
    action: 'updateTargets',
    fields: ['variationId', 'values'],
    apply: (flag, config, one) => ({ ...config, targets: removeTargets(flag, config.targets, one, 'user') }),
  },
  clearUserTargets: {
    action: 'updateTargets',
    fields: ['variationId'],
    apply: (flag, config, one) => ({ ...config, targets: clearTargets(flag, config.targets, one, 'user') }),
  },
  addRule: { action: 'updateRules', fields: [...RULE, 'beforeRuleId'], apply: addRule },
  removeRule: {
    action: 'updateRules',
    fields: ['ruleId'],
    apply: (_flag, config, one) => {
      const id = textOf(one, 'ruleId');
      return { ...config, rules: config.rules.filter(rule => rule._id !== id) };
    },
  },
  replaceRules: {
    action: 'updateRules',
    fields: ['rules'],
    apply: (flag, config, one, around) => {
      const rules = listOf(one, 'rules').map(value => {
        const rule = objectOf(value, 'a rule');
        onlyFields(rule, RULE, 'a rule');
        return newRule(flag, rule, around);
      });
      return { ...config, rules };
    },
  },
  reorderRules: { action: 'updateRules', fields: ['ruleIds'], apply: reorderRules },
  updateRuleVariationOrRollout: {
    action: 'updateRules',
    fields: ['ruleId', ...ROLLOUT],
    apply: (flag, config, one) => changeRule(config, one, rule => ({ ...rule, serve: serveIn(flag, one) })),
  },
  updateRuleDescription: {
    action: 'updateRules',
    fields: ['ruleId', 'description'],
    apply: (_flag, config, one) =>
      changeRule(config, one, rule => ({ ...rule, description: maybeText(one, 'description') ?? '' })),
  },
  updateRuleTrackEvents: {
    action: 'updateRules',
    fields: ['ruleId', 'trackEvents'],
    apply: (_flag, config, one) =>
      changeRule(config, one, rule => ({ ...rule, trackEvents: booleanOf(one, 'trackEvents') })),
  },
  addClauses: {
    action: 'updateRules',
    fields: ['ruleId', 'clauses'],
    apply: (_flag, config, one, around) =>
      changeRule(config, one, rule => ({
        ...rule,
        clauses: [...rule.clauses, ...clausesIn(listOf(one, 'clauses'), around.newId, around.isSegment)],
      })),
  },
  removeClauses: {
    action: 'updateRules',
    fields: ['ruleId', 'clauseIds'],
    apply: (_flag, config, one) => {
      const ids = textsOf(one, 'clauseIds');
      return changeRule(config, one, rule => ({
        ...rule,
        clauses: rule.clauses.filter(clause => !ids.includes(clause._id)),
      }));
    },
  },
  updateClause: {
    action: 'updateRules',
    fields: ['ruleId', 'clauseId', 'clause'],
    apply: (_flag, config, one, around) =>
      changeClause(config, one, clause => ({
        ...clauseIn(one['clause'], around.newId, around.isSegment),
        _id: clause._id,
      })),
  },
  addValuesToClause: {
    action: 'updateRules',
    fields: ['ruleId', 'clauseId', 'values'],
    apply: (_flag, config, one, around) =>
      changeClause(config, one, clause => ({
        ...clauseIn(
          { ...clause, values: [...clause.values, ...textsOf(one, 'values')] },
          around.newId,
          around.isSegment,
        ),
        _id: clause._id,
      })),
  },
  removeValuesFromClause: {
    action: 'updateRules',
    fields: ['ruleId', 'clauseId', 'values'],
    apply: (_flag, config, one) => {
      const gone = new Set<unknown>(textsOf(one, 'values'));
      return changeClause(config, one, clause => ({
        ...clause,
        values: clause.values.filter(value => !gone.has(value)),
      }));
    },
  },
  addPrerequisite: { action: 'updatePrerequisites', fields: ['key', 'variationId'], apply: addPrerequisite },
  removePrerequisite: {
    action: 'updatePrerequisites',
    fields: ['key'],
    apply: (_flag, config, one) => {
      const key = textOf(one, 'key');
      return { ...config, prerequisites: config.prerequisites.filter(prerequisite => prerequisite.key !== key) };
    },
  },
  updatePrerequisite: {
    action: 'updatePrerequisites',
    fields: ['key', 'variationId'],
    apply: (flag, config, one, around) => {
      const key = textOf(one, 'key');
      const others = config.prerequisites.filter(prerequisite => prerequisite.key !== key);
      if (others.length === config.prerequisites.length) throw invalid(`flag "${key}" is no prerequisite`);
      return addPrerequisite(flag, { ...config, prerequisites: others }, one, around);
    },
  },
  replacePrerequisites: {
    action: 'updatePrerequisites',
    fields: ['prerequisites'],
    apply: (flag, config, one, around) => {
      let next: FlagConfig = { ...config, prerequisites: [] };
      for (const value of listOf(one, 'prerequisites'))
        next = addPrerequisite(flag, next, objectOf(value, 'a prerequisite'), around);
      return next;
    },
  },
  updateTrackEvents: {
    action: 'updateTrackEvents',
    fields: ['trackEvents'],
    apply: (_flag, config, one) => ({ ...config, trackEvents: booleanOf(one, 'trackEvents') }),
  },
};

function newRule(flag: Flag, given: Instruction, around: Surroundings): Rule {
  return {
    _id: around.newId(),
    ref: maybeText(given, 'ref') ?? '',
    description: maybeText(given, 'description') ?? '',
    clauses: clausesIn(listOf(given, 'clauses'), around.newId, around.isSegment),
    trackEvents: false,
    disabled: false,
    serve: serveIn(flag, given),
  };
}

function addRule(flag: Flag, config: FlagConfig, one: Instruction, around: Surroundings): FlagConfig {
  const before = maybeText(one, 'beforeRuleId');
  const at = before === undefined ? config.rules.length : config.rules.findIndex(rule => rule._id === before);
  if (at === -1) throw invalid(`beforeRuleId "${before}" is no rule of flag "${flag.key}"`);
  return { ...config, rules: config.rules.toSpliced(at, 0, newRule(flag, one, around)) };
}

function reorderRules(_flag: Flag, config: FlagConfig, one: Instruction): FlagConfig {
  const ids = textsOf(one, 'ruleIds');
  const rules = ids.flatMap(id => config.rules.filter(rule => rule._id === id));
  if (rules.length !== config.rules.length || new Set(ids).size !== ids.length)
    throw invalid('ruleIds must match the rules that are currently on the flag');
  return { ...config, rules };
}

function changeRule(config: FlagConfig, one: Instruction, change: (rule: Rule) => Rule): FlagConfig {
  const id = textOf(one, 'ruleId');
  if (!config.rules.some(rule => rule._id === id)) throw invalid(`unknown rule ID "${id}"`);
  return { ...config, rules: config.rules.map(rule => (rule._id === id ? change(rule) : rule)) };
}

function changeClause(
  config: FlagConfig,
  one: Instruction,
  change: (clause: Rule['clauses'][number]) => Rule['clauses'][number],
): FlagConfig {
  const id = textOf(one, 'clauseId');
  return changeRule(config, one, rule => {
    if (!rule.clauses.some(clause => clause._id === id)) throw invalid(`unknown clause ID "${id}"`);
    return { ...rule, clauses: rule.clauses.map(clause => (clause._id === id ? change(clause) : clause)) };
  });
}

function addPrerequisite(flag: Flag, config: FlagConfig, one: Instruction, around: Surroundings): FlagConfig {
  const key = textOf(one, 'key');
  if (key === flag.key) throw invalid('A flag cannot be its own prerequisite');
  const other = around.flag(key);
  if (other === undefined || other.archivedDate !== undefined) throw invalid(`unknown prerequisite flag "${key}"`);
  if (config.prerequisites.some(prerequisite => prerequisite.key === key))
    throw invalid(`flag "${key}" is already a prerequisite`);
  const variation = variationIn(other, one);
  return { ...config, prerequisites: [...config.prerequisites, { key, variation }] };
}
