import { type Connection, EventPublisher, recordsOf, request, serveAll, worker } from '@ckptree/protocol';
import { newManifestId } from '@ckptree/store';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { connect, type NatsConnection } from 'nats';
import { Workers } from '../dist/cluster/workers.js';
import { startTree } from '../dist/tree/start-tree.js';
import { type BareCluster, bareCluster } from './support/bare-cluster.js';
import { heartbeat } from './support/heartbeat.js';
import { until } from './support/test-cluster.js';

let bare: BareCluster;
let connection: Connection;
/** Takes what a worker is asked, and answers nothing: as one that was killed the moment it heard it. */
let silent: NatsConnection;
let publisher: EventPublisher;
let workers: Workers;
beforeAll(async () => {
  bare = await bareCluster();
  ({ connection } = bare);
  silent = await connect({ servers: bare.url });
  silent.subscribe('ckptree.v1.worker.>', { callback: () => undefined });
  await silent.flush();
});
afterAll(async () => {
  await silent?.close();
  await bare?.stop();
});

beforeEach(async () => {
  publisher = new EventPublisher(connection);
  workers = new Workers({
    connection,
    workers: recordsOf(connection).workers,
    events: publisher,
    treesOn: () => [],
    onJoined: () => undefined,
    onLost: () => undefined,
    onError: (error) => {
      throw error;
    },
  });
  for (const id of ['w1', 'w2']) await beat(id, 1);
  await until(() => workers.isAlive('w1') && workers.isAlive('w2'));
});
afterEach(async () => {
  await workers.close();
  await publisher.close();
});

/** A heartbeat. @param start which start of the worker it is of */
async function beat(id: string, start: number): Promise<void> {
  await recordsOf(connection).workers.put(id, heartbeat(id, start));
}

/** Asks for what never comes. */
const askInVain = (signal: AbortSignal): Promise<unknown> =>
  workers.whileAlive(['w1', 'w2'], signal, (signal) =>
    request(connection, worker('w1').dump, { checkpoint: CHECKPOINT, assignment: { value: {} } }, { signal }),
  );

const CHECKPOINT = newManifestId();
const NEVER = new AbortController().signal;

test.each([
  ['left', 'w1', () => recordsOf(connection).workers.delete('w1')],
  ['left, of those that others are asked for', 'w2', () => recordsOf(connection).workers.delete('w2')],
  ['was started anew', 'w1', () => beat('w1', 2)],
])('nobody waits for the answer of a worker that %s', async (_, gone, lose) => {
  const told = expect(askInVain(NEVER)).rejects.toMatchObject({ code: 'EPIPE', fields: { worker: gone } });
  await lose();
  await told;
});

test('a worker that is not there is not asked for', async () => {
  const never = workers.whileAlive(['w1', 'w9'], NEVER, async (signal) => signal.throwIfAborted());
  await expect(never).rejects.toMatchObject({ code: 'EPIPE', fields: { worker: 'w9' } });
});

test('heartbeats interrupt nothing; who gives up is told why, and what is answered is returned', async () => {
  const giveUp = new AbortController();
  const told = expect(askInVain(giveUp.signal)).rejects.toMatchObject({ code: 'EINTR' });
  for (let beats = 0; beats < 3; beats++) await beat('w1', 1);
  await beat('w3', 1);
  await until(() => workers.isAlive('w3'));
  giveUp.abort();
  await told;
  await expect(workers.whileAlive(['w1'], NEVER, async () => 'answer')).resolves.toBe('answer');
});

test('a worker that lives, and is too busy to say how far it has loaded, is asked again', async () => {
  const { start, restore, status, abandon } = worker('w1');
  let asked = 0;
  let answer: () => void = () => undefined;
  const served = serveAll(
    connection,
    { start, restore, status, abandon },
    {
      restore: async () => ({}),
      status: async () => {
        asked++;
        if (asked === 1) await new Promise<void>((resolve) => (answer = resolve));
        return { state: 'loaded' };
      },
      start: async () => ({ tasks: 7 }),
      abandon: async () => ({}),
    },
  );
  const beats = setInterval(() => void beat('w1', 1), 500);
  try {
    const parts = new Map([['w1', {}]]);
    const tree = { tree: 't-00000000000a', rootPid: 1, parts, checkpoint: CHECKPOINT, signal: NEVER };
    await expect(startTree({ connection, workers }, tree)).resolves.toBe(7);
    expect(asked).toBe(2);
  } finally {
    clearInterval(beats);
    answer();
    await served.stop();
  }
});
