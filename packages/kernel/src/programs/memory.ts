import { PAGE_SIZE } from '@ckptree/model';
import type { Sys } from '../program.js';

/** Zeroed memory of its own mapping. @returns its address, page-aligned */
export const mapMemory = (sys: Sys, length: number): number =>
  sys.mmap({ length: Math.max(length, PAGE_SIZE), prot: { read: true, write: true } });

/** Zeroed memory at the end of the heap. @returns its address, aligned to 16 bytes */
export function heapMemory(sys: Sys, length: number): number {
  const start = Math.ceil(sys.brk() / 16) * 16;
  sys.brk(start + length);
  return start;
}

/** Whether the bytes of memory from `address` up are these. */
export const holds = (sys: Sys, address: number, bytes: Uint8Array): boolean =>
  Buffer.compare(sys.mem.read(address, bytes.length), bytes) === 0;
