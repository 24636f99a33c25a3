import { batchStart } from '@ckptree/image';
import { type ByteSink, frameBytes, PAGE_SIZE } from '@ckptree/model';
import { cancelled } from './cancel.js';
import { fillBatch } from './dump-batch.js';
import { encodeFailure } from './failure-record.js';
import { PageArrayChain } from './page-array-chain.js';
import type { Batch, Plan } from './plan.js';

/**
 * Writes the image in one go, page by page, the way the seed does. It is the reference for the parallel dump, and
 * what goes into a pipe.
 * @param signal stops it between two batches
 * @throws what failed; the stream then ends with an ERROR record that says the same, if the sink still takes it
 */
export async function dumpSequential(plan: Plan, sink: ByteSink, signal?: AbortSignal): Promise<void> {
  await new SequentialDump(sink, signal).run(plan);
}

class SequentialDump {
  readonly #sink: ByteSink;
  readonly #signal: AbortSignal | undefined;
  readonly #chain = new PageArrayChain();
  readonly #scratchPage = new Uint8Array(PAGE_SIZE);
  #position = 0;
  /** False inside of a record, and for good when the sink failed: an ERROR record could not be read there. */
  #betweenRecords = true;

  constructor(sink: ByteSink, signal: AbortSignal | undefined) {
    this.#sink = sink;
    this.#signal = signal;
  }

  async run({ records, batches }: Plan): Promise<void> {
    try {
      let done = 0;
      for (const batch of batches) {
        if (this.#signal?.aborted === true) throw cancelled(this.#signal.reason);
        await this.#writeRecords(records.subarray(done, batch.recordsAt));
        done = batch.recordsAt;
        await this.#dumpBatch(batch);
      }
      await this.#writeRecords(records.subarray(done));
    } catch (error) {
      if (this.#betweenRecords) await this.#write(encodeFailure(error, this.#position));
      throw error;
    }
  }

  async #dumpBatch(batch: Batch): Promise<void> {
    fillBatch(this.#chain, batch);
    this.#betweenRecords = false;
    await this.#write(batchStart(batch.pages));
    for (const pages of this.#chain.arrays) await this.#write(pages.addressBytes());
    for (const pages of this.#chain.arrays)
      for (const frame of pages.frames.subarray(0, pages.used)) {
        this.#scratchPage.set(frameBytes(batch.memory.arenas, frame, 1));
        await this.#write(this.#scratchPage);
      }
    this.#betweenRecords = true;
  }

  async #writeRecords(bytes: Uint8Array): Promise<void> {
    this.#betweenRecords = false;
    await this.#write(bytes);
    this.#betweenRecords = true;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#sink.write(bytes);
    this.#position += bytes.length;
  }
}
