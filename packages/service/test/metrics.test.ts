import { readFileSync } from 'node:fs';
import {
  ALL_METRICS,
  carrierMetrics,
  coordinatorMetrics,
  type MetricDefinition,
  metricsPage,
  protocolMetrics,
  storageMetrics,
  workerMetrics,
} from '@ckptree/service';
import { describe, expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { parseExposition } from './support/exposition.js';
import { ExampleService } from './support/service.js';

const DEFINITIONS: readonly MetricDefinition[] = Object.values(ALL_METRICS).flatMap(
  (table): MetricDefinition[] => Object.values(table),
);

describe('the tables of metrics', () => {
  test('have names as Prometheus asks for, each once', () => {
    const names = DEFINITIONS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, kind } of DEFINITIONS) {
      expect(name).toMatch(/^ckptree_[a-z_]+[a-z]$/);
      // https://prometheus.io/docs/practices/naming/
      expect([name, name.endsWith('_total')]).toEqual([name, kind === 'counter']);
      if (kind === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });

  test('have buckets that rise', () => {
    for (const { buckets = [] } of DEFINITIONS) expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
  });

  test('are what docs/metrics.md says', () => {
    const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
    expect(page).toBe(metricsPage());
  });

  test('can be asked for by several parts of one service', () => {
    const registry = new Registry();
    protocolMetrics(registry).requests.inc({ request: 'worker.ps', code: 'ok' });
    protocolMetrics(registry).requests.inc({ request: 'worker.ps', code: 'ok' });
    expect(registry.getMetricsAsArray()).toHaveLength(Object.keys(protocolMetrics(registry)).length);
  });

  test('have a series at 0 for each outcome before there is one', async () => {
    const registry = new Registry();
    coordinatorMetrics(registry);
    const samples = parseExposition(await registry.metrics());
    for (const outcome of ['completed', 'failed', 'cancelled'])
      expect(samples).toContainEqual({ name: 'ckptree_checkpoints_total', labels: { outcome }, value: 0 });
    for (const { labels, values } of DEFINITIONS)
      if (values !== undefined) expect(Object.keys(values)).toEqual(labels);
  });

  test('all fit into one registry, and what it says parses', async () => {
    const registry = new Registry();
    for (const metrics of [
      protocolMetrics,
      carrierMetrics,
      workerMetrics,
      storageMetrics,
      coordinatorMetrics,
    ])
      metrics(registry);
    coordinatorMetrics(registry).downtimeSeconds.observe(0.004);
    const samples = parseExposition(await registry.metrics());
    expect(samples).toContainEqual({
      name: 'ckptree_checkpoint_downtime_seconds_bucket',
      labels: { le: '0.005' },
      value: 1,
    });
  });
});

describe('a scrape', () => {
  test('tells of the process, of the event loop, of the service and of its parts', async () => {
    const service = new ExampleService(['--id', 'w1']);
    await service.announced('ready');
    const { status, type, body } = await service.get('/metrics');
    expect({ status, type }).toEqual({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' });
    const samples = parseExposition(body);
    const labels = { role: 'worker', id: 'w1', version: '1.2.3' };
    expect(samples).toContainEqual({ name: 'ckptree_service_info', labels, value: 1 });
    expect(samples).toContainEqual({ name: 'ckptree_service_ready', labels: {}, value: 1 });
    expect(samples).toContainEqual({ name: 'ckptree_worker_tasks', labels: { state: 'running' }, value: 7 });
    const names = new Set(samples.map(({ name }) => name));
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_p99_seconds',
    ])
      expect(names).toContain(name);
  });
});
