import { CkptError } from '@ckptree/errors';
import type { ChunkReader } from '../chunk-reader.js';
import type { ChunkId } from '../content-hash.js';

/** Chunks that are read and unpacked before they are needed: fewer than are kept, or they would be gone again by then. */
const AHEAD = 16;

/** Bytes of a chunk, and where they go in the target. */
interface Copy {
  readonly from: number;
  readonly to: number;
  readonly size: number;
}

/**
 * What is to be copied out of chunks, chunk by chunk: each is unpacked once, however often the pages of one alternate with
 * those of others.
 */
export class WantedPages {
  /** In the order in which the chunks are first needed. */
  readonly #copies = new Map<ChunkId, Copy[]>();

  add(id: ChunkId, copy: Copy): void {
    const copies = this.#copies.get(id);
    if (copies === undefined) this.#copies.set(id, [copy]);
    else copies.push(copy);
  }

  /** @throws EBADMSG a chunk is too short; EIO one is damaged or missing */
  async copyTo(target: Uint8Array, chunks: ChunkReader): Promise<void> {
    const ids = [...this.#copies.keys()];
    let prepared = 0;
    for (const [index, id] of ids.entries()) {
      // Several at once, so that neighbours are read together.
      if (prepared - index <= AHEAD / 2) {
        chunks.prepare(ids.slice(prepared, index + AHEAD));
        prepared = index + AHEAD;
      }
      await chunks.use(id, (content) => {
        for (const { from, to, size } of this.#copies.get(id)!) {
          if (from + size > content.length)
            throw new CkptError(
              'EBADMSG',
              'a recipe of the checkpoint names pages behind the end of a chunk',
            );
          target.set(content.subarray(from, from + size), to);
        }
      });
    }
  }
}
