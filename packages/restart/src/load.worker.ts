import { workerData } from 'node:worker_threads';
import { type ErrorData, errorToData } from '@ckptree/errors';
import { PhysicalMemory, type PhysicalMemoryHandle } from '@ckptree/kernel';
import { type LoadPart, loadPart } from './load-part.js';

const memory = PhysicalMemory.attach((workerData as { memory: PhysicalMemoryHandle }).memory);

/** One task of the pool. Errors come back as data: the pool would lose their codes. */
export function load(part: LoadPart): ErrorData | undefined {
  try {
    loadPart(memory, part);
    return undefined;
  } catch (error) {
    return errorToData(error);
  } finally {
    memory.releaseBlock();
  }
}
