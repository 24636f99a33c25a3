import { readSync } from 'node:fs';
import { at, CkptError } from '@ckptree/errors';
import { CHUNK_SIZE_LIMIT, openChunk, RECORD_LIMIT } from '@ckptree/store/chunk';
import { type ChunkOrigin, type FileOrigin, type LoadPlan, type Origin, unitSize } from './load-plan.js';

/** Brings the contents of units to one thread. */
export interface UnitReader {
  /**
   * The contents of a unit, until the next call.
   * @throws EIO they are not there, or damaged; EBADMSG there is less than the tree needs
   */
  read(unit: number): Uint8Array;
}

export const unitReader = (plan: LoadPlan, origin: Origin): UnitReader =>
  origin.kind === 'file' ? fileReader(plan, origin) : chunkReader(plan, origin);

function fileReader(plan: LoadPlan, { fd, path, positions }: FileOrigin): UnitReader {
  const buffer = new GrowingBuffer();
  return {
    read(unit) {
      const bytes = buffer.ofSize(unitSize(plan, unit));
      const position = positions[unit]!;
      const count = readFully(fd, bytes, position);
      if (count < bytes.length)
        throw new CkptError('EIO', `${path} ends at byte ${position + count}, in the middle of a page`, {
          path,
          position: position + count,
        });
      return bytes;
    },
  };
}

function chunkReader(plan: LoadPlan, { settings, packs, records, ids }: ChunkOrigin): UnitReader {
  const buffer = new GrowingBuffer();
  const contents = Buffer.allocUnsafeSlow(CHUNK_SIZE_LIMIT);
  return {
    read(unit) {
      const { fd, name } = packs[records[unit * 3]!]!;
      const [position, length] = [records[unit * 3 + 1]!, records[unit * 3 + 2]!];
      try {
        if (length > RECORD_LIMIT)
          throw new CkptError('EIO', `the index says that a chunk takes ${length} bytes; it is damaged`);
        const record = buffer.ofSize(length);
        const count = readFully(fd, record, position);
        const content = openChunk(settings, ids[unit]!, record.subarray(0, count), contents);
        if (content.length < unitSize(plan, unit))
          throw new CkptError('EBADMSG', 'a recipe of the checkpoint names pages behind the end of a chunk');
        return content;
      } catch (error) {
        throw at(error, { path: name, position });
      }
    },
  };
}

/** A buffer that serves again and again. */
class GrowingBuffer {
  #bytes = Buffer.alloc(0);

  ofSize(size: number): Buffer {
    if (this.#bytes.length < size) this.#bytes = Buffer.allocUnsafeSlow(size);
    return this.#bytes.subarray(0, size);
  }
}

/** @returns bytes read: fewer than asked for when the file ends */
function readFully(fd: number, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.length) {
    const count = readSync(fd, into, done, into.length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}
