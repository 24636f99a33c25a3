import type { Socket } from 'node:net';
import {
  type NatsConnection,
  NatsConnectionImpl,
  type NatsOptions,
  NodeTransport,
  nodeResolveHost,
  setTransportFactory,
} from './nats.js';

/** As `connect` of the library, over sockets that end when they are given up. */
export function connect(options: NatsOptions): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new Transport(), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(options);
}

/**
 * One attempt to reach a server, and the socket that comes of it.
 *
 * The library's own leaves an attempt that took too long to itself. When the server answers after all, the attempt becomes a
 * socket that nobody uses. The server closes it, the library takes that for the end of its connection, makes another one, and
 * leaves the good one to itself: so it goes on for ever, every 15 s, and two sockets feed one parser meanwhile.
 */
class Transport extends NodeTransport {
  #givenUp = false;

  override async dial(server: { hostname: string; port: number }): Promise<Socket> {
    const socket = await super.dial(server);
    if (this.#givenUp) socket.destroy();
    return socket;
  }

  override async close(error?: Error): Promise<void> {
    if (!this.connected) {
      this.#givenUp = true;
      this.socket?.destroy();
    }
    await super.close(error);
  }

  /** The server is silent. The library's own waits until what was written has left, which a full buffer never does. */
  override disconnect(): void {
    void this.close();
  }
}
