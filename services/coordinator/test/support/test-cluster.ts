import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type ConnectOptions, connect } from '@ckptree/client';
import { LocalCluster, type LocalClusterOptions } from '@ckptree/local-cluster';
import { Wire } from './wire.js';

/** A worker of a test needs little, but for its tasks to run. */
export const FAST_WORKER = ['--cpus', '1', '--threads', '1', '--memory', '256M'];
/** Its tasks write all the time, and yet leave the processor to what is tested. */
export const SMALL_WORKER = [...FAST_WORKER, '--ticks-per-second', '20000'];

export interface TestCluster {
  readonly cluster: LocalCluster;
  readonly client: Client;
  readonly folder: string;
  /** Hears every message, until the cluster is stopped. */
  tap(): Promise<Wire>;
  stop(): Promise<void>;
}

/**
 * A real cluster in a folder of its own: nats-server and every service a process, on free ports.
 * @param access who the client is, where not everybody may do everything
 */
export async function testCluster(
  options: Partial<LocalClusterOptions> = {},
  access: ConnectOptions = {},
): Promise<TestCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'ckptree-cluster-'));
  const { NATS_URL: _, ...env } = process.env;
  const cluster = await LocalCluster.start({
    dataFolder: folder,
    env,
    ...options,
    args: { worker: SMALL_WORKER, ...options.args },
  });
  const client = await connect({ url: cluster.natsUrl, ...access });
  await until(async () => (await client.workers()).length === (options.workers ?? 1));
  const wires: Wire[] = [];
  return {
    cluster,
    client,
    folder,
    tap: async () => {
      const wire = await Wire.tap(cluster.natsUrl);
      wires.push(wire);
      return wire;
    },
    stop: async () => {
      for (const wire of wires) await wire.close();
      await client.close();
      await cluster.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits for something that must come; a test that waits in vain fails by its own time limit. */
export async function until(condition: () => Promise<boolean> | boolean, everyMs = 50): Promise<void> {
  while (!(await condition())) await sleep(everyMs);
}
