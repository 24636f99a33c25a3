/** The same items, with up to `depth` of them made before they are asked for. */
export async function* ahead<T>(items: AsyncIterable<T>, depth: number): AsyncIterable<T> {
  const iterator = items[Symbol.asyncIterator]();
  const queue: Promise<IteratorResult<T>>[] = [];
  const pull = (): void => {
    const next = iterator.next();
    next.catch(() => undefined); // thrown again where the item is taken
    queue.push(next);
  };
  try {
    for (let count = 0; count < depth; count++) pull();
    for (;;) {
      const result = await queue.shift()!;
      if (result.done) return;
      pull();
      yield result.value;
    }
  } finally {
    await Promise.allSettled(queue);
    await iterator.return?.();
  }
}
