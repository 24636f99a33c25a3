import { randomBytes } from 'node:crypto';
import { FolderBackend, Store } from '@ckptree/store';
import {
  contentHash,
  HASH_SIZE,
  PackBuilder,
  packBufferSize,
  packName,
  sealChunk,
} from '@ckptree/store/low-level';

/** In a store of real memory a pack has some hundreds; it is their number that matters here. */
const CHUNKS_PER_PACK = 4000;
const PACK_SIZE = 1024 * 1024;
const SETTINGS = { codec: 'none', level: 1 } as const;

/** Makes a store with many chunks, each with next to nothing in it, and without an index. */
export async function makePacks(path: string, chunks: number): Promise<void> {
  await (await Store.init(path, { codec: 'none' })).close();
  const backend = await FolderBackend.open(path);
  const buffer = new Uint8Array(packBufferSize(PACK_SIZE));
  const hash = contentHash();
  const content = new Uint8Array(1);
  for (let made = 0; made < chunks; ) {
    const pack = new PackBuilder(buffer);
    for (; made < chunks && pack.entries.length < CHUNKS_PER_PACK; made++) {
      // Ids are as good as random, and nobody looks here whether one is that of its content.
      const { header, payload } = sealChunk(SETTINGS, randomBytes(HASH_SIZE), content);
      pack.add(Buffer.concat([header, payload]));
    }
    await backend.put(packName(pack.id), pack.finish(hash));
  }
}
