import { contextKindOf, listOf, maybeText, onlyFields, tagsOf, textOf, textsOf } from './fields.ts';
import type { Instruction, Segment, SegmentKeys, SegmentRule } from './model.ts';
import { invalid } from './refusal.ts';
import { clausesIn } from './rules.ts';

// The instructions of a semantic patch on a segment.
// From LaunchDarkly's API description, PATCH /api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}.

/** At most so many keys of included and excluded together in a standard segment. */
export const MOST_SEGMENT_KEYS = 15_000;
/** At most so many keys added and removed in one request. */
export const MOST_SEGMENT_OPERATIONS = 1_500;

/** What an instruction may look at besides its segment. */
export interface SegmentSurroundings {
  readonly newId: () => string;
  readonly isSegment: (key: string) => boolean;
}

interface SegmentInstruction {
  /** As in custom roles. */
  readonly action: string;
  readonly fields: readonly string[];
  readonly apply: (segment: Segment, instruction: Instruction, around: SegmentSurroundings) => Segment;
}

type Side = 'included' | 'excluded';

function keys(side: Side, how: 'add' | 'remove', kind: 'any' | 'user'): SegmentInstruction {
  return {
    action: side === 'included' ? 'updateIncluded' : 'updateExcluded',
    fields: kind === 'any' ? ['contextKind', 'values'] : ['values'],
    apply(segment, one) {
      const contextKind = kind === 'any' ? contextKindOf(one) : 'user';
      return changeKeys(segment, side, how, contextKind, textsOf(one, 'values'));
    },
  };
}

export const SEGMENT_INSTRUCTIONS: Readonly<Record<string, SegmentInstruction>> = {
  addIncludedTargets: keys('included', 'add', 'any'),
  removeIncludedTargets: keys('included', 'remove', 'any'),
  addExcludedTargets: keys('excluded', 'add', 'any'),
  removeExcludedTargets: keys('excluded', 'remove', 'any'),
  addIncludedUsers: keys('included', 'add', 'user'),
  removeIncludedUsers: keys('included', 'remove', 'user'),
  addExcludedUsers: keys('excluded', 'add', 'user'),
  removeExcludedUsers: keys('excluded', 'remove', 'user'),
  updateName: {
    action: 'updateName',
    fields: ['value'],
    apply: (segment, one) => ({ ...segment, name: textOf(one, 'value') }),
  },
  updateDescription: {
    action: 'updateDescription',
    fields: ['value'],
    apply: (segment, one) => ({ ...segment, description: maybeText(one, 'value') ?? '' }),
  },
  addTags: {
    action: 'updateTags',
    fields: ['values'],
    apply: (segment, one) => ({ ...segment, tags: tagsOf([...segment.tags, ...textsOf(one, 'values')]) }),
  },
  removeTags: {
    action: 'updateTags',
    fields: ['values'],
    apply: (segment, one) => {
      const gone = textsOf(one, 'values');
      return { ...segment, tags: segment.tags.filter(tag => !gone.includes(tag)) };
    },
  },
  addRule: { action: 'updateRules', fields: ['clauses', 'description', 'beforeRuleId'], apply: addRule },
  removeRule: {
    action: 'updateRules',
    fields: ['ruleId'],
    apply: (segment, one) => {
      const id = textOf(one, 'ruleId');
      if (!segment.rules.some(rule => rule._id === id)) throw invalid(`unknown rule ID "${id}"`);
      return { ...segment, rules: segment.rules.filter(rule => rule._id !== id) };
    },
  },
  updateRuleRolloutAndContextKind: {
    action: 'updateRules',
    fields: ['ruleId', 'weight', 'contextKind', 'bucketBy'],
    apply: (segment, one) => {
      const id = textOf(one, 'ruleId');
      const weight = one['weight'];
      if (typeof weight !== 'number') throw invalid('weight must be a number');
      return {
        ...segment,
        rules: segment.rules.map(rule =>
          rule._id === id ? { ...rule, weight, rolloutContextKind: contextKindOf(one) } : rule,
        ),
      };
    },
  },
};

/** The segment after all instructions, or a refusal and nothing done. */
export function applySegmentInstructions(
  segment: Segment,
  instructions: readonly Instruction[],
  around: SegmentSurroundings,
): Segment {
  let operations = 0;
  let next = segment;
  for (const one of instructions) {
    const kind = textOf(one, 'kind');
    const known = SEGMENT_INSTRUCTIONS[kind];
    if (known === undefined) throw invalid(`unknown instruction kind "${kind}"`);
    onlyFields(one, ['kind', ...known.fields], kind);
    if (known.action === 'updateIncluded' || known.action === 'updateExcluded')
      operations += textsOf(one, 'values').length;
    next = known.apply(next, one, around);
  }
  if (operations > MOST_SEGMENT_OPERATIONS)
    throw invalid(`At most ${MOST_SEGMENT_OPERATIONS} target operations are allowed in one request`);
  if (keyCount(next) > MOST_SEGMENT_KEYS && keyCount(next) > keyCount(segment))
    throw invalid(`A segment can have at most ${MOST_SEGMENT_KEYS} individual targets`);
  return next;
}

function keyCount(segment: Segment): number {
  let count = 0;
  for (const { values } of [...segment.included, ...segment.excluded]) count += values.length;
  return count;
}

function changeKeys(
  segment: Segment,
  side: Side,
  how: 'add' | 'remove',
  contextKind: string,
  values: readonly string[],
): Segment {
  const others = segment[side].filter(entry => entry.contextKind !== contextKind);
  const old = segment[side].find(entry => entry.contextKind === contextKind)?.values ?? [];
  const given = new Set(values);
  let next: readonly string[];
  if (how === 'add') {
    const across = segment[side === 'included' ? 'excluded' : 'included'];
    const clash = across.find(entry => entry.contextKind === contextKind)?.values.some(value => given.has(value));
    if (clash === true) throw invalid('The same context key cannot be both included in and excluded from a segment');
    next = [...new Set([...old, ...values])];
  } else {
    next = old.filter(value => !given.has(value));
  }
  if (next.length === old.length) return segment;
  const entries: readonly SegmentKeys[] = next.length === 0 ? others : [...others, { contextKind, values: next }];
  return { ...segment, [side]: entries };
}

function addRule(segment: Segment, one: Instruction, around: SegmentSurroundings): Segment {
  const clauses = clausesIn(listOf(one, 'clauses'), around.newId, around.isSegment);
  const rule: SegmentRule = {
    _id: around.newId(),
    description: maybeText(one, 'description') ?? '',
    clauses,
    weight: undefined,
    bucketBy: 'key',
    rolloutContextKind: 'user',
  };
  return { ...segment, rules: [...segment.rules, rule] };
}
