import { CkptError } from '@ckptree/errors';
import { PAGE_SIZE } from '@ckptree/model';
import { ADDRESS_SIZE, BATCH_PAGES, RECORD_HEADER_SIZE } from '../constants.js';
import { putHeader, putRecord, recordSize } from '../records.js';
import { encode, type RecordTarget } from './target.js';

const TWO_32 = 2 ** 32;
const PAGE_WITH_ADDRESS = ADDRESS_SIZE + PAGE_SIZE;

/** Bytes of the buffer that holds `pages` addresses and pages, its header included. */
export const contentsSize = (pages: number): number => RECORD_HEADER_SIZE + pages * PAGE_WITH_ADDRESS;

/** Bytes of a batch of `pages` pages: PGARR and its buffer. 0 pages: the PGARR that ends the contents. */
export const batchSize = (pages: number): number =>
  recordSize('PGARR') + (pages === 0 ? 0 : contentsSize(pages));

/**
 * A batch up to its addresses: PGARR and the header of the buffer. The addresses follow (u64 each, ascending), then the
 * pages in the same order, as they are; the record is right only when exactly `pages` of them do.
 * @param pages 1 to BATCH_PAGES
 * @throws EINVAL `pages` is out of range
 */
export function batchStart(pages: number): Uint8Array {
  if (!Number.isInteger(pages) || pages < 1 || pages > BATCH_PAGES)
    throw new CkptError('EINVAL', `a batch of ${pages} pages; it has 1 to ${BATCH_PAGES}`);
  return encode((target) => {
    putRecord(target, 'PGARR', { nr_pages: BigInt(pages) });
    const at = target.room(RECORD_HEADER_SIZE);
    putHeader(target.view, at, 'BUFFER', contentsSize(pages));
  });
}

/**
 * A batch up to its pages: `batchStart` and the addresses.
 * @param addresses page addresses, ascending
 * @param count     how many of them, from the first: 1 to BATCH_PAGES
 * @throws EINVAL `count` is out of range
 */
export function pagesHeader(addresses: ArrayLike<number>, count = addresses.length): Uint8Array {
  if (count > addresses.length)
    throw new CkptError('EINVAL', `a batch of ${count} pages has only ${addresses.length} addresses`);
  const start = batchStart(count);
  const bytes = new Uint8Array(start.length + count * ADDRESS_SIZE);
  bytes.set(start);
  const view = new DataView(bytes.buffer, start.length);
  // Numbers, not bigints: this runs once a page.
  for (let index = 0; index < count; index++) {
    const address = addresses[index]!;
    view.setUint32(index * ADDRESS_SIZE, address % TWO_32, true);
    view.setUint32(index * ADDRESS_SIZE + 4, address / TWO_32, true);
  }
  return bytes;
}

/**
 * As pagesHeader(), from runs of pages, into bytes that are there.
 * @param target of the header's size
 * @param runs   ascending; together 1 to BATCH_PAGES pages
 */
export function putPagesHeader(
  target: Uint8Array,
  runs: readonly { readonly address: number; readonly pages: number }[],
): void {
  const start = batchStart(runs.reduce((sum, { pages }) => sum + pages, 0));
  target.set(start);
  const view = new DataView(target.buffer, target.byteOffset + start.length);
  let at = 0;
  for (const { address, pages } of runs) {
    // In halves, which are small integers: this runs once a page.
    let low = (address % TWO_32) | 0;
    let high = Math.floor(address / TWO_32);
    for (const end = at + pages * ADDRESS_SIZE; at < end; at += ADDRESS_SIZE) {
      view.setUint32(at, low, true);
      view.setUint32(at + 4, high, true);
      low = (low + PAGE_SIZE) | 0;
      if (low === 0) high++;
    }
  }
}

/** Ends the contents of a vma: PGARR with 0 pages. */
export const putPagesEnd = (target: RecordTarget): void => putRecord(target, 'PGARR', { nr_pages: 0n });
