import { type ObjectBackend, Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { contentHash } from '../dist/content-hash.js';
import type { IndexEntry } from '../dist/index/chunk-place.js';
import { encodeIndex, IndexFile } from '../dist/index/index-file.js';
import { decodeEntries, encodeEntries } from '../dist/index/raw-entries.js';
import { exported, put } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const imageOf = (seed: number): Buffer =>
  buildImage([{ pid: 1, ppid: 0, pages: pages(600, (index) => seed * 1000 + index) }]);

/** A store of two packs and its one index. */
async function prepare() {
  const backend = new MemoryBackend();
  const store = await Store.initBackend(backend);
  const checkpoints = new Map<string, Buffer>();
  for (const seed of [1, 2]) checkpoints.set((await put(store, imageOf(seed))).id, imageOf(seed));
  await store.repair();
  const [object] = await backend.list('index');
  const index = await IndexFile.open(backend, object!.name, object!.size, contentHash());
  const entries: IndexEntry[] = [];
  for await (const group of index.groups()) entries.push(...decodeEntries(group, index.packs));
  expect(index.packs).toHaveLength(2);
  return { backend, checkpoints, name: object!.name, packs: index.packs, entries };
}

/** Puts an index in its place that is whole, and says this. */
async function replace(
  backend: MemoryBackend,
  name: string,
  packs: readonly string[],
  entries: readonly IndexEntry[],
): Promise<void> {
  const places = new Map<string, IndexEntry[]>();
  for (const entry of entries) places.set(entry.id, [...(places.get(entry.id) ?? []), entry]);
  const raw = encodeEntries(places, new Map(packs.map((pack, number) => [pack, number])));
  const groups = (async function* () {
    yield raw;
  })();
  backend.objects.set(name, Buffer.concat(await encodeIndex(packs, groups, contentHash())));
}

/** Ways in which an index is wrong though each of its blocks is sound. */
const mistakes: Readonly<
  Record<string, (entries: readonly IndexEntry[], packs: readonly string[]) => IndexEntry[]>
> = {
  'lacks a chunk of a pack': ([, ...others]) => others,
  'has a chunk twice': (entries) => [entries[0]!, ...entries],
  'says another position': ([first, ...others]) => [{ ...first!, offset: first!.offset + 1 }, ...others],
  'says another length': ([first, ...others]) => [{ ...first!, length: first!.length - 1 }, ...others],
  'says another pack': ([first, ...others], packs) => [
    { ...first!, pack: packs.find((pack) => pack !== first!.pack)! },
    ...others,
  ],
  'has the places of two chunks exchanged': ([first, second, ...others]) => [
    { ...second!, id: first!.id },
    { ...first!, id: second!.id },
    ...others,
  ],
};

const open = (backend: ObjectBackend): Promise<Store> => Store.openBackend(backend);

describe('an index that is whole and wrong', () => {
  test.each(Object.entries(mistakes))(
    '%s: a check finds it without reading data, and a repair rebuilds it',
    async (_, mistake) => {
      const { backend, checkpoints, name, packs, entries } = await prepare();
      await replace(backend, name, packs, mistake(entries, packs));
      expect(await (await open(backend)).verify()).toMatchObject({
        ok: false,
        findings: [{ object: name, message: expect.stringContaining('`ckptree store repair`') }],
        damaged: [],
      });
      expect(await (await open(backend)).repair()).toMatchObject({
        quarantined: [],
        droppedIndexes: [name],
        left: [],
      });
      const store = await open(backend);
      expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
      for (const [id, image] of checkpoints) expect((await exported(store, id)).equals(image)).toBe(true);
    },
  );

  test('is not one that says the same, nor one that covers fewer packs, or such as are gone', async () => {
    const { backend, name, packs, entries } = await prepare();
    const gone = '0'.repeat(32);
    for (const covered of [packs, packs.slice(1), [...packs, gone]]) {
      await replace(backend, name, covered, [
        ...entries,
        { id: 'f'.repeat(64), pack: gone, offset: 32, length: 100 },
      ]);
      expect(await (await open(backend)).verify()).toMatchObject({ ok: true });
    }
  });

  test('is not one that is merged by who knew its packs before another published an index of them', async () => {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend);
    await put(store, imageOf(1));
    await (await open(backend)).repair();
    await store.repair();
    expect(await store.verify()).toMatchObject({ ok: true });
  });
});
