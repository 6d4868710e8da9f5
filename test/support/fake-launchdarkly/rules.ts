import type { Json } from '../../../src/domain/json.ts';
import { contextKindOf, listOf, maybeBoolean, maybeText, objectOf, onlyFields, textOf } from './fields.ts';
import type { Clause, Flag, Instruction, Rollout, Serve } from './model.ts';
import { invalid } from './refusal.ts';

// Clauses, rollouts and variations: what the rules of flags and of segments have in common.

const OPERATORS = new Set([
  'in',
  'endsWith',
  'startsWith',
  'matches',
  'contains',
  'lessThan',
  'lessThanOrEqual',
  'greaterThan',
  'greaterThanOrEqual',
  'before',
  'after',
  'segmentMatch',
  'semVerEqual',
  'semVerLessThan',
  'semVerGreaterThan',
]);

/** The index of the variation that `field` of the instruction names by its `_id`. */
export function variationIn(flag: Flag, instruction: Instruction, field = 'variationId'): number {
  const id = textOf(instruction, field);
  const index = flag.variations.findIndex(variation => variation._id === id);
  if (index === -1) throw invalid(`Invalid variation ID "${id}" for flag "${flag.key}"`);
  return index;
}

/** Clauses of an instruction. `isSegment` tells whether the environment has a segment of this key. */
export function clausesIn(
  list: readonly unknown[],
  newId: () => string,
  isSegment: (key: string) => boolean,
): readonly Clause[] {
  return list.map(one => clauseIn(one, newId, isSegment));
}

/** One clause. The message about unknown segments is LaunchDarkly's (terraform-provider-launchdarkly issue 30). */
export function clauseIn(value: unknown, newId: () => string, isSegment: (key: string) => boolean): Clause {
  const clause = objectOf(value, 'a clause');
  onlyFields(clause, ['_id', 'contextKind', 'attribute', 'op', 'negate', 'values'], 'a clause');
  const op = textOf(clause, 'op');
  if (!OPERATORS.has(op)) throw invalid(`unknown operator "${op}"`);
  const values = listOf(clause, 'values') as readonly Json[];
  if (op === 'segmentMatch') {
    for (const key of values)
      if (typeof key !== 'string' || !isSegment(key)) throw invalid(`unknown segment ${JSON.stringify(key)}`);
  }
  return {
    _id: newId(),
    contextKind: contextKindOf(clause),
    attribute: op === 'segmentMatch' ? (maybeText(clause, 'attribute') ?? '') : textOf(clause, 'attribute'),
    op,
    negate: maybeBoolean(clause, 'negate') ?? false,
    values,
  };
}

/** `variationId`, or `rolloutWeights` with its `rolloutBucketBy` and `rolloutContextKind`. */
export function serveIn(flag: Flag, instruction: Instruction): Serve {
  const weights = instruction['rolloutWeights'];
  if (weights === undefined) return { variation: variationIn(flag, instruction) };
  if (instruction['variationId'] !== undefined) throw invalid('either variationId or rolloutWeights, not both');
  return { rollout: rolloutIn(flag, instruction, objectOf(weights, 'rolloutWeights')) };
}

function rolloutIn(flag: Flag, instruction: Instruction, weights: Readonly<Record<string, unknown>>): Rollout {
  const variations = Object.entries(weights).map(([variationId, weight]) => {
    if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 0)
      throw invalid('rolloutWeights must be whole numbers');
    return { variation: variationIn(flag, { variationId }), weight };
  });
  const sum = variations.reduce((total, { weight }) => total + weight, 0);
  if (sum !== 100_000) throw invalid(`rolloutWeights must add up to 100000, these are ${sum}`);
  return {
    variations: variations.sort((a, b) => a.variation - b.variation),
    bucketBy: maybeText(instruction, 'rolloutBucketBy') ?? 'key',
    contextKind: contextKindOf(instruction, 'rolloutContextKind'),
  };
}
