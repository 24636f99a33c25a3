import { workerData } from 'node:worker_threads';
import { PAGE_SIZE } from '@ckptree/model';

export interface PopulateData {
  readonly buffers: readonly SharedArrayBuffer[];
  /** One word: the part that nobody has taken yet. */
  readonly next: SharedArrayBuffer;
}

/** Bytes that a thread takes at a time. */
const PART = 16 * 2 ** 20;
const WORDS_PER_PAGE = PAGE_SIZE / Int32Array.BYTES_PER_ELEMENT;

const { buffers, next } = workerData as PopulateData;
const taken = new Int32Array(next);
const parts = buffers.flatMap((buffer) =>
  Array.from({ length: Math.ceil(buffer.byteLength / PART) }, (_, part) => {
    const bytes = Math.min(PART, buffer.byteLength - part * PART);
    return new Int32Array(buffer, part * PART, bytes >>> 2);
  }),
);

// Atomic so that no two threads take the same part.
for (let part = Atomics.add(taken, 0, 1); part < parts.length; part = Atomics.add(taken, 0, 1)) {
  const words = parts[part]!;
  // To add nothing is a write, for which the host must give the page; atomic, as others may be writing there.
  for (let word = 0; word < words.length; word += WORDS_PER_PAGE) Atomics.add(words, word, 0);
}
