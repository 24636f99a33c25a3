import { availableParallelism } from 'node:os';
import {
  type GcOptions,
  type GcReport,
  poolEngine,
  type Secret,
  Store,
  type StoreReport,
  type VerifyOptions,
} from '@ckptree/store';

/** The work on a store as a whole. */
export interface Maintenance {
  gc(options: GcOptions): Promise<GcReport>;
  verify(options: VerifyOptions): Promise<StoreReport>;
}

/** @param secrets of an encrypted store; without one it is carried all the same, but neither collected nor verified */
export function storeMaintenance(path: string, secrets: readonly Secret[]): Maintenance {
  const withStore = async <T>(work: (store: Store) => Promise<T>): Promise<T> => {
    const store = await Store.open(path, {
      secrets,
      engine: poolEngine(Math.min(2, availableParallelism())),
    });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  };
  return {
    gc: (options) => withStore((store) => store.gc(options)),
    verify: (options) => withStore((store) => store.verify(options)),
  };
}
