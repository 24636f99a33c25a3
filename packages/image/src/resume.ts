import { RECORD_HEADER_SIZE } from './constants.js';
import { PIECE_SIZE, type RecordReader } from './record-reader.js';
import { recordTypeName, usualLengths } from './records.js';

/**
 * Moves on behind a damaged record, to the first place where it may end and the next one seems to start.
 * @param lengths that the record may have, in bytes
 * @returns false when there is no such place
 */
export async function resume(reader: RecordReader, lengths: readonly number[]): Promise<boolean> {
  const { position } = reader;
  const possible = lengths.filter((length) => length >= RECORD_HEADER_SIZE).sort((a, b) => a - b);
  for (const length of possible) {
    // What lies further ahead than the window can be looked at by going there only.
    const ahead = length <= PIECE_SIZE ? length : 0;
    if (ahead === 0) reader.advance(position + length - reader.position);
    if (!reader.has(ahead + RECORD_HEADER_SIZE)) await reader.fill(ahead + RECORD_HEADER_SIZE);
    if (startsRecord(reader, ahead)) {
      reader.advance(ahead);
      return true;
    }
  }
  return false;
}

/** Whether a record may start `ahead` bytes further on; it may at the very end, which is reported by itself. */
function startsRecord({ view, offset, available }: RecordReader, ahead: number): boolean {
  if (available < ahead + RECORD_HEADER_SIZE) return available === ahead;
  const name = recordTypeName(view.getUint32(offset + ahead, true));
  return name !== undefined && usualLengths(name).fits(view.getUint32(offset + ahead + 4, true));
}
