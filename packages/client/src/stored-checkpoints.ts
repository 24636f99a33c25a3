import { openCarrier } from '@ckptree/carrier';
import type { Connection } from '@ckptree/protocol';
import { type OpenOptions, Store } from '@ckptree/store';

export interface StoreOptions {
  /** Of an encrypted store. */
  readonly secrets?: OpenOptions['secrets'];
  readonly signal?: AbortSignal;
}

/**
 * The store of the cluster, through the storage services. The caller closes it.
 * @throws EAGAIN, ETIMEDOUT no storage service answers; EPERM no secret fits
 */
export async function openStore(
  connection: Connection,
  volume: string | undefined,
  { secrets, signal }: StoreOptions,
): Promise<Store> {
  const carrier = await openCarrier(connection, {
    ...(volume !== undefined && { volume }),
    ...(signal !== undefined && { signal }),
  });
  return Store.openBackend(carrier, secrets === undefined ? {} : { secrets });
}
