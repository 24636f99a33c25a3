import { type Client, connect } from '@ckptree/client';
import { type TestServer, testServer } from '@ckptree/nats-server/testing';
import { Connection, ensureCluster } from '@ckptree/protocol';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { type Script, ScriptedCoordinator, type Step } from './scripted-coordinator.js';

/** What a coordinator answers that has started a tree, and the events of a checkpoint of it that succeeds. */
export const started = { tree: 't-5f0c6a1b2d3e', rootPid: 1, tasks: 3, workers: ['w1'] };
export const figures = { tasks: 3, downtimeUs: 2_000 };
export const succeeding: Step[] = [
  { type: 'accepted' },
  { type: 'prepared', workers: ['w1'], figures: {} },
  { type: 'resumed', figures },
  { type: 'progress', worker: 'w1', bytes: 1, totalBytes: 2 },
  { type: 'stored', figures },
  { type: 'completed', figures },
];

export interface Sdk {
  readonly nats: TestServer;
  /** A client of its own for whoever asks. */
  client(): Promise<Client>;
  /** One that is there when it resolves. */
  coordinatorWith(
    handlers: ConstructorParameters<typeof ScriptedCoordinator>[1],
    script?: Script,
  ): Promise<ScriptedCoordinator>;
}

/** A server with all that a cluster keeps in it, for one test file. After each test it runs, and has no clients and coordinators. */
export function sdkOnServer(): Sdk {
  let nats: TestServer;
  const clients: Client[] = [];
  const coordinators: { readonly part: ScriptedCoordinator; readonly connection: Connection }[] = [];
  beforeAll(async () => {
    nats = await testServer();
    const connection = await Connection.open({ url: nats.url, name: 'test' });
    await ensureCluster(connection);
    await connection.close();
  });
  afterEach(async () => {
    await nats.server.start();
    for (const { part, connection } of coordinators.splice(0)) {
      await part.stop();
      await connection.close();
    }
    for (const client of clients.splice(0)) await client.close();
  });
  afterAll(() => nats.remove());
  return {
    get nats() {
      return nats;
    },
    async client() {
      const connected = await connect({ url: nats.url });
      clients.push(connected);
      return connected;
    },
    async coordinatorWith(handlers, script) {
      const connection = await Connection.open({ url: nats.url, name: 'coordinator' });
      const part = new ScriptedCoordinator(connection, handlers, script);
      coordinators.push({ part, connection });
      await part.ready();
      return part;
    },
  };
}

/** Waits for something that must come; a test that waits in vain fails by its own time limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}
