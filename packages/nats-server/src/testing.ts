import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NatsServer, type NatsServerOptions } from './nats-server.js';

export interface TestServer {
  readonly server: NatsServer;
  readonly url: string;
  /** Stops the server and removes its folder. */
  remove(): Promise<void>;
}

/** A server for one file of tests: real, of its own, on a free port, in a folder that goes with it. */
export async function testServer(options: Omit<NatsServerOptions, 'dataFolder'> = {}): Promise<TestServer> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'ckptree-nats-'));
  const remove = (): Promise<void> => rm(dataFolder, { recursive: true, force: true });
  try {
    const server = await NatsServer.start({ ...options, dataFolder });
    return {
      server,
      url: server.url,
      remove: async () => {
        await server.kill();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
