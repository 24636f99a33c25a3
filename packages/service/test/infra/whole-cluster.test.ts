import { join } from 'node:path';
import { Connection, coordinator, queueRequest, readEvents, request } from '@ckptree/protocol';
import { ALL_METRICS, type MetricDefinition } from '@ckptree/service';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ClusterProcess } from '../support/cluster-process.js';
import { parseExposition } from '../support/exposition.js';
import { Nats, passwordOf } from '../support/nats.js';
import { eventually, scratchFolder } from '../support/service.js';

/** Six processes start at once, on a machine that may be busy with other tests. */
const PATIENCE_MS = 180_000;
const CHECKPOINT = '20261123t153926123-7f3a9c2e';
const store = join(scratchFolder(), 'store');

describe('a cluster whose NATS lets each role do its own work only', () => {
  let nats: Nats;
  let client: Connection;
  const services: ClusterProcess[] = [];

  beforeAll(async () => {
    nats = await Nats.start('nats-server.conf');
    const worker = (id: string) => ['--id', id, '--memory', '64M', '--cpus', '1', '--threads', '1'];
    services.push(
      ClusterProcess.start('storage', nats.url, ['--store', store, '--init']),
      ClusterProcess.start('worker', nats.url, worker('w1')),
      ClusterProcess.start('worker', nats.url, [...worker('w2'), '--volume', store]),
      ClusterProcess.start('coordinator', nats.url, ['--id', 'c1']),
    );
    await Promise.all(services.map((service) => service.ready()));
    client = await Connection.open({
      url: nats.url,
      name: 'the client',
      user: 'client',
      password: passwordOf('client'),
      inboxPrefix: '_INBOX_client',
    });
  }, PATIENCE_MS);
  afterAll(async () => {
    await client?.close();
    await Promise.all(services.map((service) => service.stop('SIGKILL')));
    await nats?.stop();
  });

  test(
    'spawns a tree over two workers, saves it, loses it, and restarts it; nothing is refused',
    async () => {
      await eventually('a coordinator leads and both workers are there', async () => {
        const workers = await request(client, coordinator.workers, {}).catch(() => ({ workers: [] }));
        return workers.workers.length === 2;
      });
      const task = { program: 'idle', params: { memoryMiB: 1, pattern: 'text', forever: true } };
      const spec = { root: { ...task, children: [task] } };
      const placement = { 1: 'w1', 2: 'w2' };
      const { rootPid, workers } = await request(client, coordinator.spawn, { spec, placement });
      expect([...workers].sort()).toEqual(['w1', 'w2']);

      const requested = new Date().toISOString();
      await queueRequest(client, { version: 1, checkpoint: CHECKPOINT, pid: rootPid, requested });
      const types: string[] = [];
      const filter = { checkpoint: CHECKPOINT };
      for await (const { event } of readEvents(client, { from: { at: 'beginning' }, filter })) {
        types.push(event.type);
        if (event.type === 'failed') throw new Error(JSON.stringify(event));
        if (event.type === 'completed') break;
      }
      expect(types.filter((type) => type !== 'progress')).toEqual([
        'accepted',
        'prepared',
        'resumed',
        'stored',
        'completed',
      ]);

      await request(client, coordinator.signal, { pid: rootPid, signal: 'kill' });
      const restarted = await eventually('the tree is restarted', () =>
        request(client, coordinator.restart, { checkpoint: CHECKPOINT, on: 'w1' }).catch(() => undefined),
      );
      expect(restarted).toMatchObject({ workers: ['w1'], tasks: 2 });
      await request(client, coordinator.signal, { pid: restarted.rootPid, signal: 'kill' });

      const refused = services.flatMap(({ complaints }) => complaints.filter(({ err }) => isRefusal(err)));
      expect(refused).toEqual([]);
    },
    PATIENCE_MS,
  );

  const isRefusal = (error: unknown): boolean => JSON.stringify(error ?? '').includes('EPERM');

  test('tells in its metrics what was done', async () => {
    const samples = (
      await Promise.all(services.map(async (service) => parseExposition(await service.metrics())))
    ).flat();
    const sumOf = (name: string, labels: Readonly<Record<string, string>> = {}) =>
      samples
        .filter((sample) => sample.name === name)
        .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
        .reduce((sum, { value }) => sum + value, 0);
    expect(sumOf('ckptree_coordinator_leader')).toBe(1);
    expect(sumOf('ckptree_checkpoints_total')).toBe(1);
    expect(sumOf('ckptree_checkpoints_total', { outcome: 'completed' })).toBe(1);
    expect(sumOf('ckptree_checkpoint_downtime_seconds_count')).toBe(1);
    expect(sumOf('ckptree_checkpoint_duration_seconds_count')).toBe(1);
    expect(sumOf('ckptree_checkpoint_step_duration_seconds_count')).toBe(3);
    expect(sumOf('ckptree_checkpoint_bytes_total', { kind: 'image' })).toBeGreaterThan(2 * 2 ** 20);
    expect(sumOf('ckptree_checkpoint_last_completed_timestamp_seconds')).toBeGreaterThan(
      Date.now() / 1e3 - 3_600,
    );
    expect(sumOf('ckptree_restarts_total', { outcome: 'restarted' })).toBe(1);
    expect(sumOf('ckptree_worker_dumps_total', { outcome: 'sealed' })).toBe(2);
    expect(sumOf('ckptree_worker_stood_still_seconds_count')).toBe(2);
    expect(sumOf('ckptree_carrier_bytes_total', { direction: 'write' })).toBeGreaterThan(0);
    expect(sumOf('ckptree_storage_bytes_total', { direction: 'in' })).toBeGreaterThan(0);
  });

  test('has every metric that docs/metrics.md lists', async () => {
    const texts = await Promise.all(services.map((service) => service.metrics()));
    const names = new Set(
      texts.flatMap((text) => [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)),
    );
    const tables = Object.values(ALL_METRICS).flatMap((table): MetricDefinition[] => Object.values(table));
    expect(tables.map(({ name }) => name).filter((name) => !names.has(name))).toEqual([]);
  });

  test('ends in order, each service with code 0', async () => {
    for (const service of services) expect(await service.stop()).toBe(0);
  });
});
