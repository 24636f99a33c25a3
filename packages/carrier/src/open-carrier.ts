import type { Connection } from '@ckptree/protocol';
import type { ObjectBackend } from '@ckptree/store';
import { ClaimCheckBackend } from './claim-check-backend.js';
import { NatsBackend } from './nats-backend.js';
import type { PatienceOptions } from './patience.js';

export interface CarrierOptions extends PatienceOptions {
  /** The folder of the store, where this host shares it with the storage services; else all goes over NATS. */
  readonly volume?: string;
}

/** The store of the cluster, reached in the way that is configured. @throws as the two ways do */
export const openCarrier = (connection: Connection, options: CarrierOptions = {}): Promise<ObjectBackend> =>
  options.volume === undefined
    ? NatsBackend.open(connection, options)
    : ClaimCheckBackend.open(connection, options.volume, options);
