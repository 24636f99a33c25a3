import { connect, type Msg, type NatsConnection } from 'nats';

/** What a message on the wire asks for. */
export interface Sighting {
  readonly subject: string;
  /** The JSON of the message: its content, or the header of one whose content is bytes. */
  readonly json: string;
}

/** A connection that hears every message of the cluster, and takes part in nothing. */
export class Wire {
  readonly #connection: NatsConnection;
  readonly #awaited = new Set<{ fits(seen: Sighting): boolean; done(seen: Sighting): void }>();

  private constructor(connection: NatsConnection) {
    this.#connection = connection;
    connection.subscribe('ckptree.v1.>', { callback: (_, message) => this.#hear(message) });
  }

  static async tap(url: string): Promise<Wire> {
    const wire = new Wire(await connect({ servers: url, name: 'tap', maxReconnectAttempts: -1 }));
    await wire.#connection.flush();
    return wire;
  }

  /** The first message from now on that fits. `act` is called the moment it is heard. */
  next(fits: (seen: Sighting) => boolean, act: (seen: Sighting) => void): Promise<Sighting> {
    return new Promise((resolve) => {
      const awaited = {
        fits,
        done: (seen: Sighting) => {
          this.#awaited.delete(awaited);
          act(seen);
          resolve(seen);
        },
      };
      this.#awaited.add(awaited);
    });
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  #hear(message: Msg): void {
    const json = message.headers?.get('Ckptree') || message.string();
    const seen = { subject: message.subject, json };
    for (const awaited of this.#awaited) if (awaited.fits(seen)) awaited.done(seen);
  }
}
