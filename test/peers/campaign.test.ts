import { expect, it } from 'vitest';
import { runSchedule } from '../campaign/run.ts';
import { scheduleOf } from '../campaign/schedule.ts';
import { summary } from '../campaign/summary.ts';

/** Seeds of `npm run campaign` that have every kind of fault and act among them; the last has real OPAL. */
const seeds = [3, 7, 8, 9, 10];
/** ms: from the callback until a healthy target had taken the revocation. */
const mostForRevocations = 2_000;
const phasePatience = 2_000;

it('survives its peers and its own death, and grants and revokes nothing that policy does not say', async () => {
  const results = [];
  for (const seed of seeds) {
    const result = await runSchedule(scheduleOf(seed));
    expect(result.broken, result.story.join('\n')).toEqual([]);
    results.push(result);
  }
  console.log(summary(results));
  const [longest = 0, ...others] = results.flatMap(({ revocations }) => revocations).sort((a, b) => b - a);
  expect(Math.max(0, ...others)).toBeLessThan(mostForRevocations);
  // One that also grants waits 2 s for a revocation of the same target that hangs; 1 in 100 of so few is none.
  expect(longest).toBeLessThan(mostForRevocations + phasePatience);
}, 300_000);
