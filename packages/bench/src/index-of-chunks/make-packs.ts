import { randomBytes } from 'node:crypto';
import { FolderBackend, Store } from '@ckptree/store';
import {
  contentHash,
  HASH_SIZE,
  newPackId,
  PackBuilder,
  packName,
  sealChunk,
} from '@ckptree/store/low-level';

/** In a store of real memory a pack has some hundreds; it is their number that matters here. */
const CHUNKS_PER_PACK = 4000;
const SETTINGS = { codec: 'none', level: 1 } as const;

/** Makes a store with many chunks, each with next to nothing in it, and without an index. */
export async function makePacks(path: string, chunks: number): Promise<void> {
  await (await Store.init(path, { codec: 'none' })).close();
  const backend = await FolderBackend.open(path);
  const hash = contentHash();
  const content = new Uint8Array(1);
  for (let made = 0; made < chunks; ) {
    const id = newPackId();
    const pack = new PackBuilder(id, await backend.draft(packName(id)));
    // Ids are as good as random, and nobody looks here whether one is that of its content.
    const count = Math.min(CHUNKS_PER_PACK, chunks - made);
    pack.add(Array.from({ length: count }, () => sealChunk(SETTINGS, randomBytes(HASH_SIZE), content)));
    made += count;
    await pack.seal(hash);
    await pack.close();
  }
}
