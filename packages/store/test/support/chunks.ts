import { hostOwners, type ObjectBackend } from '@ckptree/store';
import { ChunkReader } from '../../dist/chunk-reader.js';
import { contentHash } from '../../dist/content-hash.js';
import { ChunkIndex } from '../../dist/index/chunk-index.js';
import { inlineEngine } from '../../dist/put/chunk-engine.js';
import { ChunkWriter } from '../../dist/put/chunk-writer.js';
import { SpareSlabs } from '../../dist/put/spare-slabs.js';

export const settings = { codec: 'none', level: 1 } as const;

/** What puts chunks into a backend, and what reads them. Three small ones fill a pack, so that whoever waited for a pack often finds it full. */
export async function chunksOf(backend: ObjectBackend) {
  const hash = contentHash();
  const engine = inlineEngine(settings);
  const index = await ChunkIndex.open(backend, hash);
  const chunks = new ChunkReader(backend, index, engine);
  const writer = new ChunkWriter({
    ...{ backend, storeId: '', owners: hostOwners(), index, chunks, settings, hash, engine },
    slabs: new SpareSlabs(),
    packSize: 10_000,
  });
  return { writer, chunks };
}
