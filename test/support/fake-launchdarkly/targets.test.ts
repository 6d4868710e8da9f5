import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAccount } from './account.ts';
import { newFlag } from './create-flag.ts';
import type { Instruction, Target } from './model.ts';
import { Refusal } from './refusal.ts';
import { applyInstructions } from './semantic-patch.ts';
import { environmentOf, projectOf } from './store.ts';

const account = createAccount(
  {},
  () => 0,
  () => {},
);
const project = projectOf(account, 'default');
const environment = environmentOf(project, 'production');
const flag = newFlag(account, project, { key: 'beta', name: 'Beta' }, undefined);

const instruction: fc.Arbitrary<Instruction> = fc.record({
  kind: fc.constantFrom('addTargets', 'removeTargets', 'clearTargets'),
  variationId: fc.constantFrom(...flag.variations.map(({ _id }) => _id)),
  contextKind: fc.constantFrom('user', 'device'),
  values: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }),
});

function cleaned({ contextKind, values, ...one }: Instruction): Instruction {
  return one['kind'] === 'clearTargets' ? one : { ...one, contextKind, values };
}

/** Who is where, the slow and plain way; undefined: refused. */
function model(instructions: readonly Instruction[]): Map<string, string> | undefined {
  const where = new Map<string, string>();
  for (const one of instructions) {
    const variation = one['variationId'] as string;
    if (one['kind'] === 'clearTargets') {
      for (const [key, at] of where) if (at === variation) where.delete(key);
      continue;
    }
    for (const value of one['values'] as string[]) {
      const key = `${one['contextKind'] as string} ${value}`;
      const at = where.get(key);
      if (one['kind'] === 'removeTargets') {
        if (at === variation) where.delete(key);
      } else if (at !== undefined && at !== variation) {
        return undefined;
      } else {
        where.set(key, variation);
      }
    }
  }
  return where;
}

function listed(targets: readonly Target[]): string[] {
  return targets
    .flatMap(({ contextKind, variation, values }) =>
      values.map(value => `${contextKind} ${value} ${flag.variations[variation]?._id}`),
    )
    .sort();
}

describe('individual targets', () => {
  it('are where a plain model has them, or the whole patch is refused', () => {
    fc.assert(
      fc.property(fc.array(instruction, { minLength: 1, maxLength: 12 }), given => {
        const instructions = given.map(cleaned);
        const expected = model(instructions);
        if (expected === undefined) {
          expect(() => applyInstructions(account, project, flag, environment, instructions)).toThrow(Refusal);
          expect(flag.environments.get('production')?.targets).toEqual([]);
          return;
        }
        const next = applyInstructions(account, project, flag, environment, instructions);
        if (next === 'deleted') throw new Error('nothing deletes');
        expect(listed(next.environments.get('production')?.targets ?? [])).toEqual(
          [...expected].map(([key, variation]) => `${key} ${variation}`).sort(),
        );
      }),
    );
  });
});
