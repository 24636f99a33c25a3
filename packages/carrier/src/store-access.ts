import { CkptError } from '@ckptree/errors';
import type { Connection } from '@ckptree/protocol';
import { poolEngine, type Secret, Store } from '@ckptree/store';
import type { CarrierObserver } from './observer.js';
import { openCarrier } from './open-carrier.js';

export interface StoreAccessOptions {
  /** The folder of the store, where this host shares it with the storage services. */
  readonly volume?: string;
  /** Threads that hash and compress; as many as there are cores unless said. */
  readonly threads?: number;
  readonly secrets: readonly Secret[];
  readonly observer?: CarrierObserver;
}

/**
 * The store of the cluster, opened when it is first needed: services start before there is any storage service.
 */
export class StoreAccess {
  readonly #open: () => Promise<Store>;
  #store: Promise<Store> | undefined;
  #isOpen = false;
  readonly #end = new AbortController();

  constructor(connection: Connection, { volume, threads, secrets, observer }: StoreAccessOptions) {
    this.#open = async () => {
      const backend = await openCarrier(connection, {
        ...(volume !== undefined && { volume }),
        ...(observer !== undefined && { observer }),
        signal: this.#end.signal,
      });
      const store = await Store.openBackend(backend, { engine: poolEngine(threads), secrets });
      this.#isOpen = true;
      return store;
    };
  }

  /** @throws what opening it throws; the next call tries again */
  async store(): Promise<Store> {
    this.#store ??= this.#open();
    try {
      return await this.#store;
    } catch (error) {
      this.#store = undefined;
      throw error;
    }
  }

  /** What is under way comes to its end; but storage that does not answer is not waited for to open the store. */
  async close(): Promise<void> {
    if (!this.#isOpen) this.#end.abort(new CkptError('EINTR', 'the store is not needed any more'));
    const opened = await Promise.allSettled([this.#store]);
    for (const result of opened) if (result.status === 'fulfilled') await result.value?.close();
  }
}
