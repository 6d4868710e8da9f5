import { expect, it } from 'vitest';
import { runSchedule } from '../campaign/run.ts';
import { scheduleOf } from '../campaign/schedule.ts';
import { p99, summary } from '../campaign/summary.ts';

/** Seeds of `npm run campaign` that have every kind of fault and act among them; the last has real OPAL. */
const seeds = [3, 7, 8, 9, 10];
/** ms: from the callback until a healthy target had taken the revocation. */
const mostForRevocations = 2_000;

it('survives its peers and its own death, and grants and revokes nothing that policy does not say', async () => {
  const results = [];
  for (const seed of seeds) {
    const result = await runSchedule(scheduleOf(seed));
    expect(result.broken, result.story.join('\n')).toEqual([]);
    results.push(result);
  }
  console.log(summary(results));
  expect(p99(results)).toBeLessThan(mostForRevocations);
}, 300_000);
