import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CkptError } from '@ckptree/errors';
import { Connection, request, worker } from '@ckptree/protocol';
import { connect, type NatsConnection } from 'nats';
import { Samples } from '../engine/samples.js';
import { cpuSeconds, cpuSecondsOf } from './cpu-seconds.js';
import { measureStreams } from './measure-streams.js';
import type { Measured } from './measured.js';
import type { NatsBench } from './nats-bench.js';
import { withOwnServer } from './own-server.js';
import { LISTENERS, ROWS, rowOf, SUBJECT, WORKER_ID } from './responder.js';

const ROUND_TRIPS = 1_000;
const REQUESTS = 20_000;
const IN_FLIGHT = 64;
const FAN_OUTS = 500;
const PAGES = 100;
const BULK_MESSAGES = 600;
const BULK_BYTES = 2 ** 20 - 4096;
const REQUEST_TIMEOUT_MS = 10_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const PREPARE = {
  pid: 1,
  checkpoint: '20261123t153926123-7f3a9c2e',
  tree: 't-5f0c6a1b2d3e',
  roots: [1],
  leaseMs: 1_000,
};

/** @param folder for what JetStream keeps @throws ENOENT there is no nats-server on this machine */
export const measureNats = (folder: string): Promise<Measured> =>
  withOwnServer(folder, async ({ url, pid }) => {
    let responder: ChildProcess | undefined;
    let connection: NatsConnection | undefined;
    let protocol: Connection | undefined;
    try {
      responder = await startResponder(url);
      connection = await connect({ servers: url });
      protocol = await Connection.open({ url, name: 'scale' });
      const bench = { serverPid: pid!, connection, protocol };
      return {
        ...(await ofRoundTrips(bench)),
        ...(await ofRequests(bench)),
        ...(await ofRows(bench)),
        ...(await ofFanOut(bench)),
        ...(await ofBulk(bench)),
        ...(await measureStreams(bench)),
      };
    } finally {
      await protocol?.close();
      await connection?.close();
      responder?.kill('SIGTERM');
    }
  });

async function startResponder(url: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('./responder.js', import.meta.url)), [url]);
  const ended = once(child, 'exit').then(() => {
    throw new CkptError('EPIPE', 'the process at the other end ended before it was ready');
  });
  await Promise.race([once(child, 'message'), ended]);
  ended.catch(() => undefined);
  return child;
}

/** As a coordinator asks a worker: written, validated, sent, answered, validated. */
const ask = ({ protocol }: NatsBench): Promise<unknown> =>
  request(protocol, worker(WORKER_ID).prepare, PREPARE, { timeoutMs: REQUEST_TIMEOUT_MS });

async function ofRoundTrips(bench: NatsBench): Promise<Measured> {
  const times = new Samples();
  for (let count = 0; count < ROUND_TRIPS; count++) {
    const start = performance.now();
    await ask(bench);
    times.add((performance.now() - start) / 1e3);
  }
  return { natsRoundTrip: times.quantile(0.1) };
}

async function ofRequests(bench: NatsBench): Promise<Measured> {
  const cpu = await cpuOf(bench, () => manyInFlight(REQUESTS, IN_FLIGHT, () => ask(bench)));
  return {
    clientRequest: cpu.here / REQUESTS,
    clientReply: cpu.there / REQUESTS,
    serverMessage: cpu.server / REQUESTS / 2,
  };
}

async function ofRows(bench: NatsBench): Promise<Measured> {
  const page = () => request(bench.protocol, worker(WORKER_ID).ps, {}, { timeoutMs: REQUEST_TIMEOUT_MS });
  const cpu = await cpuOf(bench, async () => {
    for (let count = 0; count < PAGES; count++) await page();
  });
  return {
    rowBytes: JSON.stringify(rowOf(1_234_567)).length + 1,
    rowReceive: cpu.here / PAGES / ROWS,
  };
}

async function ofFanOut(bench: NatsBench): Promise<Measured> {
  const message = encoder.encode(JSON.stringify(PREPARE));
  const cpu = await cpuOf(bench, async () => {
    for (let count = 0; count < FAN_OUTS; count++) {
      bench.connection.publish(SUBJECT.fanOut, message);
      // Behind it on the same connection: when this is answered, all of that was received.
      await bench.connection.request(SUBJECT.cpu, '', { timeout: REQUEST_TIMEOUT_MS });
    }
  });
  const deliveries = FAN_OUTS * LISTENERS;
  return { serverDelivery: cpu.server / deliveries, clientReceive: cpu.there / deliveries };
}

async function ofBulk(bench: NatsBench): Promise<Measured> {
  const payload = new Uint8Array(BULK_BYTES);
  const cpu = await cpuOf(bench, () =>
    manyInFlight(BULK_MESSAGES, 8, () =>
      bench.connection.request(SUBJECT.bulk, payload, { timeout: REQUEST_TIMEOUT_MS }),
    ),
  );
  const bytes = BULK_MESSAGES * BULK_BYTES;
  return { serverByte: cpu.server / bytes, clientByte: (cpu.here + cpu.there) / bytes };
}

async function manyInFlight(total: number, inFlight: number, action: () => Promise<unknown>): Promise<void> {
  let left = total;
  const one = async () => {
    while (left-- > 0) await action();
  };
  await Promise.all(Array.from({ length: inFlight }, one));
}

/** Core seconds of the three processes while something is done. */
async function cpuOf(
  { serverPid, connection }: NatsBench,
  action: () => Promise<void>,
): Promise<{ readonly here: number; readonly there: number; readonly server: number }> {
  const there = async () => {
    const { data } = await connection.request(SUBJECT.cpu, '', { timeout: REQUEST_TIMEOUT_MS });
    return (JSON.parse(decoder.decode(data)) as { cpuSeconds: number }).cpuSeconds;
  };
  const before = { server: await cpuSecondsOf(serverPid), there: await there() };
  const start = process.cpuUsage();
  await action();
  const here = cpuSeconds(start);
  return {
    here,
    there: (await there()) - before.there,
    server: (await cpuSecondsOf(serverPid)) - before.server,
  };
}
