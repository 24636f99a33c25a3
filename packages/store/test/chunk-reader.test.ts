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
