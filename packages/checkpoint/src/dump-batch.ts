import { CkptError } from '@ckptree/errors';
import type { PageArrayChain } from './page-array-chain.js';
import { PageScan } from './page-scan.js';
import type { Batch } from './plan.js';

/**
 * Fills the chain with the pages of a batch.
 * @throws EBUSY they are not as many as were planned: the source wrote into memory that it had given as a snapshot
 */
export function fillBatch(chain: PageArrayChain, { memory, start, end, pages, position }: Batch): void {
  chain.reset();
  const found = chain.fill(new PageScan(memory, start, end));
  if (found !== pages)
    throw new CkptError(
      'EBUSY',
      `memory from ${start.toString(16)} to ${end.toString(16)} has ${found} pages to save and had ${pages} before: the snapshot changed`,
      { position },
    );
}
