import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { planJson } from '../../src/report/json.ts';
import { planFromJson } from '../../src/report/plan-from-json.ts';
import { block, hostileText, placement, planOf, planWith } from '../support/plans.ts';

const at = Date.UTC(2026, 10, 21);

it('a plan that came over the wire has the same JSON', () => {
  fc.assert(
    fc.property(planWith(hostileText), plan => {
      const json = planJson(plan);
      expect(planJson(planFromJson(JSON.parse(JSON.stringify(json)), at))).toEqual(json);
    }),
  );
});

it('who gains and who loses is there only where it was told', () => {
  const plan = planOf({ changes: [placement(['alice'], ['bob', 'carol'])] });
  const told = planJson(plan, { showUsers: true });
  expect(planJson(planFromJson(told, at), { showUsers: true })).toEqual(told);
  const [counted] = planFromJson(planJson(plan), at).changes.filter(change => change.kind === 'placement');
  expect(() => [...(counted?.granted.values() ?? [])]).toThrow('only the count is known');
});

it('what operators said and what came with a block comes along', () => {
  const overrides = [{ id: 'o1', kind: 'off', what: 'beta is switched off', by: 'ada', reason: 'INC-1' }] as const;
  const also = { changes: 2, granted: 0, revoked: 40 };
  const json = planJson(planOf({ overrides, blocked: [block({ revision: '3f2a', also })] }));
  expect(json).toMatchObject({ overrides, blocked: [{ revision: '3f2a', also }] });
  expect(planJson(planFromJson(json, at))).toEqual(json);
});
