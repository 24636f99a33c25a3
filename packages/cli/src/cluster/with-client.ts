import { type Client, connect } from '@ckptree/client';
import type { Session } from '../session.js';
import { type ClusterOptions, connectOptions } from './cluster-options.js';

/** Talks to the cluster for as long as `use` takes. @throws ETIMEDOUT nobody is there; EPERM; what `use` throws */
export async function withClient<Result>(
  options: ClusterOptions,
  { signal, say }: Session,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = await connect({ ...connectOptions(options), signal });
  // It may last, and without a word would look as if nothing happened in the cluster.
  client.onStatus((status) => {
    if (status === 'disconnected') say('the connection to the cluster is lost; waiting until it is back');
    else if (status === 'connected') say('the connection to the cluster is back');
  });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
