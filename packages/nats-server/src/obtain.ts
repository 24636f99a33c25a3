import { CkptError } from '@ckptree/errors';
import { NatsServer, type NatsServerOptions } from './nats-server.js';

export interface ObtainOptions extends NatsServerOptions {
  /** The address of a server that runs. With one, none is started. */
  readonly url?: string;
}

export interface Obtained {
  readonly url: string;
  /** The server that was started for this; none when there was one already. */
  readonly server?: NatsServer;
  /** Stops what was started. */
  stop(): Promise<void>;
}

/** The server at an address, or one of our own. @throws EINVAL that is no address; what NatsServer.start() throws */
export async function obtainNats(options: ObtainOptions): Promise<Obtained> {
  const { url } = options;
  if (url !== undefined) {
    checkUrl(url);
    return { url, stop: async () => undefined };
  }
  const server = await NatsServer.start(options);
  return { url: server.url, server, stop: () => server.stop() };
}

function checkUrl(url: string): void {
  for (const one of url.split(','))
    if (!/^(?:(?:nats|tls):\/\/)?[^/\s]+$/.test(one))
      throw new CkptError(
        'EINVAL',
        `${JSON.stringify(one)} is no address of a NATS server: nats://HOST:PORT`,
      );
}
