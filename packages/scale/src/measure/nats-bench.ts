import type { Connection } from '@ckptree/protocol';
import type { NatsConnection } from 'nats';

/** A server and connections to it: one as the services have it, and one of the NATS client by itself. */
export interface NatsBench {
  readonly serverPid: number;
  readonly connection: NatsConnection;
  readonly protocol: Connection;
}
