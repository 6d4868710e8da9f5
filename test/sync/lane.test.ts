import { describe, expect, test } from 'vitest';
import { createLane } from '../../src/sync/lane.ts';

describe('a lane', () => {
  test('merges reasons of one moment, and those that arrive while it works into the next pass', async () => {
    const passes: number[][] = [];
    const lane = createLane<number>(async take => {
      passes.push(take());
      if (passes.length === 1) {
        lane.wake(3);
        lane.wake(4);
      }
    });
    lane.wake(1);
    lane.wake(2);
    await lane.idle();
    expect(passes).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(lane.busy).toBe(false);
  });

  test('takes no more once stopped, and ends the pass under way', async () => {
    const passes: number[][] = [];
    let go: () => void = () => {};
    const lane = createLane<number>(async take => {
      passes.push(take());
      await new Promise<void>(resolve => {
        go = resolve;
      });
    });
    lane.wake(1);
    await Promise.resolve();
    await Promise.resolve();
    const stopped = lane.stop();
    lane.wake(2);
    go();
    await stopped;
    expect(passes).toEqual([[1]]);
  });
});
