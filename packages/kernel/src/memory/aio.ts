import { CkptError } from '@ckptree/errors';
import type { FileObject } from './file-object.js';

/** An asynchronous read that was submitted and not yet done. */
export interface AioRequest {
  readonly file: FileObject;
  /** Where the bytes go in the address space. */
  readonly address: number;
  /** Bytes. */
  readonly count: number;
  /** Byte position in the file. */
  readonly offset: number;
}

/** A context of asynchronous requests, as io_setup() makes them. */
export interface AioContext {
  readonly id: number;
  /** How many requests may be outstanding. */
  readonly maxRequests: number;
  /** Outstanding ones, in the order in which they were submitted. */
  readonly requests: readonly AioRequest[];
}

/** The contexts of an address space (mm->ioctx_list). Those who submit requests hold their files. */
export class AioContexts {
  readonly #contexts: Map<number, AioContext>;

  constructor(contexts: readonly AioContext[] = []) {
    this.#contexts = new Map(contexts.map((context) => [context.id, context]));
  }

  get list(): readonly AioContext[] {
    return [...this.#contexts.values()];
  }

  /** Requests that are not done, of all contexts. */
  get outstanding(): number {
    return this.list.reduce((sum, { requests }) => sum + requests.length, 0);
  }

  /** @returns the new context's id */
  setup(maxRequests: number): number {
    if (!(Number.isInteger(maxRequests) && maxRequests > 0))
      throw new CkptError('EINVAL', `an aio context for ${maxRequests} requests: must be at least 1`);
    const id = Math.max(0, ...this.#contexts.keys()) + 1;
    this.#contexts.set(id, { id, maxRequests, requests: [] });
    return id;
  }

  /** @throws EINVAL no such context; EAGAIN it has as many requests as it may */
  submit(id: number, request: AioRequest): void {
    const context = this.#get(id);
    if (context.requests.length >= context.maxRequests)
      throw new CkptError(
        'EAGAIN',
        `aio context ${id} has ${context.maxRequests} requests outstanding, its limit`,
      );
    this.#contexts.set(id, { ...context, requests: [...context.requests, request] });
  }

  /** Takes all outstanding requests of a context out of it. @throws EINVAL no such context */
  complete(id: number): readonly AioRequest[] {
    const context = this.#get(id);
    this.#contexts.set(id, { ...context, requests: [] });
    return context.requests;
  }

  #get(id: number): AioContext {
    const context = this.#contexts.get(id);
    if (context === undefined) throw new CkptError('EINVAL', `no aio context ${id} in this address space`);
    return context;
  }
}
