import { expect, test } from 'vitest';
import { merged } from '../../src/lib/merged.ts';

async function* given(...values: readonly (number | Promise<number>)[]): AsyncGenerator<number> {
  for (const value of values) yield await value;
}

async function all(values: AsyncIterable<number>): Promise<number[]> {
  const found: number[] = [];
  for await (const value of values) found.push(value);
  return found;
}

test('a slow one holds up no other', async () => {
  const slow = Promise.withResolvers<number>();
  const found: number[] = [];
  for await (const value of merged([given(slow.promise, 2), given(10, 11, 12)])) {
    found.push(value);
    if (value === 12) slow.resolve(1);
  }
  expect(found).toEqual([10, 11, 12, 1, 2]);
});

test('everything comes, of none too', async () => {
  expect((await all(merged([given(1), given(), given(2, 3)]))).sort((a, b) => a - b)).toEqual([1, 2, 3]);
  expect(await all(merged([]))).toEqual([]);
});

test('an error of one is thrown, and the others are ended', async () => {
  let isEnded = false;
  async function* endless(): AsyncGenerator<number> {
    try {
      for (;;) yield 1;
    } finally {
      isEnded = true;
    }
  }
  async function* broken(): AsyncGenerator<number> {
    yield 1;
    throw new Error('broken');
  }
  await expect(all(merged([endless(), broken()]))).rejects.toThrow('broken');
  await Promise.resolve();
  expect(isEnded).toBe(true);
});
