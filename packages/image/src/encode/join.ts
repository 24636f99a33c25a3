import { allocate } from '../slab.js';

/** The parts one behind the other. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const { bytes } = allocate(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.length;
  }
  return bytes;
}
