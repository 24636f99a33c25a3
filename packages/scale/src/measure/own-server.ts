import { mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { NatsServer } from '@ckptree/nats-server';

/** A nats-server of our own for as long as something is done with it. @throws ENOENT there is none on this machine */
export async function withOwnServer<Result>(
  parent: string,
  action: (server: NatsServer) => Promise<Result>,
): Promise<Result> {
  const dataFolder = await mkdtemp(join(resolve(parent), 'ckptree-nats-'));
  try {
    const server = await NatsServer.start({ dataFolder });
    try {
      return await action(server);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(dataFolder, { recursive: true, force: true });
  }
}
