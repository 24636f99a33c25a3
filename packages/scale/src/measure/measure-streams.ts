import { Samples } from '../engine/samples.js';
import { cpuSecondsOf } from './cpu-seconds.js';
import type { Measured } from './measured.js';
import type { NatsBench } from './nats-bench.js';

const MESSAGES = 20_000;
const SINGLE_PUTS = 300;
const IN_FLIGHT = 256;
const KEYS = 1_000;

const HEARTBEAT = new TextEncoder().encode(
  JSON.stringify({
    version: 1,
    worker: 'w-0123456789ab',
    at: '2026-11-25T00:00:00.000Z',
    tasks: 1000,
    memory: 8e9,
  }),
);

/** What JetStream takes: events in a stream, heartbeats in a KV bucket, both in files. */
export async function measureStreams({ serverPid, connection }: NatsBench): Promise<Measured> {
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: 'SCALE', subjects: ['scale.event.>'] });
  const stream = connection.jetstream();
  const bucket = await stream.views.kv('scale-workers', { history: 1 });

  const single = new Samples();
  for (let count = 0; count < SINGLE_PUTS; count++) {
    const start = performance.now();
    await bucket.put(`w-${count}`, HEARTBEAT);
    single.add((performance.now() - start) / 1e3);
  }
  const cpuOf = async (action: (count: number) => Promise<unknown>) => {
    const before = await cpuSecondsOf(serverPid);
    await inFlight(MESSAGES, action);
    return ((await cpuSecondsOf(serverPid)) - before) / MESSAGES;
  };
  return {
    streamMessage: await cpuOf((count) => stream.publish(`scale.event.${count % KEYS}`, HEARTBEAT)),
    kvMessage: await cpuOf((count) => bucket.put(`w-${count % KEYS}`, HEARTBEAT)),
    kvPut: single.quantile(0.1),
  };
}

async function inFlight(total: number, action: (count: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < total) await action(next++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, one));
}
