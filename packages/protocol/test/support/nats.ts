import { setTimeout as sleep } from 'node:timers/promises';
import { type TestServer, testServer } from '@ckptree/nats-server/testing';
import { Connection, type ConnectionOptions, ensureCluster, type Observation } from '@ckptree/protocol';
import { connect, type NatsConnection } from 'nats';

/** A server for one file of tests, with connections that go with it. */
export class TestNats {
  readonly #test: TestServer;
  readonly #connections: Connection[] = [];
  readonly #raw: NatsConnection[] = [];

  private constructor(test: TestServer) {
    this.#test = test;
  }

  static async start(options: { readonly include?: string } = {}): Promise<TestNats> {
    return new TestNats(await testServer(options));
  }

  get server() {
    return this.#test.server;
  }

  get url(): string {
    return this.#test.url;
  }

  async open(options: Partial<ConnectionOptions> = {}): Promise<Connection> {
    const connection = await Connection.open({ url: this.url, name: 'test', ...options });
    this.#connections.push(connection);
    return connection;
  }

  /** A connection with what it was told of messages. */
  async observed(): Promise<{ readonly connection: Connection; readonly seen: Observation[] }> {
    const seen: Observation[] = [];
    return { connection: await this.open({ observe: (observation) => seen.push(observation) }), seen };
  }

  /** A connection to a server on which the streams and buckets are. */
  async cluster(): Promise<Connection> {
    const connection = await this.open();
    await ensureCluster(connection);
    return connection;
  }

  /** A client that knows nothing of ckptree. */
  async raw(): Promise<NatsConnection> {
    const connection = await connect({ servers: this.url });
    this.#raw.push(connection);
    return connection;
  }

  async closeConnections(): Promise<void> {
    await Promise.all(this.#connections.splice(0).map((connection) => connection.close()));
    await Promise.all(this.#raw.splice(0).map((connection) => connection.close()));
  }

  async remove(): Promise<void> {
    await this.closeConnections();
    await this.#test.remove();
  }
}

export async function until(condition: () => boolean, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it did not come to pass in time');
    await sleep(10);
  }
}

/** As many items as are wanted. */
export async function take<T>(count: number, source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) {
    items.push(item);
    if (items.length === count) break;
  }
  return items;
}

let ids = 0;
export const newCheckpoint = (): string => `20261123t153926123-${(++ids).toString(16).padStart(8, '0')}`;
