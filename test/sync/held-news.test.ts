import { expect, test } from 'vitest';
import type { Held, Plan } from '../../src/domain/plan.ts';
import { heldNews } from '../../src/sync/held-news.ts';
import { createWorld } from '../support/world.ts';

const failed = { code: 'answer-member', message: 'app.beta: member 2 of 3 is empty.', hint: 'Correct it.' };
const waiting = { code: 'source-waiting', message: 'source opal has not answered yet.', hint: 'Wait.' };

const nothing: ReadonlySet<string> = new Set();

function held(toggle: string, problem: Held['problem']): Held {
  return { toggle, target: 'rest', environment: 'production', reason: 'failed', problem };
}

async function planWith(...all: Held[]): Promise<Plan> {
  const world = createWorld();
  world.policy('beta', ['alice']);
  await world.start();
  return { ...(world.line.targets[0]?.plan as Plan), held: all };
}

test('one entry a reason, with the number of placements, and only once', async () => {
  const plan = await planWith(held('beta', failed), held('gamma', failed), held('delta', waiting));
  const message = 'app.beta: member 2 of 3 is empty. Correct it.';
  expect(heldNews(undefined, plan, nothing)).toEqual([{ code: 'answer-member', message, placements: 2 }]);
  expect(heldNews(plan, plan, nothing)).toEqual([]);
  expect(heldNews(undefined, plan, new Set([failed.message]))).toEqual([]);
  expect(heldNews(await planWith(held('gamma', failed)), plan, nothing)).toEqual([
    { code: 'answer-member', message, placements: 1 },
  ]);
});
