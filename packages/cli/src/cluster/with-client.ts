import { type Client, connect } from '@ckptree/client';
import type { Session } from '../session.js';
import { type ClusterOptions, connectOptions } from './cluster-options.js';

/** Talks to the cluster for as long as `use` takes. @throws ETIMEDOUT nobody is there; EPERM; what `use` throws */
export async function withClient<Result>(
  options: ClusterOptions,
  { signal }: Session,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = await connect({ ...connectOptions(options), signal });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
