import type { Contents } from './chunk-engine.js';

/**
 * Contents in shared memory, as they are told to a thread: each buffer once, for to hand one over costs more than to say where
 * in it a content is.
 */
export interface SharedContents {
  readonly buffers: readonly SharedArrayBuffer[];
  /** Triples (index into `buffers`, byte position, bytes). */
  readonly places: Float64Array;
}

/** @returns undefined when some of them are not in shared memory */
export function shareContents(contents: Contents): SharedContents | undefined {
  const numbers = new Map<SharedArrayBuffer, number>();
  const places = new Float64Array(3 * contents.length);
  for (const [index, { buffer, byteOffset, length }] of contents.entries()) {
    if (!(buffer instanceof SharedArrayBuffer)) return undefined;
    const number = numbers.get(buffer) ?? numbers.size;
    numbers.set(buffer, number);
    places.set([number, byteOffset, length], 3 * index);
  }
  return { buffers: [...numbers.keys()], places };
}

export function contentsIn({ buffers, places }: SharedContents): Uint8Array[] {
  return Array.from({ length: places.length / 3 }, (_, index) => {
    const [number, position, length] = places.subarray(3 * index) as unknown as [number, number, number];
    return new Uint8Array(buffers[number]!, position, length);
  });
}
