import { batchSize, batchStart } from '@ckptree/image';
import { PAGE_SIZE } from '@ckptree/model';
import { fillBatch } from './dump-batch.js';
import { PageArrayChain } from './page-array-chain.js';
import type { Batch } from './plan.js';

/** Bytes of a batch before its page contents. */
export const batchHeadSize = (pages: number): number => batchSize(pages) - pages * PAGE_SIZE;

/** These bytes: the records' headers, and the addresses. */
export function batchHead(batch: Batch): Uint8Array {
  const chain = new PageArrayChain();
  fillBatch(chain, batch);
  return Buffer.concat([batchStart(batch.pages), ...chain.arrays.map((array) => array.addressBytes())]);
}
