import { expect, test } from '@jest/globals';
import { chunksOf } from './support/chunks.js';
import { MemoryBackend } from './support/memory-backend.js';

const MIB = 2 ** 20;

class CountingBackend extends MemoryBackend {
  reads = 0;

  override read(name: string, position: number, length: number): Promise<Uint8Array> {
    this.reads++;
    return super.read(name, position, length);
  }
}

test('chunks stay at hand as long as there is room, however many were read at once before', async () => {
  const backend = new CountingBackend();
  const { writer, chunks } = await chunksOf(backend);
  const contents = Array.from({ length: 80 }, (_, seed) => new Uint8Array(MIB).fill(seed));
  const ids = await writer.putAll(contents);
  await writer.flush();
  for (let round = 0; round < 3; round++) await Promise.all(ids.map((id) => chunks.content(id)));

  const few = ids.slice(0, 20);
  for (const id of few) await chunks.content(id);
  const before = backend.reads;
  for (const id of few) await chunks.content(id);
  expect(backend.reads - before).toBe(0);
});

test('a chunk that is damaged in one pack is read from another', async () => {
  const backend = new MemoryBackend();
  const content = new Uint8Array(MIB).fill(7);
  // Two writers that do not know of each other.
  const writers = await Promise.all([chunksOf(backend), chunksOf(backend)]);
  const ids = await Promise.all(writers.map(({ writer }) => writer.putAll([content])));
  for (const { writer } of writers) await writer.flush();
  const packs = [...backend.objects.keys()].filter((name) => name.startsWith('packs/'));
  expect([new Set(ids.flat()).size, packs.length]).toEqual([1, 2]);
  const id = ids[0]![0]!;
  for (const hit of packs) {
    const sound = backend.objects.get(hit)!;
    const pack = Buffer.from(sound);
    // In its content, somewhere behind the header.
    pack[pack.indexOf(Buffer.from(id, 'hex')) + 1000]! ^= 1;
    backend.objects.set(hit, pack);
    const { chunks } = await chunksOf(backend);
    expect((await chunks.content(id)).every((byte) => byte === 7)).toBe(true);
    const used = await new Promise<boolean>((resolve, reject) => {
      chunks.use(id, (bytes) => resolve(bytes.every((byte) => byte === 7))).catch(reject);
    });
    expect(used).toBe(true);
    backend.objects.set(hit, sound);
  }
});
