import { describe, expect, it } from 'vitest';
import { bounded } from '../../src/lib/bounded.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

interface Job {
  readonly name: string;
  end(): void;
  fail(error: Error): void;
}

/** Runs `bounded` over names with work that ends when the test says so. */
function run(names: readonly string[], over: { slots?: number; most?: number; clock?: FakeClock } = {}) {
  const started: Job[] = [];
  const results: string[] = [];
  const work = (name: string) =>
    new Promise<string>((end, fail) => started.push({ name, end: () => end(name), fail: error => fail(error) }));
  const clock = over.clock ?? createFakeClock();
  const bounds = { slots: over.slots ?? 2, patience: 2000, most: over.most ?? 4, clock };
  const all = (async () => {
    for await (const result of bounded(names, work, bounds)) results.push(result);
  })();
  return { started, results, all, clock, names: () => started.map(({ name }) => name).join('') };
}

const turn = () => new Promise(resolve => setImmediate(resolve));

describe('bounded', () => {
  it('runs as many at once as there are slots, in order', async () => {
    const { started, names, all, results } = run(['a', 'b', 'c', 'd']);
    await turn();
    expect(names()).toBe('ab');
    started[1]?.end();
    await turn();
    expect(names()).toBe('abc');
    expect(results).toEqual(['b']);
    for (const index of [0, 2]) started[index]?.end();
    await turn();
    started[3]?.end();
    await all;
    expect(results.toSorted()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('lets others pass what hangs, but not without end', async () => {
    const { names, clock, started, all } = run('a b c d e f g h'.split(' '));
    await turn();
    expect(names()).toBe('ab');
    await clock.advance(1999);
    expect(names()).toBe('ab');
    await clock.advance(1);
    expect(names()).toBe('abcd');
    await clock.advance(60_000);
    expect(names()).toBe('abcd');
    for (let index = 0; index < 8; index++) {
      started[index]?.end();
      await turn();
    }
    await all;
    expect(clock.waiting).toBe(0);
  });

  it('ends at once without items', async () => {
    const { all, results } = run([]);
    await all;
    expect(results).toEqual([]);
  });

  it('starts nothing more when the consumer stops', async () => {
    const started: number[] = [];
    const work = async (item: number) => {
      started.push(item);
      await turn();
      return item;
    };
    const bounds = { slots: 1, patience: 1000, most: 1, clock: createFakeClock() };
    for await (const result of bounded([1, 2, 3, 4, 5, 6], work, bounds)) if (result === 1) break;
    const soFar = started.length;
    await turn();
    expect(started.length).toBe(soFar);
    expect(soFar).toBeLessThan(6);
  });

  it('throws what the work throws', async () => {
    const { started, all } = run(['a', 'b', 'c']);
    await turn();
    started[0]?.fail(new Error('boom'));
    await expect(all).rejects.toThrow('boom');
    expect(started.length).toBe(2);
  });
});
