import { CkptError } from '@ckptree/errors';
import { Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { exported, put } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const image = buildImage([
  { pid: 1, ppid: 0, pages: pages(20) },
  { pid: 2, ppid: 1, pages: pages(20, (index) => index + 1000) },
]);
const half = buildImage([{ pid: 1, ppid: 0, pages: pages(20) }]);

/** Raises a signal at the n-th call. */
class AbortingBackend extends MemoryBackend {
  readonly #controller = new AbortController();
  #left = Number.POSITIVE_INFINITY;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abortAt(call: number): void {
    this.#left = call;
  }

  override put(name: string, content: readonly Uint8Array[]): Promise<boolean> {
    this.#count();
    return super.put(name, content);
  }

  override read(name: string, position: number, length: number): Promise<Uint8Array> {
    this.#count();
    return super.read(name, position, length);
  }

  override delete(name: string): Promise<void> {
    this.#count();
    return super.delete(name);
  }

  #count(): void {
    if (--this.#left === 0) this.#controller.abort(new CkptError('EINTR', 'ended by the test'));
  }
}

/** A store with garbage, of which one pack must be moved. */
async function prepared() {
  const backend = new AbortingBackend();
  const store = await Store.initBackend(backend, { packSize: 100 * 1024 });
  const first = await put(store, image);
  const { id } = await put(store, half);
  await store.forget([first.id]);
  return { backend, store, id };
}

describe('a signal, whenever it is raised,', () => {
  test.each([
    ['gc', (store: Store, signal: AbortSignal) => store.gc({ signal })],
    ['verify', (store: Store, signal: AbortSignal) => store.verify({ signal, readData: true })],
    ['repair', (store: Store, signal: AbortSignal) => store.repair({ signal })],
  ])('ends %s and leaves nothing behind that is not put right by the next', async (_name, work) => {
    let aborted = 0;
    for (let call = 1, done = false; !done; call++) {
      const { backend, store, id } = await prepared();
      backend.abortAt(call);
      const outcome = await work(store, backend.signal).catch((error: unknown) => error);
      done = !backend.signal.aborted;
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject({ code: 'EINTR' });
        aborted++;
      }
      expect(await backend.list('leases')).toEqual([]);
      expect((await exported(store, id)).equals(half)).toBe(true);
      expect((await store.gc()).waitingFor).toEqual([]);
      expect(await store.verify({ readData: true })).toMatchObject({ ok: true, checkpoints: 1 });
      expect(await backend.list('condemned')).toEqual([]);
    }
    expect(aborted).toBeGreaterThan(3);
  });
});
