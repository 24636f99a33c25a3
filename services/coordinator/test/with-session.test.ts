import { getEventListeners } from 'node:events';
import type { Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { withSession } from '../dist/checkpoint/with-session.js';

const store = { begin: async () => ({ end: async () => undefined }) } as unknown as Store;

test('nobody listens any more for the end of a checkpoint that is over, or its signal would be kept until the term ends', async () => {
  const term = new AbortController().signal;
  const signal = AbortSignal.any([term]);
  await withSession({ store: async () => store }, { signal, term }, {}, async () => undefined);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('storage that does not answer does not hold up who leads no longer', async () => {
  const over = new AbortController();
  const { signal: term } = over;
  const away = { begin: () => new Promise<never>(() => undefined) } as unknown as Store;
  const waiting = withSession({ store: async () => away }, { signal: term, term }, {}, async () => undefined);
  over.abort(new Error('the term is over'));
  await expect(waiting).rejects.toThrow('the term is over');
});
