import { bytesSource } from '@ckptree/image';
import { Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { InventedOwners } from './support/crashing-file-system.js';
import { exported, put } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const imageOf = (seed: number, shared: number) =>
  buildImage([
    { pid: 1, ppid: 0, pages: pages(40, (index) => (index < shared ? index : index + seed * 100)) },
  ]);

const secret = { passphrase: 'p' };

/** A store, and what it should hold. */
class Subject {
  readonly committed = new Map<string, Buffer>();
  readonly #backend = new MemoryBackend();
  readonly #invented = new InventedOwners();
  #owners = this.#invented.next();
  #store!: Store;

  async init(encrypted: boolean): Promise<void> {
    const init = { ...this.#options(), ...(encrypted && { secret, scryptCost: 2 }) };
    this.#store = await Store.initBackend(this.#backend, init);
  }

  async put(seed: number, shared: number): Promise<void> {
    const image = imageOf(seed, shared);
    this.committed.set((await put(this.#store, image, { name: `n${seed}` })).id, image);
  }

  /** Neither committed nor aborted: it ends with its process. */
  async abandon(seed: number): Promise<void> {
    const session = await this.#store.begin();
    await session.importImage(bytesSource(imageOf(seed, 0)));
  }

  async forget(which: number): Promise<void> {
    const id = [...this.committed.keys()][which % Math.max(1, this.committed.size)];
    if (id === undefined) return;
    await this.#store.forget([id]);
    this.committed.delete(id);
  }

  async gc(): Promise<void> {
    await this.#store.gc();
  }

  async repair(): Promise<void> {
    await this.#store.repair();
  }

  async crash(): Promise<void> {
    this.#owners.die();
    this.#owners = this.#invented.next();
    this.#store = await Store.openBackend(this.#backend, this.#options());
  }

  async check(): Promise<void> {
    const { checkpoints, damaged } = await this.#store.list();
    expect(damaged).toEqual([]);
    expect(checkpoints.map(({ id }) => id).sort()).toEqual([...this.committed.keys()].sort());
    for (const [id, image] of this.committed)
      expect((await exported(this.#store, id)).equals(image)).toBe(true);
    expect(await this.#store.verify({ readData: true })).toMatchObject({ ok: true });
  }

  /** Once all writers are dead, garbage goes at once, and nothing is left when everything is forgotten. */
  async checkEmptied(): Promise<void> {
    await this.crash();
    await this.#store.forget([...this.committed.keys()]);
    await this.#store.gc();
    expect((await this.#store.info()).packs).toBe(0);
  }

  #options() {
    return { owners: this.#owners, secrets: async () => [secret], packSize: 32 * 1024 };
  }
}

/** What may be done to a store. */
const command: fc.Arbitrary<(subject: Subject) => Promise<void>> = fc.oneof(
  fc.tuple(fc.nat(5), fc.nat(30)).map(
    ([seed, shared]) =>
      (subject: Subject) =>
        subject.put(seed, shared),
  ),
  fc.nat(5).map((seed) => (subject: Subject) => subject.abandon(seed)),
  fc.nat().map((which) => (subject: Subject) => subject.forget(which)),
  fc.constant((subject: Subject) => subject.gc()),
  fc.constant((subject: Subject) => subject.repair()),
  fc.constant((subject: Subject) => subject.crash()),
);

describe('any sequence of put, commit, forget, gc, repair, crash and reopen', () => {
  test('leaves exactly the committed checkpoints readable', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 12 }), fc.boolean(), async (commands, encrypted) => {
        const subject = new Subject();
        await subject.init(encrypted);
        for (const run of commands) await run(subject);
        await subject.check();
        await subject.checkEmptied();
      }),
      { numRuns: 50 },
    );
  });
});
