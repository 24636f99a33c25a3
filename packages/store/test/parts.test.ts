import { bytesSource } from '@ckptree/image';
import { type Composition, newManifestId, type Session, Store, type StoredPart } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { InventedOwners } from './support/crashing-file-system.js';
import { exported, put, scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';
import { type CutImage, cutImage, partLayout } from './support/parts.js';

const OPTIONS = { packSize: 64 * 1024 };

const imageOf = (seed: number, tasks = 4, each = 40) =>
  buildImage(
    Array.from({ length: tasks }, (_, task) => ({
      pid: task + 1,
      ppid: task === 0 ? 0 : 1,
      pages: pages(each, (index) => (index < 10 ? index : index + task * 100 + seed * 10_000)),
    })),
    0n,
    16,
  );

interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** Cut in the middle of each of these seams. */
function stretchesAt({ bytes, seams }: CutImage, which: readonly number[]): Stretch[] {
  const cuts = [...new Set(which.map((index) => index % seams.length))]
    .sort((a, b) => a - b)
    .map((index) => Math.floor((seams[index]!.from + seams[index]!.to) / 2));
  const ends = [...cuts, bytes.length];
  return ends.map((to, index) => ({ from: ends[index - 1] ?? 0, to }));
}

const composition = (
  { layout }: CutImage,
  pieces: Composition['pieces'],
  over: Partial<Composition> = {},
): Composition => ({
  id: newManifestId(),
  created: '2026-11-25T00:00:00.000Z',
  durationMs: 12,
  tree: layout.tree,
  pieces,
  added: { new: 0, stored: 0 },
  ...over,
});

/** Head and tail are the composer's; the stretches between go round the writers. */
async function storeParts(
  image: CutImage,
  stretches: readonly Stretch[],
  sessions: readonly Session[],
): Promise<Composition> {
  const pieces: (StoredPart | Uint8Array)[] = stretches.map(({ from, to }) => image.bytes.subarray(from, to));
  let added = { new: 0, stored: 0 };
  for (const [writer, session] of sessions.entries()) {
    const isMine = (index: number) =>
      index > 0 && index < stretches.length - 1 && index % sessions.length === writer;
    const own = stretches.filter((_, index) => isMine(index));
    if (own.length === 0) continue;
    const { layout, ends } = partLayout(image, own);
    const stored = await session.writeParts(layout, ends);
    expect(stored.parts.map(({ size }) => size)).toEqual(own.map(({ from, to }) => to - from));
    // Over a wire.
    const parts = JSON.parse(JSON.stringify(stored.parts)) as StoredPart[];
    for (const index of pieces.keys()) if (isMine(index)) pieces[index] = parts.shift()!;
    added = { new: added.new + stored.added.new, stored: added.stored + stored.added.stored };
  }
  return composition(image, pieces, { added });
}

async function openAll(path: string, count: number): Promise<Store[]> {
  return Promise.all(Array.from({ length: count }, () => Store.open(path, OPTIONS)));
}

describe('an image that several writers store in parts', () => {
  test('comes back byte for byte, wherever it is cut and however the parts are shared out', async () => {
    const image = await cutImage(imageOf(1));
    const sound = fc.tuple(fc.array(fc.nat(), { maxLength: 12 }), fc.integer({ min: 1, max: 3 }));
    await fc.assert(
      fc.asyncProperty(sound, async ([which, writers]) => {
        const backend = new MemoryBackend();
        await Store.initBackend(backend, OPTIONS);
        const stores = await Promise.all(
          Array.from({ length: writers + 1 }, () => Store.openBackend(backend, OPTIONS)),
        );
        const sessions = await Promise.all(stores.map((store) => store.begin()));
        const composer = sessions.pop()!;
        // The first and the last seam are beyond all pages: head and tail hold none.
        const stretches = stretchesAt(image, [0, image.seams.length - 1, ...which]);
        const composed = await storeParts(image, stretches, sessions);
        const { id, sizes } = await composer.commitParts(composed);
        for (const session of sessions) await session.end();
        const [store] = stores;
        expect((await exported(store!, id)).equals(image.bytes)).toBe(true);
        expect(sizes.logical).toBe(image.bytes.length);
        expect(await store!.verify({ readData: true })).toMatchObject({ ok: true });
        expect((await store!.info()).writers).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  test('is the checkpoint that one writer stores: same pages, and a parent for the next', async () => {
    const path = await scratch();
    await Store.init(path, OPTIONS);
    const [a, b, c] = (await openAll(path, 3)) as [Store, Store, Store];
    const image = await cutImage(imageOf(2, 8, 100));
    const sessions = [await a.begin(), await b.begin()];
    const composer = await c.begin({ name: 'tree', labels: { app: 'x' } });
    const composed = await storeParts(
      image,
      stretchesAt(image, [0, 4, 9, 15, image.seams.length - 1]),
      sessions,
    );
    const manifest = await composer.commitParts(composed);
    for (const session of sessions) await session.end();
    expect(manifest).toMatchObject({
      name: 'tree',
      labels: { app: 'x' },
      tree: image.layout.tree,
      durationMs: 12,
    });
    const next = await put(a, image.bytes, { name: 'tree' });
    expect(next.parent).toBe(manifest.id);
    expect(next.sizes.stored).toBeLessThan(manifest.sizes.stored * 0.02);
  });

  test('is committed again without harm, also by a second composer', async () => {
    const path = await scratch();
    await Store.init(path, OPTIONS);
    const [a, b] = (await openAll(path, 2)) as [Store, Store];
    const image = await cutImage(imageOf(3));
    const writer = await a.begin();
    const stretches = stretchesAt(image, [0, image.seams.length - 1]);
    const composed = await storeParts(image, stretches, [writer]);
    const first = await (await a.begin()).commitParts(composed);
    const second = await (await b.begin({ name: 'late' })).commitParts(composed);
    expect(second).toEqual(first);
    await writer.end();
    expect((await b.list()).checkpoints).toEqual([first]);
    const other = { ...composed, pieces: [image.bytes.subarray(0, 10), ...composed.pieces] };
    const third = await b.begin();
    await expect(third.commitParts(other)).rejects.toMatchObject({ code: 'EEXIST' });
    await third.abort();
    expect((await a.info()).writers).toBe(0);
  });

  test('needs no writer any more once it is committed under a lease older than theirs', async () => {
    const path = await scratch();
    await Store.init(path, OPTIONS);
    const [a, b, c] = (await openAll(path, 3)) as [Store, Store, Store];
    const image = await cutImage(imageOf(4));
    const composer = await a.begin();
    const writer = await b.begin();
    const stretches = stretchesAt(image, [0, image.seams.length - 1]);
    const composed = await storeParts(image, stretches, [writer]);
    // A collector gives up what no manifest needs yet, and the writer goes. The composer's lease holds all the same.
    const early = await c.gc();
    expect(early.waitingPacks.length).toBeGreaterThan(0);
    await writer.end();
    expect((await c.gc()).deletedPacks).toEqual([]);
    const { id } = await composer.commitParts(composed);
    const late = await c.gc();
    expect(late.waitingFor).toEqual([]);
    expect(late.deletedPacks.length).toBeGreaterThan(0);
    expect((await exported(c, id)).equals(image.bytes)).toBe(true);
    expect(await c.verify({ readData: true })).toMatchObject({ ok: true });
  });

  test('is copied out of packs that were given up before its composer came', async () => {
    const path = await scratch();
    await Store.init(path, OPTIONS);
    const [a, b, c] = (await openAll(path, 3)) as [Store, Store, Store];
    const image = await cutImage(imageOf(5));
    const writer = await b.begin();
    const stretches = stretchesAt(image, [0, image.seams.length - 1]);
    const composed = await storeParts(image, stretches, [writer]);
    expect((await c.gc()).waitingPacks.length).toBeGreaterThan(0);
    const composer = await a.begin();
    const { id } = await composer.commitParts(composed);
    await writer.end();
    expect((await c.gc()).deletedPacks.length).toBeGreaterThan(0);
    expect((await exported(c, id)).equals(image.bytes)).toBe(true);
    expect(await c.verify({ readData: true })).toMatchObject({ ok: true });
  });

  test('is not listed when a writer went and a collector came before it was composed', async () => {
    const path = await scratch();
    await Store.init(path, OPTIONS);
    const [a, b, c] = (await openAll(path, 3)) as [Store, Store, Store];
    const image = await cutImage(imageOf(6));
    const writer = await b.begin();
    const composed = await storeParts(image, stretchesAt(image, [0, image.seams.length - 1]), [writer]);
    await writer.end();
    await c.gc();
    const composer = await a.begin();
    await expect(composer.commitParts(composed)).rejects.toMatchObject({ code: 'EIO' });
    await composer.abort();
    expect((await c.list()).checkpoints).toEqual([]);
  });

  test.each([
    ['cuts a batch of pages', (image: CutImage) => [image.seams[0]!.to + 5000, image.bytes.length]],
    ['does not ascend', (image: CutImage) => [100, 100, image.bytes.length]],
    ['does not reach the end', () => [100]],
  ])('is refused when its writer %s', async (_, ends) => {
    const store = await Store.init(await scratch(), OPTIONS);
    const image = await cutImage(imageOf(7));
    const session = await store.begin();
    await expect(session.writeParts(image.layout, ends(image))).rejects.toMatchObject({ code: 'EINVAL' });
    await session.end();
    await expect(session.writeParts(image.layout, [image.bytes.length])).rejects.toMatchObject({
      code: 'EINVAL',
    });
  });

  test('of very many small tasks: the manifest stays below 1 KiB for each', async () => {
    const tasks = 20_000; // as each costs the same, 100,000 cost five times as much
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend);
    const size = 600;
    const bytes = Buffer.alloc(tasks * size);
    for (let task = 0; task < tasks; task++) bytes.writeUInt32LE(task, task * size);
    const session = await store.begin();
    const ends = Array.from({ length: tasks }, (_, task) => (task + 1) * size);
    const source = bytesSource(bytes);
    const { parts } = await session.writeParts({ size: bytes.length, source, memories: [] }, ends);
    expect(parts).toHaveLength(tasks);
    const tree = { rootPid: 1, comm: 'many', tasks, mms: 0, pages: 0 };
    const pieces = parts.flatMap((part, task) => [part, Buffer.from(`record ${task}`)]);
    const { id } = await session.commitParts({
      id: newManifestId(),
      created: '2026-11-25T00:00:00.000Z',
      durationMs: 1,
      tree,
      pieces,
      added: { new: 0, stored: 0 },
    });
    const manifest = await backend.read(`manifests/${id}`, 0, Number.MAX_SAFE_INTEGER);
    expect(manifest.length).toBeLessThan(tasks * 1024);
    expect(backend.objects.size).toBeLessThan(30);
  });
});

/** One store with a writer, a composer and a collector, each its own process, which may die. */
class Interleaving {
  readonly committed = new Map<string, Buffer>();
  readonly #backend = new MemoryBackend();
  readonly #invented = new InventedOwners();
  #collector!: Store;
  #composer: Session | undefined;
  #writer: { readonly session: Session; readonly die: () => void } | undefined;
  #composed: { readonly image: CutImage; readonly composition: Composition } | undefined;
  #images = 0;

  async init(): Promise<void> {
    const options = { ...OPTIONS, owners: this.#invented.next() };
    this.#collector = await Store.initBackend(this.#backend, options);
  }

  async compose(): Promise<void> {
    this.#composer ??= await this.#begin();
  }

  async write(): Promise<void> {
    await this.end();
    const owners = this.#invented.next();
    const session = await this.#begin(owners);
    this.#writer = { session, die: owners.die };
    const image = await cutImage(imageOf(this.#images++ % 3));
    const stretches = stretchesAt(image, [0, 3, image.seams.length - 1]);
    this.#composed = { image, composition: await storeParts(image, stretches, [session]) };
  }

  async end(): Promise<void> {
    await this.#writer?.session.end();
  }

  async die(): Promise<void> {
    this.#writer?.die();
  }

  async gc(): Promise<void> {
    await this.#collector.gc();
  }

  async commit(): Promise<void> {
    if (this.#composed === undefined) return;
    await this.compose();
    const { composition, image } = this.#composed;
    try {
      this.committed.set((await this.#composer!.commitParts(composition)).id, image.bytes);
    } catch (error) {
      expect(error).toMatchObject({ code: 'EIO' });
      await this.#composer!.abort();
    }
    this.#composer = undefined;
    this.#composed = undefined;
  }

  async forget(): Promise<void> {
    await this.#collector.forget([...this.committed.keys()]);
    this.committed.clear();
  }

  async check(): Promise<void> {
    await this.gc();
    const { checkpoints, damaged } = await this.#collector.list();
    expect(damaged).toEqual([]);
    expect(checkpoints.map(({ id }) => id).sort()).toEqual([...this.committed.keys()].sort());
    for (const [id, bytes] of this.committed)
      expect((await exported(this.#collector, id)).equals(bytes)).toBe(true);
    expect(await this.#collector.verify({ readData: true })).toMatchObject({ ok: true });
  }

  async #begin(owners = this.#invented.next()): Promise<Session> {
    return (await Store.openBackend(this.#backend, { ...OPTIONS, owners })).begin();
  }
}

describe('any interleaving of writers of parts, composers, collectors and deaths', () => {
  test('lists whole checkpoints only', async () => {
    const step = fc.constantFrom(...(['write', 'end', 'gc', 'die', 'compose', 'commit', 'forget'] as const));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
        const run = new Interleaving();
        await run.init();
        for (const name of steps) await run[name]();
        await run.check();
      }),
      { numRuns: 60 },
    );
  });
});
