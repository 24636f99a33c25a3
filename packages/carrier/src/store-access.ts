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

  constructor(connection: Connection, { volume, threads, secrets, observer }: StoreAccessOptions) {
    this.#open = async () => {
      const backend = await openCarrier(connection, {
        ...(volume !== undefined && { volume }),
        ...(observer !== undefined && { observer }),
      });
      return Store.openBackend(backend, { engine: poolEngine(threads), secrets });
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

  async close(): Promise<void> {
    const opened = await Promise.allSettled([this.#store]);
    for (const result of opened) if (result.status === 'fulfilled') await result.value?.close();
  }
}
