import { FolderBackend, type ObjectBackend } from '@ckptree/store';
import { ChunkIndex, contentHash } from '@ckptree/store/low-level';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { scratch } from './support/folder.js';
import { Gate } from './support/gate.js';
import { MemoryBackend } from './support/memory-backend.js';

/** Blocks of an index are found by the first 8 bytes of ids: in these many ids share them, over several blocks. */
const chunkId = fc
  .tuple(fc.constantFrom('00', '7f', '80', 'ff'), fc.nat(400))
  .map(([start, number]) => start.padEnd(60, '0') + number.toString(16).padStart(4, '0'));
const packId = fc.constantFrom('1', '2', '3').map((number) => number.padStart(32, '0'));
const entry = fc.record({
  id: chunkId,
  pack: packId,
  offset: fc.nat(1e6),
  length: fc.integer({ min: 1, max: 1e6 }),
});

test('many chunks are found as each of them by itself, in the index and before they come into it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(entry, { maxLength: 600, size: 'max' }),
      fc.array(entry, { maxLength: 50 }),
      fc.array(chunkId, { maxLength: 300, size: 'max' }),
      async (old, later, asked) => {
        const recent = later.map((each) => ({ ...each, pack: `new ${each.pack}` }));
        const index = await ChunkIndex.open(new MemoryBackend(), contentHash());
        const add = (entries: typeof old): void => {
          for (const pack of new Set(entries.map((each) => each.pack)))
            index.add(
              pack,
              1e9,
              entries.filter((each) => each.pack === pack),
            );
        };
        add(old);
        await index.publish(true);
        add(recent);
        const places = new Map<string, Set<string>>();
        for (const { id, ...place } of [...old, ...recent])
          places.set(id, (places.get(id) ?? new Set()).add(JSON.stringify(place)));
        const check = (id: string, found: unknown): void => {
          const known = places.get(id);
          if (known === undefined) expect(found).toBeUndefined();
          else {
            const { pack, offset, length } = found as { pack: string; offset: number; length: number };
            expect(known).toContain(JSON.stringify({ pack, offset, length }));
          }
        };
        for (const ids of [asked, asked.toSorted(), [...places.keys()]]) {
          const found = await index.findAll(ids);
          expect(found.length).toBe(ids.length);
          for (const [position, id] of ids.entries()) check(id, found[position]);
        }
        for (const id of asked) check(id, await index.find(id));
      },
    ),
    { numRuns: 50 },
  );
});

const ID = (number: number): string => number.toString(16).padStart(64, '0');
const PACK = (number: number): string => number.toString(16).padStart(32, '0');
const entryOf = (number: number) => ({ id: ID(number), pack: PACK(number), offset: 32, length: 100 });

test('a pack that is sealed while an index is published is known afterwards', async () => {
  const backend = new MemoryBackend();
  const put = backend.put.bind(backend);
  backend.put = async (name, content) => {
    if (name.startsWith('index/')) index.add(PACK(2), 1000, [entryOf(2)]);
    return put(name, content);
  };
  const index = await ChunkIndex.open(backend, contentHash());
  index.add(PACK(1), 1000, [entryOf(1)]);
  await index.publish(true);
  expect(await index.find(ID(1))).toMatchObject({ pack: PACK(1) });
  expect(await index.find(ID(2))).toMatchObject({ pack: PACK(2) });
});

test('a pack that is sealed while packs are listed is known afterwards, and in the next index', async () => {
  let armed = false;
  const backend = new MemoryBackend();
  const list = backend.list.bind(backend);
  backend.list = async (kind) => {
    const found = await list(kind);
    if (armed && kind === 'packs') {
      armed = false;
      await backend.put(`packs/${PACK(1)}`, []);
      index.add(PACK(1), 1000, [entryOf(1)]);
    }
    return found;
  };
  const index = await ChunkIndex.open(backend, contentHash());
  armed = true;
  await index.refresh();
  expect(await index.find(ID(1))).toMatchObject({ pack: PACK(1) });
  await index.publish(true);
  await index.refresh();
  expect(await index.find(ID(1))).toMatchObject({ pack: PACK(1) });
});

test('of two indexes that are published at once, the one that knows less does not replace the other', async () => {
  const backend = new MemoryBackend();
  const put = backend.put.bind(backend);
  let second: Promise<void> | undefined;
  backend.put = async (name, content) => {
    if (name.startsWith('index/') && second === undefined) {
      index.add(PACK(2), 1000, [entryOf(2)]);
      second = index.publish(true);
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    return put(name, content);
  };
  const index = await ChunkIndex.open(backend, contentHash());
  index.add(PACK(1), 1000, [entryOf(1)]);
  await index.publish(true);
  await second;
  for (const number of [1, 2]) expect(await index.find(ID(number))).toMatchObject({ pack: PACK(number) });
  expect(await backend.list('index')).toHaveLength(1);
});

test('a lookup that learns late that its index was replaced does not give up the new one', async () => {
  const path = await scratch();
  const real = await FolderBackend.open(path);
  const gate = new Gate();
  let replaced = '';
  const backend: ObjectBackend = Object.assign(Object.create(real) as ObjectBackend, {
    list: (kind: string) => real.list(kind),
    async read(name: string, position: number, length: number) {
      if (name === replaced) await gate.pass();
      return real.read(name, position, length);
    },
  });
  for (const number of [1, 2, 3]) await real.put(`packs/${PACK(number)}`, [Buffer.alloc(1000)]);
  const publish = async (): Promise<string> => {
    const other = await ChunkIndex.open(real, contentHash());
    for (const number of [1, 2, 3]) other.add(PACK(number), 1000, [entryOf(number)]);
    await other.publish(true);
    return (await real.list('index'))[0]!.name;
  };
  replaced = await publish();
  const index = await ChunkIndex.open(backend, contentHash());
  await publish();
  gate.close(1);
  const slow = index.find(ID(1));
  await gate.reached;
  expect(await index.find(ID(2))).toMatchObject({ pack: PACK(2) });
  gate.open();
  expect(await slow).toMatchObject({ pack: PACK(1) });
  expect(await index.find(ID(3))).toMatchObject({ pack: PACK(3) });
});
