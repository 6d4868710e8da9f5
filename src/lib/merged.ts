/** Yields what several iterables yield, as it comes: a slow one holds up no other. The first error of any is thrown. */
export async function* merged<T>(iterables: readonly AsyncIterable<T>[]): AsyncGenerator<T, void, undefined> {
  const iterators = iterables.map(iterable => iterable[Symbol.asyncIterator]());
  const next = new Map(iterators.map(iterator => [iterator, step(iterator)]));
  try {
    while (next.size > 0) {
      const { iterator, result } = await Promise.race(next.values());
      // It goes to the end of the line: one that always has something would keep the others from ever coming.
      next.delete(iterator);
      if (result.done) continue;
      next.set(iterator, step(iterator));
      yield result.value;
    }
  } finally {
    for (const iterator of next.keys()) void iterator.return?.()?.catch(() => {});
  }
}

async function step<T>(iterator: AsyncIterator<T>): Promise<{ iterator: AsyncIterator<T>; result: IteratorResult<T> }> {
  return { iterator, result: await iterator.next() };
}
