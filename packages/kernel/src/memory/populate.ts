import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { CkptError } from '@ckptree/errors';
import type { PhysicalMemoryHandle } from './physical-memory.js';
import type { PopulateData } from './populate.worker.js';

export interface PopulateOptions {
  /** How many threads touch it; as many as there are cores unless said. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

/**
 * Has the host give all of a memory now, and not page by page as it is first used, which is an order of magnitude slower
 * than memory itself. Whoever uses the memory meanwhile sees nothing of it.
 * @throws ENOMEM the host has not so much to give; EINTR cancelled, and what was touched stays so; EIO a thread failed
 */
export async function populate(memory: PhysicalMemoryHandle, options: PopulateOptions = {}): Promise<void> {
  const { threads = availableParallelism(), signal } = options;
  const buffers = [...memory.arenas, memory.control, memory.userfault.words];
  const bytes = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const available = process.availableMemory();
  if (bytes > available)
    throw new CkptError(
      'ENOMEM',
      `cannot populate ${bytes} bytes of memory: ${available} are available; simulate less, or leave it to be committed as it is used`,
    );
  if (signal?.aborted) throw cancelled();
  const workerData: PopulateData = { buffers, next: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) };
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL('./populate.worker.js', import.meta.url), { workerData }),
  );
  const end = (): void => {
    for (const worker of workers) void worker.terminate();
  };
  signal?.addEventListener('abort', end);
  try {
    const exits = await Promise.all(workers.map((worker) => once(worker, 'exit')));
    if (signal?.aborted) throw cancelled();
    if (exits.some(([code]) => code !== 0)) throw new Error('a thread ended early');
  } catch (error) {
    end();
    throw error instanceof CkptError
      ? error
      : new CkptError('EIO', `cannot populate memory: ${(error as Error).message}`, {}, error);
  } finally {
    signal?.removeEventListener('abort', end);
  }
}

const cancelled = (): CkptError => new CkptError('EINTR', 'populating memory was cancelled');
