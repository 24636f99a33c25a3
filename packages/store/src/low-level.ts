/** For tools that go below sessions: to make packs of their own, or to look at an index without a store. */
export { sealChunk } from './chunk.js';
export { contentHash, HASH_SIZE, hexId } from './content-hash.js';
export { ChunkIndex } from './index/chunk-index.js';
export { newPackId, PackBuilder } from './pack/pack-builder.js';
export { packName } from './pack/pack-reader.js';
export { zstdCompress } from './zstd.js';
