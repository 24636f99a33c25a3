import type { ByteSource } from '@ckptree/model';

/** Bytes in memory as a source. */
export const bytesSource = (bytes: Uint8Array): ByteSource => ({
  read: (position, length) => bytes.subarray(position, position + length),
});
