import { availableParallelism } from 'node:os';
import { CkptError, errorFromData } from '@ckptree/errors';
import { Piscina } from 'piscina';
import type { DumpAnswer, DumpRequest } from './dump-messages.js';

export interface DumpPoolOptions {
  /** How many parts of an image are written at once; as many as there are cores unless said. */
  readonly threads?: number;
  /**
   * The code of a thread: a CommonJS module that exports `answer`, a function from DumpRequest to DumpAnswer or a
   * promise of one. Not an ES module: Node 20 aborts when a thread that is requiring one is ended.
   */
  readonly worker?: URL;
}

/**
 * The threads that dump. They start at once and stay until `close`, so one pool serves many checkpoints, also several at
 * the same time. An idle pool does not keep the process alive.
 */
export class DumpPool {
  readonly threads: number;
  readonly #piscina: Piscina<DumpRequest, DumpAnswer>;
  #closed = false;

  /** @throws EINVAL `threads` is not a positive integer */
  constructor({ threads = availableParallelism(), worker = DEFAULT_WORKER }: DumpPoolOptions = {}) {
    if (!Number.isInteger(threads) || threads < 1)
      throw new CkptError('EINVAL', `a pool has 1 or more threads, not ${threads}`, { field: 'threads' });
    this.threads = threads;
    this.#piscina = new Piscina({
      filename: worker.href,
      name: 'answer',
      minThreads: threads,
      maxThreads: threads,
      recordTiming: false,
    });
    // A thread that dies at work fails its request, where it is reported. One that dies idle harms nobody:
    // piscina starts another. Without a listener, though, node would end the process for it.
    this.#piscina.on('error', () => undefined);
  }

  /** Waits until every thread has loaded its code. */
  async warmUp(): Promise<void> {
    await Promise.all(Array.from({ length: this.threads }, () => this.run({ kind: 'warm-up' })));
  }

  /**
   * Hands a request to the next thread that is free.
   * @returns bytes written
   * @throws what failed in the thread; EPIPE the thread died, or the pool was closed
   */
  async run(request: DumpRequest): Promise<number> {
    const answer = await this.#ask(request);
    if (!answer.ok) throw errorFromData(answer.error);
    return answer.bytes;
  }

  /** Waits until the threads are done with what they are at, and ends them. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#piscina.close();
  }

  async #ask(request: DumpRequest): Promise<DumpAnswer> {
    // piscina itself would start again.
    if (this.#closed) throw new CkptError('EPIPE', 'the pool of dump threads is closed');
    try {
      return await this.#piscina.run(request);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CkptError('EPIPE', `a dump thread is gone before it was done: ${why}`, {}, error);
    }
  }
}

const DEFAULT_WORKER = new URL('./dump.worker.cjs', import.meta.url);
