import { randomFillSync } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request, storage } from '@ckptree/protocol';
import { copyAndSync } from '../copy-and-sync.js';
import { gigabytesPerSecond, inTurn, type Series } from '../measure.js';
import type { Measurement, Ratio, ScenarioOptions, Section } from '../scenario.js';
import { inverse } from '../statistics.js';
import { BenchCluster } from './bench-cluster.js';
import { frozenCheckpoint, WARM_UPS } from './frozen-checkpoint.js';
import { NatsPeer } from './nats-peer.js';

const MIB = 2 ** 20;
const WORKERS = 2;
const GOAL = 0.9;

/** How fast a frozen tree becomes durable, in both ways that bytes take, beside what disk and NATS do by themselves. */
export async function durableThroughput(options: ScenarioOptions): Promise<Section[]> {
  const { folder, memoryMiB } = options;
  const start = (carrier: 'volume' | 'nats') =>
    BenchCluster.start({
      folder,
      carrier,
      workers: WORKERS,
      memoryMiB: Math.ceil(memoryMiB * 1.1) + 128,
    });
  const clusters: BenchCluster[] = [];
  try {
    const volume = await start('volume');
    clusters.push(volume);
    const nats = await start('nats');
    clusters.push(nats);
    return [await measure(options, volume, nats)];
  } finally {
    for (const cluster of clusters) await cluster.stop();
  }
}

async function measure(
  { folder, runs, memoryMiB, tell }: ScenarioOptions,
  volume: BenchCluster,
  nats: BenchCluster,
): Promise<Section> {
  const bytes = memoryMiB * MIB;
  const source = join(folder, 'source');
  // A new file each time, as the store's are: pages of the host's cache that were never used before cost several times as much.
  const copies: string[] = [];
  const copied = (): string => {
    copies.push(join(folder, `copied-${copies.length}`));
    return copies.at(-1)!;
  };
  await writeFile(source, randomFillSync(new Uint8Array(bytes)));
  const { pieceBytes } = await request(nats.client.connection, storage.info, {});
  const peer = await NatsPeer.start(nats.natsUrl);
  try {
    tell(
      `making ${memoryMiB} MiB durable ${runs + WARM_UPS} times in each way, in turn with cp and with NATS alone`,
    );
    const things = {
      cp: () => copyAndSync(source, copied()),
      volume1: () => frozenCheckpoint(volume, { memoryMiB, workers: 1 }),
      volume2: () => frozenCheckpoint(volume, { memoryMiB, workers: 2 }),
      publish: () => peer.publish(bytes, pieceBytes, nats.natsPid),
      nats1: () => frozenCheckpoint(nats, { memoryMiB, workers: 1 }),
      nats2: () => frozenCheckpoint(nats, { memoryMiB, workers: 2 }),
    };
    const series = await inTurn(runs, things, WARM_UPS);
    return {
      heading: `${memoryMiB} MiB of random bytes in a frozen tree, from the request for a checkpoint until \`completed\` is in hand`,
      measurements: rows(series, bytes, pieceBytes),
    };
  } finally {
    await peer.stop();
    await rm(source);
    for (const copy of copies) await rm(copy, { force: true });
  }
}

type Name = 'cp' | 'volume1' | 'volume2' | 'publish' | 'nats1' | 'nats2';

function rows(series: Readonly<Record<Name, Series>>, bytes: number, pieceBytes: number): Measurement[] {
  const against = (name: Name, peer: Name, to: string, goal?: number): Ratio => ({
    value: series[peer].seconds.median / series[name].seconds.median,
    to,
    cpu: series[peer].cpuSeconds.median / series[name].cpuSeconds.median,
    ...(goal !== undefined && { goal }),
  });
  const row = (what: string, name: Name, ratio?: Ratio): Measurement => ({
    what,
    unit: 'GB/s',
    figures: inverse(series[name].seconds, (seconds) => gigabytesPerSecond(bytes, seconds)),
    cpuSeconds: series[name].cpuSeconds,
    ...(ratio !== undefined && { ratio }),
  });
  const cp = 'cp + sync';
  const raw = 'NATS alone';
  return [
    row('by claim check, 1 worker', 'volume1', against('volume1', 'cp', cp, GOAL)),
    row('by claim check, 2 workers', 'volume2', against('volume2', 'cp', cp, GOAL)),
    row('the same', 'volume2', against('volume2', 'volume1', '1 worker')),
    row('cp + sync of a file of as many bytes', 'cp'),
    row('over NATS, 1 worker', 'nats1', against('nats1', 'publish', raw, GOAL)),
    row('over NATS, 2 workers', 'nats2', against('nats2', 'publish', raw, GOAL)),
    row('the same', 'nats2', against('nats2', 'nats1', '1 worker')),
    row(`publish to subscribe alone, messages of ${pieceBytes / 1024} KiB`, 'publish'),
  ];
}
