import type { ChunkId } from '../content-hash.js';
import type { PackId } from '../pack/pack-format.js';

/** Where a chunk's record is. */
export interface ChunkPlace {
  readonly pack: PackId;
  readonly offset: number;
  /** Bytes of the record. */
  readonly length: number;
}

export interface IndexEntry extends ChunkPlace {
  readonly id: ChunkId;
}
