import type { ObjectBackend } from './backend/object-backend.js';
import type { ChunkSettings } from './chunk.js';
import type { ChunkReader } from './chunk-reader.js';
import type { ContentHash } from './content-hash.js';
import type { ChunkIndex } from './index/chunk-index.js';
import type { Owners } from './owner.js';
import type { ChunkEngine } from './put/chunk-engine.js';
import type { SpareSlabs } from './put/spare-slabs.js';

/** What the parts of an open store share. */
export interface StoreContext {
  readonly backend: ObjectBackend;
  readonly storeId: string;
  readonly owners: Owners;
  readonly index: ChunkIndex;
  readonly chunks: ChunkReader;
  readonly settings: ChunkSettings;
  readonly hash: ContentHash;
  /** Of manifests; only in an encrypted store. */
  readonly documentKey?: Uint8Array;
  readonly engine: ChunkEngine;
  /** Buffers that no session uses just now. */
  readonly slabs: SpareSlabs;
  /** Bytes at which a pack is sealed. */
  readonly packSize: number;
}
