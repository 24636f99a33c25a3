import { CkptError } from '@ckptree/errors';
import { batchStart } from '@ckptree/image';
import { ARENA_FRAMES, frameBytes, type MemorySnapshot } from '@ckptree/model';
import { fillBatch } from './dump-batch.js';
import { PageArrayChain } from './page-array-chain.js';
import type { Part } from './parts.js';
import { PositionedWriter, type WriterOptions } from './positioned-writer.js';

/**
 * Writes one part of an image to its place in the file. Pages go from shared memory to the file, without a copy.
 * @param fd of the file, open for writing; other threads may write elsewhere in it
 * @throws EBUSY see `fillBatch`; what the writer throws
 */
export function dumpPart(part: Part, fd: number, options: WriterOptions = {}): void {
  const { position, size, records, range, batches } = part;
  const writer = new PositionedWriter(fd, position, options);
  const chain = new PageArrayChain();
  let done = range.start;
  for (const batch of batches) {
    writer.add(records.subarray(done, batch.recordsAt));
    done = batch.recordsAt;
    fillBatch(chain, batch);
    writer.addCopy(batchStart(batch.pages));
    for (const pages of chain.arrays) writer.addCopy(pages.addressBytes());
    addPages(writer, batch.memory, chain);
  }
  writer.add(records.subarray(done, range.end));
  writer.flush();
  if (writer.position !== position + size)
    throw new CkptError(
      'EIO',
      `a part of ${size} bytes became ${writer.position - position} bytes; the image is damaged`,
      {
        position,
      },
    );
}

/** The pages of the chain, adjacent frames as one buffer. */
function addPages(writer: PositionedWriter, memory: MemorySnapshot, chain: PageArrayChain): void {
  let first = 0;
  let count = 0;
  for (const { frames, used } of chain.arrays) {
    for (let index = 0; index < used; index++) {
      const frame = frames[index]!;
      if (count > 0 && frame === first + count && frame % ARENA_FRAMES !== 0) {
        count++;
        continue;
      }
      if (count > 0) writer.add(frameBytes(memory.arenas, first, count));
      first = frame;
      count = 1;
    }
  }
  if (count > 0) writer.add(frameBytes(memory.arenas, first, count));
}
