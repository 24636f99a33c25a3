import { hostOwners } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { ChunkReader } from '../dist/chunk-reader.js';
import { contentHash } from '../dist/content-hash.js';
import { ChunkIndex } from '../dist/index/chunk-index.js';
import { inlineEngine } from '../dist/put/chunk-engine.js';
import { ChunkWriter } from '../dist/put/chunk-writer.js';
import { SpareSlabs } from '../dist/put/spare-slabs.js';
import { page } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const settings = { codec: 'none', level: 1 } as const;

describe('a chunk writer', () => {
  test('keeps every chunk when several callers fill packs at once', async () => {
    const backend = new MemoryBackend();
    const hash = contentHash();
    const engine = inlineEngine(settings);
    const index = await ChunkIndex.open(backend, hash);
    const chunks = new ChunkReader(backend, index, engine);
    const owners = hostOwners();
    // Three chunks to a pack, so that whoever waited for a pack often finds it full.
    const writer = new ChunkWriter({
      ...{ backend, owners, index, chunks, settings, hash, engine },
      slabs: new SpareSlabs(),
      packSize: 10_000,
    });
    const contents = Array.from({ length: 100 }, (_, seed) => page(seed));
    const ids = await Promise.all(contents.map((content) => writer.put(content)));
    await writer.flush();
    for (const [seed, id] of ids.entries())
      expect(Buffer.from(await chunks.content(id)).equals(contents[seed]!)).toBe(true);
    expect(writer.written.chunks).toBe(100);
  });
});
