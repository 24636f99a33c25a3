import { CkptError, type ErrorData } from '@ckptree/errors';
import type { PhysicalMemory } from '@ckptree/kernel/memory';
import { Piscina } from 'piscina';
import type { LoadRequest, LoadThreadData } from './load.worker.js';

/** Threads that bring contents into frames. They start at once, so that they are there when a plan is. */
export class LoadPool {
  readonly threads: number;
  readonly #piscina: Piscina<LoadRequest, ErrorData | undefined>;

  constructor(memory: PhysicalMemory, threads: number) {
    this.threads = threads;
    const workerData: LoadThreadData = { memory: memory.handle };
    this.#piscina = new Piscina({
      filename: new URL('./load.worker.cjs', import.meta.url).href,
      name: 'load',
      minThreads: threads,
      maxThreads: threads,
      workerData,
      // Host descriptors belong to the process: this thread opens and closes them.
      trackUnmanagedFds: false,
      recordTiming: false,
    });
    // A thread that dies at work fails its request, where it is reported.
    this.#piscina.on('error', () => undefined);
  }

  /**
   * Has one thread do this.
   * @returns the first failure
   * @throws EPIPE the thread died, or the pool was closed
   */
  async run(request: LoadRequest): Promise<ErrorData | undefined> {
    try {
      return await this.#piscina.run(request);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CkptError('EPIPE', `a thread that loads pages is gone: ${why}`, {}, error);
    }
  }

  /** Ends the threads, whatever they are at. */
  close(): Promise<void> {
    return this.#piscina.destroy();
  }
}
