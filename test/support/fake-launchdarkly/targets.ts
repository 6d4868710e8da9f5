import { contextKindOf, listOf, objectOf, onlyFields, textsOf } from './fields.ts';
import type { Flag, Instruction, Target } from './model.ts';
import { invalid } from './refusal.ts';
import { variationIn } from './rules.ts';

// Individual targets of a flag in one environment.

type Targets = readonly Target[];

/** Adds keys; refused when one of them is a target of another variation (documented: "Returns an error if…"). */
export function addTargets(flag: Flag, targets: Targets, instruction: Instruction, kind: string): Targets {
  const variation = variationIn(flag, instruction);
  const values = textsOf(instruction, 'values');
  const added = new Set(values);
  for (const other of targets) {
    if (other.contextKind !== kind || other.variation === variation) continue;
    const clash = other.values.filter(value => added.has(value)).length;
    if (clash > 0)
      throw invalid(
        `Cannot target the same ${kind} key in multiple variations: ${clash} of these keys are targeted in variation ${other.variation}`,
      );
  }
  const old = find(targets, kind, variation)?.values ?? [];
  const known = new Set(old);
  const fresh = [...added].filter(value => !known.has(value));
  return fresh.length === 0 ? targets : put(targets, { contextKind: kind, variation, values: [...old, ...fresh] });
}

/** Removes keys; does nothing for those that are no targets (documented). */
export function removeTargets(flag: Flag, targets: Targets, instruction: Instruction, kind: string): Targets {
  const variation = variationIn(flag, instruction);
  const gone = new Set(textsOf(instruction, 'values'));
  const old = find(targets, kind, variation);
  if (old === undefined) return targets;
  const values = old.values.filter(value => !gone.has(value));
  return values.length === old.values.length ? targets : put(targets, { ...old, values });
}

/** All kinds of the variation (documented), or one. */
export function clearTargets(flag: Flag, targets: Targets, instruction: Instruction, kind?: string): Targets {
  const variation = variationIn(flag, instruction);
  const left = targets.filter(
    target => target.variation !== variation || (kind !== undefined && target.contextKind !== kind),
  );
  return left.length === targets.length ? targets : left;
}

/** Drops everything that stood there, in every variation and kind (documented). */
export function replaceTargets(flag: Flag, instruction: Instruction): Targets {
  let targets: Targets = [];
  for (const one of listOf(instruction, 'targets')) {
    const target = objectOf(one, 'a target');
    onlyFields(target, ['contextKind', 'variationId', 'values'], 'a target');
    targets = addTargets(flag, targets, target, contextKindOf(target));
  }
  return targets;
}

function find(targets: Targets, kind: string, variation: number): Target | undefined {
  return targets.find(target => target.contextKind === kind && target.variation === variation);
}

function put(targets: Targets, next: Target): Targets {
  const others = targets.filter(
    target => target.contextKind !== next.contextKind || target.variation !== next.variation,
  );
  return next.values.length === 0 ? others : [...others, next].sort((a, b) => a.variation - b.variation);
}
