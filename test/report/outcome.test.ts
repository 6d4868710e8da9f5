import { describe, expect, it } from 'vitest';
import { outcomeLine, reportOutcome } from '../../src/report/outcome.ts';
import { listing, placement, problem } from '../support/plans.ts';

const done = [
  { change: listing('create'), outcome: { change: 'c', result: 'done' as const } },
  { change: placement([], ['canary-a', 'canary-b']), outcome: { change: 'p', result: 'done' as const } },
  {
    change: placement(['canary-a'], ['canary-b'], { toggle: 'other', phase: 'replace' }),
    outcome: { change: 'o', result: 'failed' as const, problem, scope: 'change' as const },
  },
  {
    change: placement([], ['x']),
    outcome: { change: 'w', result: 'pending' as const, link: 'https://ld/approvals/1' },
  },
];

describe('what apply did', () => {
  it('is a table of counts and one line', () => {
    expect(reportOutcome(done, { color: false })).toMatchInlineSnapshot(`
      "toggle      target  environment       change   users   +   −  result   details
      us-feature  local   production, test  create                  done
      us-feature  local   production        grant        2  +2      done
      other       local   production        replace      1  +1  −1  failed   Something is wrong. Do something.
      us-feature  local   production        grant    0 → 1  +1      pending  waits for an approval there: https://ld/approvals/1

      2 changes done (+2 −0 users), 1 failed, 1 pending
      "
    `);
  });

  it('counts only what was done', () => {
    expect(outcomeLine(done)).toBe('2 changes done (+2 −0 users), 1 failed, 1 pending');
    expect(outcomeLine([])).toBe('Nothing to do');
    expect(reportOutcome([], { color: false })).toBe('Nothing to do\n');
  });

  it('names nobody', () => {
    expect(reportOutcome(done, { color: true })).not.toContain('canary');
  });
});
