import { testServer } from '@ckptree/nats-server/testing';
import { Connection, ensureCluster } from '@ckptree/protocol';

/** A NATS server with all that a cluster keeps in it, and none of its services. */
export interface BareCluster {
  readonly url: string;
  readonly connection: Connection;
  stop(): Promise<void>;
}

export async function bareCluster(): Promise<BareCluster> {
  const nats = await testServer();
  const connection = await Connection.open({ url: nats.url, name: 'test' });
  await ensureCluster(connection);
  return {
    url: nats.url,
    connection,
    stop: async () => {
      await connection.close();
      await nats.remove();
    },
  };
}
