import type { ByteSource } from '@ckptree/model';
import { RECORD_HEADER_SIZE, RECORD_TYPE } from '../constants.js';
import { failureText, LONGEST_FAILURE } from '../grammar/failure.js';
import { RecordReader } from '../record-reader.js';

/**
 * Why the checkpoint failed that left this image, by the text of its ERROR record. Goes by record lengths alone, so it
 * finds the text in an image whose records are otherwise in disorder, as those of a failed checkpoint may be.
 * @returns undefined when there is no such record, or none can be reached
 */
export async function readFailure(source: ByteSource): Promise<string | undefined> {
  const reader = new RecordReader(source);
  let afterError = false;
  for (;;) {
    const most = RECORD_HEADER_SIZE + LONGEST_FAILURE;
    if (!reader.has(afterError ? most : RECORD_HEADER_SIZE)) await reader.fill(most);
    const { view, offset, available } = reader;
    if (available < RECORD_HEADER_SIZE) return undefined;
    const type = view.getUint32(offset, true);
    const length = view.getUint32(offset + 4, true);
    if (length < RECORD_HEADER_SIZE) return undefined;
    if (afterError && type === RECORD_TYPE.STRING) {
      const size = Math.min(available, length, most) - RECORD_HEADER_SIZE;
      return failureText(new Uint8Array(view.buffer, offset + RECORD_HEADER_SIZE, size));
    }
    afterError = type === RECORD_TYPE.ERROR;
    reader.advance(length);
  }
}
