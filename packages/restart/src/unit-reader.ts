import { at, CkptError } from '@ckptree/errors';
import { CHUNK_SIZE_LIMIT, openChunk, RECORD_LIMIT } from '@ckptree/store/chunk';
import { StretchReader } from '@ckptree/store/stretch-reader';
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
  const reader = new StretchReader();
  return {
    read(unit) {
      const [position, length] = [positions[unit]!, unitSize(plan, unit)];
      const bytes = reader.read({ fd, position, length });
      const end = position + bytes.length;
      if (bytes.length < length)
        throw new CkptError('EIO', `${path} ends at byte ${end}, in the middle of a page`, {
          path,
          position: end,
        });
      return bytes;
    },
  };
}

function chunkReader(plan: LoadPlan, { settings, packs, records, ids }: ChunkOrigin): UnitReader {
  const reader = new StretchReader();
  const contents = Buffer.allocUnsafeSlow(CHUNK_SIZE_LIMIT);
  return {
    read(unit) {
      const { fd, name } = packs[records[unit * 3]!]!;
      const [position, length] = [records[unit * 3 + 1]!, records[unit * 3 + 2]!];
      try {
        if (length > RECORD_LIMIT)
          throw new CkptError('EIO', `the index says that a chunk takes ${length} bytes; it is damaged`);
        const content = openChunk(settings, ids[unit]!, reader.read({ fd, position, length }), contents);
        if (content.length < unitSize(plan, unit))
          throw new CkptError('EBADMSG', 'a recipe of the checkpoint names pages behind the end of a chunk');
        return content;
      } catch (error) {
        throw at(error, { path: name, position });
      }
    },
  };
}
