import { CkptError } from '@ckptree/errors';
import { PAGE_SIZE } from '@ckptree/model';
import { ADDRESS_SIZE, BATCH_PAGES, RECORD_HEADER_SIZE } from '../constants.js';
import { encodeRecord, putHeader, recordSize } from '../records.js';

const TWO_32 = 2 ** 32;
const PAGE_WITH_ADDRESS = ADDRESS_SIZE + PAGE_SIZE;

/** Bytes of the buffer that holds `pages` addresses and pages, its header included. */
export const contentsSize = (pages: number): number => RECORD_HEADER_SIZE + pages * PAGE_WITH_ADDRESS;

/** Bytes of a batch of `pages` pages: PGARR and its buffer. 0 pages: the PGARR that ends the contents. */
export const batchSize = (pages: number): number =>
  recordSize('PGARR') + (pages === 0 ? 0 : contentsSize(pages));

/**
 * A batch up to its pages: PGARR, the header of the buffer, the addresses. The pages follow in the same order, as
 * they are; the record is right only when exactly `count` of them do.
 * @param addresses page addresses, ascending
 * @param count     how many of them, from the first: 1 to BATCH_PAGES
 * @throws EINVAL `count` is out of range
 */
export function pagesHeader(addresses: ArrayLike<number>, count = addresses.length): Uint8Array {
  if (!Number.isInteger(count) || count < 1 || count > Math.min(BATCH_PAGES, addresses.length))
    throw new CkptError(
      'EINVAL',
      `a batch of ${count} pages; it has 1 to ${BATCH_PAGES}, and an address each`,
    );
  const pgarr = encodeRecord('PGARR', { nr_pages: BigInt(count) });
  const bytes = new Uint8Array(pgarr.length + RECORD_HEADER_SIZE + count * ADDRESS_SIZE);
  bytes.set(pgarr);
  const view = putHeader(bytes.subarray(pgarr.length), 'BUFFER', contentsSize(count));
  // Numbers, not bigints: this runs once a page.
  for (let index = 0, at = RECORD_HEADER_SIZE; index < count; index++, at += ADDRESS_SIZE) {
    const address = addresses[index]!;
    view.setUint32(at, address % TWO_32, true);
    view.setUint32(at + 4, address / TWO_32, true);
  }
  return bytes;
}

/** Ends the contents of a vma: PGARR with 0 pages. */
export const encodePagesEnd = (): Uint8Array => encodeRecord('PGARR', { nr_pages: 0n });
